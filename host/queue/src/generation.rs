//! A generation: the lanes of one number of lanes, in a directory of their own.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::lane::{Context, Lane};
use crate::segment;
use crate::settings::{MAX_LANES, Settings};
use crate::storage::{Storage, read_small, replace};

const META: &str = "queue.meta";
/// More than any metadata have; a longer file is garbage.
const META_BYTES: u64 = 16 << 10;
const META_MAGIC: &str = "weir-queue";
const VERSION: u32 = 1;
const PREFIX: &str = "gen-";
/// No queue ever has so many generations: a directory of such a name is not a queue's.
const NUMBERS: u64 = 1 << 32;
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

    /// Removes the directory. Whatever a crash or an error leaves of it has a name that the next opening removes.
    pub(crate) fn remove(&self, context: &Context) -> io::Result<()> {
        let storage = &*context.storage;
        let parent = self.dir.parent().unwrap_or(&self.dir);
        let gone = parent.join(format!("{GONE}{}", self.number));
        storage.rename(&self.dir, &gone)?;
        let removed = storage.sync_dir(parent).and_then(|()| storage.remove_dir(&gone));
        if let Err(error) = removed {
            tracing::warn!(dir = %gone.display(), %error, "what was sent is not removed before the next start");
        }
        Ok(())
    }
}

/// Opens all generations in a queue's directory, oldest first, the last of them with as many lanes as the settings say.
pub(crate) fn open_all(settings: &Settings, context: &Context) -> Result<Vec<Generation>, OpenError> {
    let dir = &settings.dir;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    for path in context.storage.list(dir).map_err(failed(dir))? {
        if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(GONE)) {
            context.storage.remove_dir(&path).map_err(failed(&path))?;
        }
    }
    let numbers = numbers(&*context.storage, dir).map_err(failed(dir))?;

    let mut generations = Vec::new();
    for &number in &numbers {
        let path = generation_dir(dir, number);
        let lanes = match check_meta(settings, context, &path)? {
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

/// The generations in a queue's directory, oldest first.
pub(crate) fn numbers(storage: &dyn Storage, dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = storage
        .list(dir)?
        .iter()
        .filter_map(|path| {
            let number = path.file_name()?.to_str()?.strip_prefix(PREFIX)?.parse().ok()?;
            // a name that is written in another way is not the queue's
            (number < NUMBERS && *path == generation_dir(dir, number)).then_some(number)
        })
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

pub(crate) fn generation_dir(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{number:08}"))
}

pub(crate) fn lane_dir(generation: &Path, lane: u16) -> PathBuf {
    generation.join(format!("lane-{lane:02}"))
}

fn open_lanes(context: &Context, number: u64, dir: PathBuf, lanes: u16) -> io::Result<Generation> {
    let lanes = (0..lanes)
        .map(|lane| {
            let path = lane_dir(&dir, lane);
            context.storage.create_dir(&path)?;
            Lane::open(path, context)
        })
        .collect::<io::Result<_>>()?;
    Ok(Generation { number, dir, lanes })
}

/// The metadata come last: a directory without them holds nothing yet.
fn create(settings: &Settings, context: &Context, dir: &Path, number: u64) -> io::Result<()> {
    for lane in 0..settings.lanes {
        context.storage.create_dir(&lane_dir(dir, lane))?;
    }
    write_meta(settings, context, dir, number, settings.lanes)?;
    context.storage.sync_dir(&settings.dir)
}

fn write_meta(settings: &Settings, context: &Context, dir: &Path, number: u64, lanes: u16) -> io::Result<()> {
    let sink = &settings.sink;
    let text = format!("{META_MAGIC} {VERSION}\ngeneration {number}\nlanes {lanes}\nsink {sink}\n");
    replace(&*context.storage, &dir.join(META), &text)
}

/// What the metadata of a generation say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) lanes: u16,
    pub(crate) sink: String,
}

/// The metadata; `None` when they are missing or garbage.
pub(crate) fn read_meta(storage: &dyn Storage, dir: &Path) -> Result<Option<Meta>, OpenError> {
    let path = dir.join(META);
    let bytes = match read_small(storage, &path, META_BYTES) {
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
    Ok(lanes.zip(sink).map(|(lanes, sink)| Meta { lanes, sink: sink.trim_end_matches('\n').to_owned() }))
}

/// The number of lanes, unless the queue is another sink's; `None` when the metadata say nothing.
fn check_meta(settings: &Settings, context: &Context, dir: &Path) -> Result<Option<u16>, OpenError> {
    match read_meta(&*context.storage, dir)? {
        Some(meta) if meta.sink != settings.sink => {
            Err(OpenError::OtherSink { dir: settings.dir.clone(), found: meta.sink, wanted: settings.sink.clone() })
        }
        other => Ok(other.map(|meta| meta.lanes)),
    }
}

/// Counts the lanes' directories. `None`: nothing was ever written there, and the directory is removed.
fn rebuild_meta(settings: &Settings, context: &Context, dir: &Path, number: u64) -> io::Result<Option<u16>> {
    let (lanes, segments) = found_lanes(&*context.storage, dir)?;
    if segments == 0 {
        context.storage.remove_dir(dir)?;
        return Ok(None);
    }
    tracing::warn!(dir = %dir.display(), lanes, "queue metadata are missing or damaged; rebuilt from the lanes found");
    write_meta(settings, context, dir, number, lanes)?;
    Ok(Some(lanes))
}

/// How many lanes have a directory, and how many segments are in them. An error where that cannot be known: nobody may
/// take such a generation for an empty one.
pub(crate) fn found_lanes(storage: &dyn Storage, dir: &Path) -> io::Result<(u16, usize)> {
    let (mut lanes, mut segments) = (0, 0);
    for lane in 0..MAX_LANES {
        match segment::list(storage, &lane_dir(dir, lane)) {
            Ok(found) => {
                lanes = lane + 1;
                segments += found.len();
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((lanes, segments))
}
