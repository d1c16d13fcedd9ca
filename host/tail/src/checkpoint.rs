//! Positions on disk: one small JSON file per source, replaced whole.
//!
//! A wrong position loses lines without a word, so a checkpoint is believed only when it is whole: it holds a checksum of
//! itself. One that is not (cut, flipped, of another version) is as good as none: files are read from their beginning.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::identity::{FileKey, Fingerprint};
use crate::progress::Position;

/// The version of the document; another one is not read. 1 had no checksum.
const VERSION: u32 = 2;

/// What is known of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path that names the file's stream; the file itself may have been renamed since.
    pub(crate) path: PathBuf,
    pub(crate) key: FileKey,
    /// When the file was made; see [`born`](crate::moment::born).
    pub(crate) born: i64,
    pub(crate) position: Position,
    /// Whether all of it was read before it went. One that was not and cannot be found is counted as vanished.
    pub(crate) finished: bool,
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
    #[error("it was damaged: its checksum does not match")]
    Damaged,
    /// Degraded, as above.
    #[error("it is of version {0}, and this program knows version {VERSION} alone")]
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
    parse(&bytes).map(Some)
}

fn parse(bytes: &[u8]) -> Result<Checkpoint, LoadError> {
    // first, for another version may have another form
    let Version { version } = serde_json::from_slice(bytes)?;
    if version != VERSION {
        return Err(LoadError::Version(version));
    }
    let mut document: Document = serde_json::from_slice(bytes)?;
    let claimed = std::mem::take(&mut document.crc32c);
    if claimed != document.checksum()? {
        return Err(LoadError::Damaged);
    }
    Ok(document.into())
}

/// Replaces a checkpoint so that a crash at any moment leaves the old or the new one.
pub(crate) fn store(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let mut document = Document::from(checkpoint);
    document.crc32c = document.checksum()?;
    let bytes = serde_json::to_vec(&document)?;
    let new = path.with_extension("json.tmp");
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    /// Of the document as it is written, with 0 in this place.
    crc32c: u32,
    last_time: i64,
    files: Vec<DocumentEntry>,
}

impl Document {
    /// To be asked of a document that has no checksum yet.
    fn checksum(&self) -> Result<u32, serde_json::Error> {
        Ok(crc32c::crc32c(&serde_json::to_vec(self)?))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentEntry {
    path: String,
    dev: u64,
    inode: u64,
    /// Not known to programs that wrote none, nor of every file system.
    #[serde(default, skip_serializing_if = "is_zero")]
    born: i64,
    offset: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    mid_line: bool,
    head_bytes: u32,
    head_crc32c: u32,
    before_bytes: u32,
    before_crc32c: u32,
    /// Read to its end before it went.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    finished: bool,
    seen: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(born: &i64) -> bool {
    *born == 0
}

impl From<&Checkpoint> for Document {
    fn from(checkpoint: &Checkpoint) -> Self {
        let files = checkpoint.files.iter().map(|e| DocumentEntry {
            path: e.path.to_string_lossy().into_owned(),
            dev: e.key.dev,
            inode: e.key.inode,
            born: e.born,
            offset: e.position.offset,
            mid_line: e.position.mid_line,
            head_bytes: e.position.fingerprint.len,
            head_crc32c: e.position.fingerprint.crc,
            before_bytes: e.position.before.len,
            before_crc32c: e.position.before.crc,
            finished: e.finished,
            seen: e.seen,
        });
        Self { version: VERSION, crc32c: 0, last_time: checkpoint.last_time, files: files.collect() }
    }
}

impl From<Document> for Checkpoint {
    fn from(document: Document) -> Self {
        let files = document.files.into_iter().map(|e| Entry {
            path: e.path.into(),
            key: FileKey { dev: e.dev, inode: e.inode },
            born: e.born,
            position: Position {
                offset: e.offset,
                mid_line: e.mid_line,
                fingerprint: Fingerprint { len: e.head_bytes, crc: e.head_crc32c },
                before: Fingerprint { len: e.before_bytes, crc: e.before_crc32c },
            },
            finished: e.finished,
            seen: e.seen,
        });
        Self { last_time: document.last_time, files: files.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_checkpoint_comes_back_as_it_was_stored() {
        let dir = tempfile::tempdir().unwrap();
        let path = path_of(dir.path(), "app/../x y");
        assert_eq!(path, dir.path().join("app%2F..%2Fx%20y.json"));
        assert!(load(&path).unwrap().is_none());
        let (fingerprint, before) = (Fingerprint { len: 7, crc: 9 }, Fingerprint { len: 3, crc: 1 });
        let position = Position { offset: 7, mid_line: true, fingerprint, before };
        let key = FileKey { dev: 1, inode: u64::MAX };
        let entry = Entry { path: "/var/log/ä".into(), key, born: -1, position, finished: true, seen: 5 };
        let checkpoint = Checkpoint { last_time: 42, files: vec![entry] };
        store(&path, &Checkpoint::default()).unwrap();
        store(&path, &checkpoint).unwrap();
        assert_eq!(load(&path).unwrap(), Some(checkpoint));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn garbage_and_other_versions_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = path_of(dir.path(), "a");
        fs::write(&path, b"{\"version\":2,\"last").unwrap();
        assert!(matches!(load(&path), Err(LoadError::Garbage(_))));
        for (version, text) in [(1, r#"{"version":1,"last_time":0,"files":[]}"#), (9, r#"{"version":9,"new":true}"#)] {
            fs::write(&path, text).unwrap();
            assert!(matches!(load(&path), Err(LoadError::Version(v)) if v == version));
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(load(&path), Err(LoadError::Io(_))));
    }

    fn any_checkpoint() -> impl Strategy<Value = Checkpoint> {
        let print = || any::<(u32, u32)>().prop_map(|(len, crc)| Fingerprint { len, crc });
        let position = (any::<u64>(), any::<bool>(), print(), print())
            .prop_map(|(offset, mid_line, fingerprint, before)| Position { offset, mid_line, fingerprint, before });
        let place = ("/[a-z/\"\\\\é]{0,12}", any::<(u64, u64, i64)>());
        let entry = (place, position, any::<(bool, u64)>()).prop_map(
            |((path, (dev, inode, born)), position, (finished, seen))| {
                let key = FileKey { dev, inode };
                Entry { path: path.into(), key, born, position, finished, seen }
            },
        );
        (any::<i64>(), prop::collection::vec(entry, 0..4))
            .prop_map(|(last_time, files)| Checkpoint { last_time, files })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_checkpoint_is_never_believed(
            checkpoint in any_checkpoint(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..3),
            garbage in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = path_of(dir.path(), "a");
            store(&path, &checkpoint).unwrap();
            let read = load(&path).unwrap();
            prop_assert_eq!(read.as_ref(), Some(&checkpoint));
            let whole = fs::read(&path).unwrap();
            for cut in 0..whole.len() {
                prop_assert!(parse(&whole[..cut]).is_err(), "cut at {}", cut);
            }
            let mut flipped = whole.clone();
            for (at, bits) in flips {
                flipped[at.index(whole.len())] ^= bits;
            }
            // two flips of one byte may undo each other, and case or form may change without a change of meaning
            if let Ok(read) = parse(&flipped) {
                prop_assert_eq!(read, checkpoint);
            }
            prop_assert!(parse(&garbage).is_err());
        }
    }
}
