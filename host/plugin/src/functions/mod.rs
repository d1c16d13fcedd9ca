//! Functions that were compiled before: a large component of which little has changed is compiled in a third of the time.
//!
//! An interpreter is most of a plugin in Python or JavaScript, and the same in each of them and in each of their versions; a Go plugin is
//! mostly Go's runtime. Wasmtime asks for each function, by the SHA-256 of all that its machine code depends on (its code as the
//! compiler sees it, the target, the compiler's version and flags), whether it was compiled before. What was lies in *segments*, files beside
//! the compiled components ([`crate::store`]): one compilation writes one segment, with the functions that no other had, and nobody changes it after
//! that. So there is nothing to merge, two that write at once do not meet, and all plugins of a directory share what they have in common.
//!
//! One in twenty functions of CPython is not found the second time, and one in fifty the fourth: their keys differ by something in the compiler's
//! view that does not show in their code, which is the same to the byte. They are kept once more, under the other key.
//!
//! Whatever goes wrong here costs time and nothing else: a segment that is not whole is removed, a function whose checksum is wrong is compiled,
//! and a directory that is read only or full keeps nothing. A value is read when it is asked for, so what a compilation holds in
//! memory is the index. Components below [`WORTHWHILE`] do without: they compile in a moment.
//!
//! # Trust
//! The process that compiles a stranger's component writes what is used for another's. That is sound as long as the compiler is: a
//! key is a hash that no two functions share, and whoever finds one under it finds what the compiler makes of that very function. A component
//! can break that only by taking over the process that compiles it. But what that process returns is run by weir, as it is: it
//! has weir's own rights then (all plugins and this directory among them), with this cache or without. Files for each
//! plugin would not change that; they would cost 27 MB for each in Python instead of for all of them, and a first compilation of 5 s instead of 2.
//! Only this user may write to the directory, and the checksums are against accidents, not against him.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use wasmtime::{CacheStore, Engine};

use crate::store::{CacheFile, by_age, engine_hash};

mod segment;
#[cfg(test)]
mod tests;

use segment::{Key, Place, Segment, Writer};

/// The smallest component, in bytes, whose functions are kept: below, compiling takes less than half a second, and most are Rust or C, where
/// a change moves everything.
pub(crate) const WORTHWHILE: usize = 1 << 20;

/// Ends the names of segments.
pub(crate) const EXTENSION: &str = ".functions";

/// The most bytes of memory that finding and keeping functions takes: 23 MB for the index of [`MAX_FOUND`] and half of that while it grows, 15 for
/// a segment's as it is read, 11 for that of a new one.
pub(crate) const MEMORY: u64 = 64 << 20;

/// The most functions that are looked for. Python, JavaScript and Go have 30,000 together; a component that is all tiny functions
/// makes a large index of few bytes.
const MAX_FOUND: usize = 200_000;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The fewest bytes that make a segment: what compiles in less time than a file is worth is compiled each time.
    pub(crate) least: u64,
    /// The most bytes of a segment. CPython with its libraries is 27 MB.
    pub(crate) segment: u64,
    /// The most bytes of all of them; the one that was not used for the longest leaves first. Python, JavaScript and Go are 40 MB together:
    /// there is room for several versions of each, in little more than three compiled Python plugins take.
    pub(crate) total: u64,
    /// The most segments: all of them are opened for each compilation.
    pub(crate) segments: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { least: 256 << 10, segment: 64 << 20, total: 128 << 20, segments: 32 }
    }
}

/// How many functions a compilation found and had to compile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) found: usize,
    pub(crate) compiled: usize,
}

/// The functions of a directory, for one compilation. Until it is opened it has none and keeps none: the directory's files are told apart by the
/// engine, which has this in its configuration.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    opened: OnceLock<Opened>,
    found: AtomicUsize,
    compiled: AtomicUsize,
}

#[derive(Debug)]
struct Opened {
    dir: PathBuf,
    suffix: String,
    bounds: Bounds,
    segments: Vec<Segment>,
    index: HashMap<Key, (usize, Place)>,
    fresh: Mutex<Fresh>,
}

