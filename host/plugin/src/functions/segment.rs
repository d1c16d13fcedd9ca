//! A segment: a file of compiled functions, written once.
//!
//! A magic; the values, one behind the other; the index, for each value its key, its length (`u32`, little-endian) and a SHA-256 of
//! key and value; how many they are (`u64`), and the SHA-256 of the index and that. Its name is the beginning of the SHA-256 of all keys in their order, so
//! the same functions written twice are one file. It is written beside and renamed.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::store::hex;

const MAGIC: &[u8; 8] = b"weirfun1";

/// Of a value's entry in the index: key, length, sum.
const ENTRY: usize = 32 + 4 + 32;

/// Of the end: how many, and the sum.
const FOOTER: usize = 8 + 32;

/// Values in a segment: 7 MB of index in memory. CPython has 22,000 functions; what is all tiny functions does not get more.
const MAX_VALUES: usize = 100_000;

/// What a function is found by.
pub(super) type Key = [u8; 32];

/// Where a value is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    offset: u64,
    len: u32,
    sum: [u8; 32],
}

/// Of a key and its value.
pub(super) fn sum(key: &Key, value: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(key).chain_update(value).finalize().into()
}

/// A segment that is read.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    used: AtomicBool,
    damaged: AtomicBool,
}

impl Segment {
    /// Opens it and reads its index. One that is not whole, or not one, is [`io::ErrorKind::InvalidData`] or
    /// [`io::ErrorKind::UnexpectedEof`].
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<(Key, Place)>)> {
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let values_end = |index: u64| len.checked_sub(FOOTER as u64)?.checked_sub(index);
        let mut magic = [0; MAGIC.len()];
        let mut footer = [0; FOOTER];
        file.read_exact_at(&mut magic, 0)?;
        file.read_exact_at(&mut footer, values_end(0).ok_or_else(damaged)?)?;
        let (count, expected) = footer.split_at(8);
        let count = usize::try_from(u64::from_le_bytes(count.try_into().map_err(|_| damaged())?));
        let count = count.ok().filter(|n| *n <= MAX_VALUES).ok_or_else(damaged)?;
        let mut index = vec![0; count * ENTRY];
        let end = values_end(index.len() as u64).ok_or_else(damaged)?;
        file.read_exact_at(&mut index, end)?;
        if magic != *MAGIC || index_sum(&index, count).as_slice() != expected {
            return Err(damaged());
        }
        let mut offset = MAGIC.len() as u64;
        let mut places = Vec::with_capacity(count);
        for entry in index.chunks_exact(ENTRY) {
            let (key, rest) = entry.split_first_chunk().ok_or_else(damaged)?;
            let (len, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
            let sum = *rest.first_chunk().ok_or_else(damaged)?;
            let len = u32::from_le_bytes(*len);
            places.push((*key, Place { offset, len, sum }));
            offset += u64::from(len);
        }
        if offset != end {
            return Err(damaged());
        }
        Ok((Self { path: path.to_owned(), file, used: AtomicBool::default(), damaged: AtomicBool::default() }, places))
    }

    /// A value, where it is as it was written.
    pub(super) fn read(&self, key: &Key, place: &Place) -> Option<Vec<u8>> {
        let mut value = vec![0; place.len as usize];
        let whole = self.file.read_exact_at(&mut value, place.offset).is_ok() && sum(key, &value) == place.sum;
        let mark = if whole { &self.used } else { &self.damaged };
        mark.store(true, Ordering::Relaxed);
        whole.then_some(value)
    }

    /// At the end of a compilation: one that was of use stays longer, one that is damaged leaves.
    pub(super) fn end(&self) {
        if self.damaged.load(Ordering::Relaxed) {
            let _ = fs::remove_file(&self.path);
        } else if self.used.load(Ordering::Relaxed) {
            used_now(&self.file);
        }
    }
}

/// Sets the time by which segments leave, by one clock for those that are written and those that are found: the kernel's own times lag behind.
fn used_now(file: &File) {
    // Where that is not allowed, they leave in the order in which they came.
    let _ = file.set_modified(SystemTime::now());
}

fn index_sum(index: &[u8], count: usize) -> [u8; 32] {
    Sha256::new().chain_update(index).chain_update((count as u64).to_le_bytes()).finalize().into()
}

/// Where a process writes the segment of a compilation.
pub(super) fn unfinished(dir: &Path, process: u32, number: usize) -> PathBuf {
    dir.join(format!("functions.{process}.{number}.tmp"))
}

/// A segment that is written. One that is not finished is removed.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    most: u64,
    /// Bytes of the file, its index and end included.
    len: u64,
    index: Vec<u8>,
    keys: BTreeSet<Key>,
}

impl Writer {
    /// A segment of at most so many bytes.
    pub(super) fn create(dir: &Path, most: u64) -> io::Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = unfinished(dir, std::process::id(), number);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        let mut writer = Self {
            path,
            file: BufWriter::with_capacity(64 << 10, file),
            most,
            len: (MAGIC.len() + FOOTER) as u64,
            index: Vec::new(),
            keys: BTreeSet::new(),
        };
        writer.file.write_all(MAGIC)?;
        Ok(writer)
    }

    /// Adds a value; not, where it is there or the segment is full. After an error the file is of no use.
    pub(super) fn add(&mut self, key: Key, value: &[u8], sum: [u8; 32]) -> io::Result<bool> {
        let Ok(len) = u32::try_from(value.len()) else { return Ok(false) };
        let grown = self.len + (ENTRY + value.len()) as u64;
        if grown > self.most || self.keys.len() >= MAX_VALUES || !self.keys.insert(key) {
            return Ok(false);
        }
        self.len = grown;
        self.file.write_all(value)?;
        self.index.extend_from_slice(&key);
        self.index.extend_from_slice(&len.to_le_bytes());
        self.index.extend_from_slice(&sum);
        Ok(true)
    }

    /// Makes the file a segment of this directory; not, where it has fewer bytes than are worth it.
    pub(super) fn finish(mut self, dir: &Path, suffix: &str, least: u64) -> io::Result<bool> {
        if self.len < least {
            return Ok(false);
        }
        let count = self.keys.len();
        let sum = index_sum(&self.index, count);
        self.file.write_all(&self.index)?;
        self.file.write_all(&(count as u64).to_le_bytes())?;
        self.file.write_all(&sum)?;
        // Not synced: after a crash the checksums find what is missing.
        self.file.flush()?;
        used_now(self.file.get_ref());
        let keys = self.keys.iter().fold(Sha256::new(), Sha256::chain_update);
        let name = hex(&keys.finalize()[..16]);
        fs::rename(&self.path, dir.join(format!("{name}{suffix}")))?;
        Ok(true)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Finished, it is not there any more under this name.
        let _ = fs::remove_file(&self.path);
    }
}
