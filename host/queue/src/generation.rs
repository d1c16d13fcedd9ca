//! A generation: the lanes of one number of lanes, in a directory of their own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::lane::{Context, Lane};
use crate::segment;
use crate::settings::{MAX_LANES, Settings};
use crate::storage::replace;

const META: &str = "queue.meta";
const META_MAGIC: &str = "weir-queue";
const VERSION: u32 = 1;
const PREFIX: &str = "gen-";
/// A generation that is being removed: whatever is left of it, nobody wants it any more.
const GONE: &str = "gone-";

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    dir: PathBuf,
    pub(crate) lanes: Vec<Lane>,
}

impl Generation {
    /// The oldest time of an append over the lanes that have records.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.lanes.iter().filter_map(Lane::oldest_ms).min()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.iter().all(Lane::is_empty)
    }

    /// Removes the directory. A crash in between leaves a name that the next opening removes.
    pub(crate) fn remove(&self, context: &Context) -> io::Result<()> {
        let parent = self.dir.parent().unwrap_or(&self.dir);
        let gone = parent.join(format!("{GONE}{}", self.number));
        fs::rename(&self.dir, &gone)?;
        context.storage.sync_dir(parent)?;
        fs::remove_dir_all(gone)
    }
}

/// Opens all generations in a queue's directory, oldest first, the last of them with as many lanes as the settings say.
pub(crate) fn open_all(settings: &Settings, context: &Context) -> Result<Vec<Generation>, OpenError> {
    let dir = &settings.dir;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let path = entry.map_err(failed(dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(GONE) {
            fs::remove_dir_all(&path).map_err(failed(&path))?;
        } else if let Some(number) = name.strip_prefix(PREFIX).and_then(|number| number.parse::<u64>().ok()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();

    let mut generations = Vec::new();
    for &number in &numbers {
        let path = generation_dir(dir, number);
        let lanes = match read_meta(settings, &path)? {
            Some(lanes) => lanes,
            None => match rebuild_meta(settings, context, &path, number).map_err(failed(&path))? {
                Some(lanes) => lanes,
                None => continue,
            },
        };
        generations.push(open_lanes(context, number, path.clone(), lanes).map_err(failed(&path))?);
    }
    if generations.last().is_none_or(|last| last.lanes.len() != usize::from(settings.lanes)) {
        let number = numbers.last().map_or(1, |last| last + 1);
        let path = generation_dir(dir, number);
        create(settings, context, &path, number).map_err(failed(&path))?;
        generations.push(open_lanes(context, number, path.clone(), settings.lanes).map_err(failed(&path))?);
    }
    Ok(generations)
}

fn generation_dir(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{number:08}"))
}

fn lane_dir(generation: &Path, lane: u16) -> PathBuf {
    generation.join(format!("lane-{lane:02}"))
}

fn open_lanes(context: &Context, number: u64, dir: PathBuf, lanes: u16) -> io::Result<Generation> {
    let lanes = (0..lanes)
        .map(|lane| {
            let path = lane_dir(&dir, lane);
            fs::create_dir_all(&path)?;
            Lane::open(path, context)
        })
        .collect::<io::Result<_>>()?;
    Ok(Generation { number, dir, lanes })
}

/// The metadata come last: a directory without them holds nothing yet.
fn create(settings: &Settings, context: &Context, dir: &Path, number: u64) -> io::Result<()> {
    for lane in 0..settings.lanes {
        fs::create_dir_all(lane_dir(dir, lane))?;
    }
    write_meta(settings, context, dir, number, settings.lanes)?;
    context.storage.sync_dir(&settings.dir)
}

fn write_meta(settings: &Settings, context: &Context, dir: &Path, number: u64, lanes: u16) -> io::Result<()> {
    let sink = &settings.sink;
    let text = format!("{META_MAGIC} {VERSION}\ngeneration {number}\nlanes {lanes}\nsink {sink}\n");
    replace(&*context.storage, &dir.join(META), &text)
}

/// The number of lanes; `None` when the metadata are missing or garbage.
fn read_meta(settings: &Settings, dir: &Path) -> Result<Option<u16>, OpenError> {
    let path = dir.join(META);
    let bytes = match fs::read(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(OpenError::Io { path, source }),
        other => other.unwrap_or_default(),
    };
    let text = String::from_utf8_lossy(&bytes);
    let Some(rest) = text.strip_prefix(META_MAGIC) else { return Ok(None) };
    let mut text = rest.splitn(4, '\n');
    let Some(version) = text.next().and_then(|version| version.trim().parse().ok()) else { return Ok(None) };
    if version != VERSION {
        return Err(OpenError::Version { dir: dir.to_owned(), version });
    }
    let mut value = |key: &str| text.next().and_then(|line| line.strip_prefix(key)).map(str::to_owned);
    let (_, lanes, sink) = (value("generation "), value("lanes "), value("sink "));
    let lanes = lanes.and_then(|lanes| lanes.parse().ok()).filter(|lanes| (1..=MAX_LANES).contains(lanes));
    let (Some(lanes), Some(sink)) = (lanes, sink) else { return Ok(None) };
    let found = sink.trim_end_matches('\n');
    if found == settings.sink {
        return Ok(Some(lanes));
    }
    Err(OpenError::OtherSink { dir: settings.dir.clone(), found: found.to_owned(), wanted: settings.sink.clone() })
}

/// Counts the lanes' directories. `None`: nothing was ever written there, and the directory is removed.
fn rebuild_meta(settings: &Settings, context: &Context, dir: &Path, number: u64) -> io::Result<Option<u16>> {
    let (mut lanes, mut segments) = (0, 0);
    for lane in 0..MAX_LANES {
        let path = lane_dir(dir, lane);
        if path.is_dir() {
            lanes = lane + 1;
            segments += segment::list(&path)?.len();
        }
    }
    if segments == 0 {
        fs::remove_dir_all(dir)?;
        return Ok(None);
    }
    tracing::warn!(dir = %dir.display(), lanes, "queue metadata are missing or damaged; rebuilt from the lanes found");
    write_meta(settings, context, dir, number, lanes)?;
    Ok(Some(lanes))
}
