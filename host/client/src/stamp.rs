//! Noticing that a file changed.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells two states of a file apart without reading it: a rewrite changes the times, a rename the inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device_inode: (u64, u64),
    size: u64,
    changed: (i64, i64),
    modified: (i64, i64),
}

impl Stamp {
    /// The file's present state; follows symbolic links, since mounted secrets are swapped through them.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let m = std::fs::metadata(path)?;
        Ok(Self {
            device_inode: (m.dev(), m.ino()),
            size: m.size(),
            changed: (m.ctime(), m.ctime_nsec()),
            modified: (m.mtime(), m.mtime_nsec()),
        })
    }
}
