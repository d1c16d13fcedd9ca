//! The file operations that can fail while a queue runs, behind a trait, so that tests can make them fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Where segments and cursors are kept.
pub(crate) trait Storage: Send + Sync + std::fmt::Debug {
    /// Opens a file for reading and writing; with `create`, one that must not exist yet.
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn SegmentFile>>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// One open file.
pub(crate) trait SegmentFile: Send + Sync + std::fmt::Debug {
    /// Writes both parts at `offset`, in one system call as a rule. On an error any part of them may be in the file.
    fn write(&self, offset: u64, head: &[u8], body: &[u8]) -> io::Result<()>;
    /// Fills `buffer` from `offset`, or fails.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// The file's length.
    fn len(&self) -> io::Result<u64>;
}

/// The real file system.
#[derive(Debug)]
pub(crate) struct Disk;

impl Storage for Disk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn SegmentFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(create).open(path)?;
        Ok(Arc::new(DiskFile { file, at: Mutex::new(0) }))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

#[derive(Debug)]
struct DiskFile {
    file: File,
    /// Where the file's own position stands: std has a gathering write only there. `u64::MAX`: unknown.
    at: Mutex<u64>,
}

impl SegmentFile for DiskFile {
    fn write(&self, offset: u64, head: &[u8], body: &[u8]) -> io::Result<()> {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = &self.file;
        if *at != offset {
            file.seek(SeekFrom::Start(offset))?;
        }
        *at = u64::MAX;
        let written = file.write_vectored(&[IoSlice::new(head), IoSlice::new(body)])?;
        if let Some(rest) = head.get(written..) {
            file.write_all(rest)?;
            file.write_all(body)?;
        } else if let Some(rest) = body.get(written - head.len()..) {
            file.write_all(rest)?;
        }
        *at = offset + (head.len() + body.len()) as u64;
        Ok(())
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// Replaces a small file as a whole, durably: a crash leaves the old text or the new.
pub(crate) fn replace(storage: &dyn Storage, path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("tmp");
    // a leftover of a crash
    let _ = storage.remove(&fresh);
    let file = storage.open(&fresh, true)?;
    file.write(0, text.as_bytes(), &[])?;
    file.sync()?;
    fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |dir| storage.sync_dir(dir))
}
