//! Log files with numbered lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::random::Random;
use crate::{Receiver, eventually};

/// One file that is written to, rotated and truncated.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    name: String,
    next: u64,
    rotations: u32,
}

impl Writer {
    /// A new file `NAME.log` in `dir`.
    pub fn new(dir: &Path, name: &str) -> Self {
        let path = dir.join(format!("{name}.log"));
        Self { file: open(&path), path, name: name.to_owned(), next: 0, rotations: 0 }
    }

    /// Appends `count` lines `NAME-000000` and so on.
    pub fn write(&mut self, count: u64) {
        let mut text = String::new();
        for _ in 0..count {
            writeln!(text, "{}-{:06} the quick brown fox", self.name, self.next).unwrap();
            self.next += 1;
        }
        self.file.write_all(text.as_bytes()).unwrap();
    }

    /// Appends `count` lines that do not compress, of some 230 bytes.
    pub fn write_random(&mut self, count: u64, random: &mut Random) {
        let mut text = String::new();
        for _ in 0..count {
            writeln!(text, "{}-{:06} {}", self.name, self.next, random.hex(220)).unwrap();
            self.next += 1;
        }
        self.file.write_all(text.as_bytes()).unwrap();
    }

    /// Writes a line in two halves, calling `between` when the first is on disk.
    pub async fn write_halves(&mut self, between: impl AsyncFnOnce()) {
        let line = format!("{}-{:06} the quick brown fox\n", self.name, self.next);
        self.next += 1;
        self.file.write_all(&line.as_bytes()[..12]).unwrap();
        between().await;
        self.file.write_all(&line.as_bytes()[12..]).unwrap();
    }

    /// Renames the file to `NAME.log.N` and goes on in a new one.
    pub fn rotate(&mut self) {
        self.rotations += 1;
        std::fs::rename(&self.path, self.path.with_extension(format!("log.{}", self.rotations))).unwrap();
        self.file = open(&self.path);
    }

    /// Empties the file in place.
    pub fn truncate(&mut self) {
        self.file.set_len(0).unwrap();
    }

    /// How many lines were written.
    pub fn written(&self) -> u64 {
        self.next
    }

    /// The file's name without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// Waits until every line of these files is in the receiver.
pub async fn complete(receiver: &Receiver, writers: impl IntoIterator<Item = &Writer> + Clone) {
    eventually("every line", async || {
        let lines = receiver.lines();
        for writer in writers.clone() {
            let missing = missing(&arrivals(lines.iter().map(String::as_str), writer.name()), writer.written());
            if !missing.is_empty() {
                let first: Vec<_> = missing.iter().take(5).collect();
                return Err(format!("{} of {} from {}: {first:?}", missing.len(), writer.written(), writer.name()));
            }
        }
        Ok(())
    })
    .await;
}

/// How often each number of a file arrived, from lines that hold `NAME-000000`.
pub fn arrivals<'a>(lines: impl Iterator<Item = &'a str>, name: &str) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    let prefix = format!("{name}-");
    for line in lines {
        if let Some((_, rest)) = line.split_once(&prefix) {
            let number = rest.split(' ').next().and_then(|n| n.parse().ok());
            *counts.entry(number.unwrap_or_else(|| panic!("a damaged line: {line:?}"))).or_default() += 1;
        }
    }
    counts
}

/// The numbers below `written` that did not arrive.
pub fn missing(counts: &BTreeMap<u64, u64>, written: u64) -> Vec<u64> {
    (0..written).filter(|n| !counts.contains_key(n)).collect()
}