/// The segment that a compilation writes.
#[derive(Debug)]
enum Fresh {
    Nothing,
    Some(Writer),
    /// It could not be written.
    Failed,
}

impl Functions {
    /// Finds what is there for this engine.
    pub(crate) fn open(&self, dir: &Path, engine: &Engine, bounds: Bounds) {
        let suffix = format!("-{}{EXTENSION}", engine_hash(engine));
        let (mut segments, mut index) = (Vec::new(), HashMap::new());
        for path in segments_of(dir, &suffix).into_iter().map(|file| file.path).take(bounds.segments) {
            match Segment::open(&path) {
                Ok((segment, places)) => {
                    if index.len() + places.len() > MAX_FOUND {
                        continue;
                    }
                    index.reserve(places.len());
                    index.extend(places.into_iter().map(|(key, place)| (key, (segments.len(), place))));
                    segments.push(segment);
                }
                // Of no use to anybody.
                Err(e) if matches!(e.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                    let _ = fs::remove_file(&path);
                }
                // It may have left just now.
                Err(_) => {}
            }
        }
        let fresh = Mutex::new(Fresh::Nothing);
        // Opened once: there is nothing else to do with it.
        let _ = self.opened.set(Opened { dir: dir.to_owned(), suffix, bounds, segments, index, fresh });
    }

    /// Keeps what was new, and removes what is too much or damaged.
    pub(crate) fn keep(&self) -> Counts {
        if let Some(opened) = self.opened.get() {
            opened.keep();
        }
        Counts { found: self.found.load(Ordering::Relaxed), compiled: self.compiled.load(Ordering::Relaxed) }
    }
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let value = self.opened.get().and_then(|opened| opened.get(key));
        let count = if value.is_some() { &self.found } else { &self.compiled };
        count.fetch_add(1, Ordering::Relaxed);
        value.map(Cow::Owned)
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        self.opened.get().is_some_and(|opened| opened.insert(key, &value))
    }
}

impl Opened {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let key: &Key = key.try_into().ok()?;
        let (segment, place) = self.index.get(key)?;
        self.segments.get(*segment)?.read(key, place)
    }

    fn insert(&self, key: &[u8], value: &[u8]) -> bool {
        let Ok(key) = key.try_into() else { return false };
        let sum = segment::sum(key, value);
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*fresh, Fresh::Nothing) {
            *fresh = Writer::create(&self.dir, self.bounds.segment).map_or(Fresh::Failed, Fresh::Some);
        }
        let Fresh::Some(writer) = &mut *fresh else { return false };
        let added = writer.add(*key, value, sum);
        if added.is_err() {
            *fresh = Fresh::Failed;
        }
        added.unwrap_or(false)
    }

    fn keep(&self) {
        // Before the new one comes, which is the last to leave.
        for segment in &self.segments {
            segment.end();
        }
        let fresh = std::mem::replace(&mut *self.fresh.lock().unwrap_or_else(PoisonError::into_inner), Fresh::Failed);
        let Fresh::Some(writer) = fresh else { return };
        // What cannot be written is compiled again the next time.
        if let Ok(true) = writer.finish(&self.dir, &self.suffix, self.bounds.least) {
            trim(&self.dir, &self.suffix, self.bounds);
        }
    }
}

/// Removes what a process left behind that was ended while it compiled.
pub(crate) fn forget(dir: &Path, process: u32) {
    // Most often there is nothing.
    let _ = fs::remove_file(segment::unfinished(dir, process, 0));
}

/// The segments of an engine, the one that was used last first; none where the directory cannot be read.
fn segments_of(dir: &Path, suffix: &str) -> Vec<CacheFile> {
    by_age(dir, suffix).unwrap_or_default()
}

/// Removes what was not used for the longest and is beyond the bounds.
fn trim(dir: &Path, suffix: &str, bounds: Bounds) {
    let mut sum = 0_u64;
    for (n, file) in segments_of(dir, suffix).into_iter().enumerate() {
        sum = sum.saturating_add(file.len);
        if sum > bounds.total || n >= bounds.segments {
            // Another compilation may have removed it.
            let _ = fs::remove_file(file.path);
        }
    }
}
