//! Positions on disk: one small JSON file per source, replaced whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::identity::{FileKey, Fingerprint};
use crate::progress::Position;

/// The version of the document; another one is not read.
const VERSION: u32 = 1;

/// What is known of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path that names the file's stream; the file itself may have been renamed since.
    pub(crate) path: PathBuf,
    pub(crate) key: FileKey,
    pub(crate) position: Position,
    /// When the file was last there, in seconds since the epoch.
    pub(crate) seen: u64,
}

/// What one source wants to find again after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The greatest time stamp given out, in nanoseconds since the epoch.
    pub(crate) last_time: i64,
    pub(crate) files: Vec<Entry>,
}

/// Why a checkpoint could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// Degraded: files are read from their beginning, which sends again what was sent.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
    /// Degraded, as above.
    #[error("not a checkpoint: {0}")]
    Garbage(#[from] serde_json::Error),
    /// Degraded, as above.
    #[error("version {0} is not known")]
    Version(u32),
}

/// The path of a source's checkpoint: its name with everything but `A-Z a-z 0-9 . _ -` written as `%XX`.
pub(crate) fn path_of(directory: &Path, source: &str) -> PathBuf {
    let mut name = String::with_capacity(source.len() + 5);
    for (i, b) in source.bytes().enumerate() {
        if b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || (b == b'.' && i > 0) {
            name.push(char::from(b));
        } else {
            name.push('%');
            for digit in [b >> 4, b & 15] {
                name.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    directory.join(name + ".json")
}

/// Reads a checkpoint; `None` when there is none yet.
pub(crate) fn load(path: &Path) -> Result<Option<Checkpoint>, LoadError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let document: Document = serde_json::from_slice(&bytes)?;
    if document.version != VERSION {
        return Err(LoadError::Version(document.version));
    }
    Ok(Some(document.into()))
}

/// Replaces a checkpoint so that a crash at any moment leaves the old or the new one.
pub(crate) fn store(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let bytes = serde_json::to_vec(&Document::from(checkpoint))?;
    let new = path.with_extension("json.tmp");
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    last_time: i64,
    files: Vec<DocumentEntry>,
}

#[derive(Serialize, Deserialize)]
struct DocumentEntry {
    path: String,
    dev: u64,
    inode: u64,
    offset: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    mid_line: bool,
    head_bytes: u32,
    head_crc32c: u32,
    seen: u64,
}

impl From<&Checkpoint> for Document {
    fn from(checkpoint: &Checkpoint) -> Self {
        let files = checkpoint.files.iter().map(|e| DocumentEntry {
            path: e.path.to_string_lossy().into_owned(),
            dev: e.key.dev,
            inode: e.key.inode,
            offset: e.position.offset,
            mid_line: e.position.mid_line,
            head_bytes: e.position.fingerprint.len,
            head_crc32c: e.position.fingerprint.crc,
            seen: e.seen,
        });
        Self { version: VERSION, last_time: checkpoint.last_time, files: files.collect() }
    }
}

impl From<Document> for Checkpoint {
    fn from(document: Document) -> Self {
        let files = document.files.into_iter().map(|e| Entry {
            path: e.path.into(),
            key: FileKey { dev: e.dev, inode: e.inode },
            position: Position {
                offset: e.offset,
                mid_line: e.mid_line,
                fingerprint: Fingerprint { len: e.head_bytes, crc: e.head_crc32c },
            },
            seen: e.seen,
        });
        Self { last_time: document.last_time, files: files.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_as_it_was_stored() {
        let dir = tempfile::tempdir().unwrap();
        let path = path_of(dir.path(), "app/../x y");
        assert_eq!(path, dir.path().join("app%2F..%2Fx%20y.json"));
        assert!(load(&path).unwrap().is_none());
        let position = Position { offset: 7, mid_line: true, fingerprint: Fingerprint { len: 7, crc: 9 } };
        let entry = Entry { path: "/var/log/ä".into(), key: FileKey { dev: 1, inode: u64::MAX }, position, seen: 5 };
        let checkpoint = Checkpoint { last_time: 42, files: vec![entry] };
        store(&path, &Checkpoint::default()).unwrap();
        store(&path, &checkpoint).unwrap();
        assert_eq!(load(&path).unwrap(), Some(checkpoint));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn garbage_and_later_versions_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = path_of(dir.path(), "a");
        fs::write(&path, b"{\"version\":1,\"last").unwrap();
        assert!(matches!(load(&path), Err(LoadError::Garbage(_))));
        fs::write(&path, br#"{"version":2,"last_time":0,"files":[]}"#).unwrap();
        assert!(matches!(load(&path), Err(LoadError::Version(2))));
    }
}
