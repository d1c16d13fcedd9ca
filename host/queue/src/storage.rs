//! Every file operation of a queue but its lock, behind a trait, so that tests can make each of them fail, cut it short, or
//! let the power go between any two.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reading alone: the file may be somebody else's.
    Read,
    /// Reading and writing.
    Write,
    /// Reading and writing one that must not exist yet.
    Create,
}

/// A file system's room, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// What this process may still write.
    pub(crate) free: u64,
    pub(crate) total: u64,
}

/// Where segments, cursors and metadata are kept.
pub(crate) trait Storage: Send + Sync + std::fmt::Debug {
    /// Opens a file.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn SegmentFile>>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a directory and those above it, where they are missing.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Removes a directory with everything in it.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Gives a file or directory another name; what had that name before is gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// What is in a directory, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// The room on the file system of a directory.
    fn space(&self, dir: &Path) -> io::Result<Space>;
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
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn SegmentFile>> {
        let (write, create) = (mode != Mode::Read, mode == Mode::Create);
        let file = OpenOptions::new().read(true).write(write).create_new(create).open(path)?;
        Ok(Arc::new(DiskFile { file, at: Mutex::new(0) }))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(dir)?;
        Ok(Space {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
        })
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
        write_both(&mut file, head, body)?;
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

/// Writes both parts, at once if the system takes them at once.
fn write_both(file: &mut impl Write, head: &[u8], body: &[u8]) -> io::Result<()> {
    let written = match file.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        other => other?,
    };
    file.write_all(head.get(written..).unwrap_or_default())?;
    file.write_all(body.get(written.saturating_sub(head.len())..).unwrap_or_default())
}

/// Makes a directory whose name, and those of the directories above it that had to be made, survive a power cut.
pub(crate) fn create_dir_durably(storage: &dyn Storage, dir: &Path) -> io::Result<()> {
    let is_missing = |dir: &&Path| storage.list(dir).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let made: Vec<&Path> = dir.ancestors().take_while(is_missing).collect();
    storage.create_dir(dir)?;
    for parent in made.into_iter().filter_map(Path::parent) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match storage.sync_dir(parent) {
            // one may be allowed to make names in a directory and not to open it: then its owner sees to that
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            other => other?,
        }
    }
    Ok(())
}

/// The whole of a small file. More than `most` bytes are not read.
pub(crate) fn read_small(storage: &dyn Storage, path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = storage.open(path, Mode::Read)?;
    let mut bytes = vec![0; file.len()?.min(most) as usize];
    file.read(0, &mut bytes)?;
    Ok(bytes)
}

/// Replaces a small file as a whole, durably: a crash leaves the old text or the new.
pub(crate) fn replace(storage: &dyn Storage, path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("tmp");
    // a leftover of a crash
    let _ = storage.remove(&fresh);
    let file = storage.open(&fresh, Mode::Create)?;
    file.write(0, text.as_bytes(), &[])?;
    file.sync()?;
    storage.rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |dir| storage.sync_dir(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, from the first slice that has any, as a kernel may.
    struct Short(Vec<u8>, usize);

    impl Write for Short {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.1);
            self.0.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn short_writes_are_continued() {
        let (head, body) = (b"0123456789", b"abcdefghijklm");
        for at_once in 1..=24 {
            let mut file = Short(Vec::new(), at_once);
            write_both(&mut file, head, body).unwrap();
            assert_eq!(file.0, b"0123456789abcdefghijklm", "{at_once} bytes at once");
        }
        assert_eq!(write_both(&mut Short(Vec::new(), 0), head, body).unwrap_err().kind(), io::ErrorKind::WriteZero);
    }
}
