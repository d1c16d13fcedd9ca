//! What lies in a dead weir's queues, read from the files by a reader that is not weir's own: whatever a process has
//! appended outlives its kill, so all of it has to arrive.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use weir_receive::recorder::series_name;
use weir_receive::{Limits, decode};

/// The first bytes of a record (crate `weir-queue`, "On disk").
const MAGIC: [u8; 4] = [0xf7, 0x57, 0x51, 0x01];
/// Bytes before a record's body.
const HEADER: usize = 64;

/// All samples and lines that were seen in the files of one queue, over all looks.
#[derive(Debug)]
pub struct QueueFiles {
    dir: PathBuf,
    /// How far each file has been read: from there on it only grows. A cut tail is written over.
    read: HashMap<PathBuf, usize>,
    /// Records seen.
    pub records: u64,
    /// Series, time in milliseconds, value by its bits.
    pub samples: HashSet<(String, i64, u64)>,
    /// Stream, time in nanoseconds, text.
    pub lines: HashSet<(String, i64, String)>,
}

impl QueueFiles {
    /// The queue of `component`, such as `loki.main`, below a `data_dir`.
    pub fn of(data_dir: &Path, component: &str) -> Self {
        let dir = data_dir.join("queue").join(component);
        Self { dir, read: HashMap::new(), records: 0, samples: HashSet::new(), lines: HashSet::new() }
    }

    /// The segments that are there.
    pub fn segments(&self) -> Vec<PathBuf> {
        self.find("seg")
    }

    /// The lanes' cursors.
    pub fn cursors(&self) -> Vec<PathBuf> {
        let mut all = vec![];
        walk(&self.dir, &mut |path| {
            if path.file_name().is_some_and(|name| name == "cursor") {
                all.push(path.to_owned());
            }
        });
        all
    }

    fn find(&self, ending: &str) -> Vec<PathBuf> {
        let mut all = vec![];
        walk(&self.dir, &mut |path| {
            if path.extension().is_some_and(|e| e == ending) {
                all.push(path.to_owned());
            }
        });
        all
    }

    /// Reads what was not read yet. Only while nobody writes.
    pub fn look(&mut self) {
        for path in self.segments() {
            let bytes = std::fs::read(&path).unwrap();
            let mut at = self.read.get(&path).copied().unwrap_or(0);
            // a record that is not whole is the torn tail: nobody was told that it was kept
            while let Some(body) = record(&bytes[at.min(bytes.len())..]) {
                self.keep(body);
                at += HEADER + body.len();
            }
            self.read.insert(path, at);
        }
    }

    fn keep(&mut self, body: &[u8]) {
        self.records += 1;
        let lines = self.dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with("loki."));
        if lines {
            let request = decode::loki(body, "application/x-protobuf", "", Limits::default()).unwrap();
            for stream in request.streams {
                for entry in stream.entries {
                    self.lines.insert((stream.labels.clone(), entry.nanos(), entry.line));
                }
            }
        } else {
            for series in decode::remote_write(body, Limits::default()).unwrap().timeseries {
                let name = series_name(&series);
                for sample in series.samples {
                    self.samples.insert((name.clone(), sample.timestamp, sample.value.to_bits()));
                }
            }
        }
    }
}

/// The body of the whole record at the beginning of `bytes`.
fn record(bytes: &[u8]) -> Option<&[u8]> {
    let header = bytes.get(..HEADER)?;
    if header[..4] != MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(header[4..8].try_into().unwrap()) as usize;
    bytes.get(HEADER..HEADER + length)
}

fn walk(dir: &Path, file: &mut impl FnMut(&Path)) {
    // what is not there yet, or has just gone, has no files
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, file) } else { file(&path) }
    }
}
