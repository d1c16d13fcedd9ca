//! One file being followed: opening it, telling whether it is still the same, reading a batch of lines.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use weir_model::LabelSet;

use crate::frame::{FrameLimits, Lines, frame_utf8};
use crate::identity::{FileKey, read_full_at};
use crate::moment::{Moment, born, born_apart, modified};
use crate::progress::{Position, Progress};
use crate::utf16::frame_utf16;

/// Bytes asked of the kernel at once: large enough that the call costs nothing per line, small enough that the lines
/// are still in the cache when they are copied.
const READ_BYTES: usize = 128 << 10;

/// How a file stands to the path that names its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The path leads to it.
    Attached,
    /// The path leads elsewhere or nowhere; what is left of the file is being read.
    Detached,
    /// As `Detached`, read to its end and closed; remembered so that it is not taken for a new file.
    Parked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 { big_endian: bool },
}

/// What tells a file from all others, those included that had its inode before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) key: FileKey,
    /// See [`born`].
    pub(crate) born: i64,
}

impl Known {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { key: FileKey::of(metadata), born: born(metadata) }
    }

    /// Whether this is the file that `metadata` is of.
    pub(crate) fn is(self, metadata: &Metadata) -> bool {
        self.key == FileKey::of(metadata) && !born_apart(self.born, born(metadata))
    }
}

#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(crate) struct Followed {
    pub(crate) key: FileKey,
    /// See [`born`].
    pub(crate) born: i64,
    /// The path that names the stream.
    pub(crate) path: PathBuf,
    /// The path under which the file can be opened.
    pub(crate) location: PathBuf,
    pub(crate) labels: LabelSet,
    pub(crate) standing: Standing,
    pub(crate) by_symlink: bool,
    pub(crate) file: Option<File>,
    pub(crate) position: Position,
    pub(crate) progress: Arc<Progress>,
    /// Size and modification time (ns) when last looked at.
    pub(crate) looks: (u64, i64),
    /// Whether it waits in the reader's queue.
    pub(crate) queued: bool,
    /// Whether all there was has been read.
    pub(crate) at_end: bool,
    /// When it last grew.
    pub(crate) changed: Instant,
    /// A moment at which its path still led to it, the last one known.
    pub(crate) seen: Moment,
    /// How far it was read before it was cut or written anew the last time, and when that was noticed.
    pub(crate) former: Option<(Position, Instant)>,
    /// The reader's turn in which it was last used.
    pub(crate) used: u64,
    /// An older file of the same stream that is to be read to its end first.
    pub(crate) after: Option<u64>,
    /// The expansion of the globs that last saw it.
    pub(crate) scan: u64,
    /// Whether a failure to read it was already reported.
    pub(crate) complained: bool,
    encoding: Option<Encoding>,
    /// Within a run of NUL bytes at the start, which a writer leaves that goes on at its old offset after copytruncate.
    hole: bool,
}

/// What a turn of reading brought.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) lines: Lines,
    /// Bytes consumed.
    pub(crate) bytes: u64,
    /// The file had been truncated or written anew, and was begun from its start: how far it had been read.
    pub(crate) restarted: Option<Position>,
}

impl Followed {
    pub(crate) fn new(file: Known, path: PathBuf, labels: LabelSet, position: Position, progress: Progress) -> Self {
        Self {
            key: file.key,
            born: file.born,
            location: path.clone(),
            path,
            labels,
            standing: Standing::Attached,
            by_symlink: false,
            file: None,
            position,
            progress: Arc::new(progress),
            looks: (0, 0),
            queued: false,
            at_end: false,
            changed: Instant::now(),
            seen: Moment::now(),
            former: None,
            used: 0,
            after: None,
            scan: 0,
            complained: false,
            encoding: None,
            hole: false,
        }
    }

    /// What tells it from others.
    pub(crate) fn known(&self) -> Known {
        Known { key: self.key, born: self.born }
    }

    /// Notes what the file looks like now; true when that has changed.
    pub(crate) fn look(&mut self, metadata: &Metadata) -> bool {
        let looks = looks_of(metadata);
        if looks == self.looks {
            return false;
        }
        self.looks = looks;
        self.changed = Instant::now();
        self.at_end = false;
        true
    }

    /// Whether nothing more is expected of it, and all that there was is safe.
    pub(crate) fn is_finished(&self) -> bool {
        self.standing == Standing::Parked && self.progress.waiting() == 0 && self.progress.safe() == self.position
    }

    /// Bytes that are there and not read.
    pub(crate) fn lag(&self) -> u64 {
        self.looks.0.saturating_sub(self.position.offset)
    }

    /// Reads lines until the batch is full or the file is at its end. With `last`, nothing will ever be appended and an
    /// open line counts as one. The file must be open.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>, limits: &FrameLimits, last: bool) -> io::Result<Turn> {
        let mut turn = Turn::default();
        let Some(file) = &self.file else { return Ok(turn) };
        let metadata = file.metadata()?;
        let size = metadata.len();
        if !self.position.fits(file)? {
            turn.restarted = Some(std::mem::take(&mut self.position));
            self.encoding = None;
            self.hole = true;
        }
        self.looks = looks_of(&metadata);
        let from = self.position.offset;
        self.read_lines(size, buffer, limits, last, &mut turn)?;
        turn.bytes = self.position.offset - from;
        Ok(turn)
    }

    fn read_lines(
        &mut self,
        size: u64,
        buffer: &mut Vec<u8>,
        limits: &FrameLimits,
        last: bool,
        turn: &mut Turn,
    ) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let position = &mut self.position;
        let from = position.offset;
        let expected = usize::try_from(size.saturating_sub(position.offset)).unwrap_or(usize::MAX);
        turn.lines.text.reserve(expected.min(limits.batch_bytes));
        // twice the longest line in bytes holds it in UTF-16 too, with room to see that it is too long
        let longest = limits.line_bytes * 2 + 64;
        let mut want = READ_BYTES.min(longest);
        loop {
            if buffer.len() < want {
                buffer.resize(want, 0);
            }
            let room = buffer.get_mut(..want).unwrap_or_default();
            let got = read_full_at(file, room, position.offset)?;
            let ended = got < want;
            let mut chunk = room.get(..got).unwrap_or_default();
            if self.hole {
                let nuls = chunk.iter().take_while(|b| **b == 0).count();
                position.offset += nuls as u64;
                chunk = chunk.get(nuls..).unwrap_or_default();
                if chunk.is_empty() && !ended {
                    continue;
                }
                self.hole = chunk.is_empty();
            }
            let encoding = match self.encoding {
                Some(encoding) => encoding,
                None if position.offset == 0 => {
                    let Some((encoding, mark)) = detect(chunk, last) else {
                        self.at_end = true;
                        break;
                    };
                    position.offset = mark as u64;
                    chunk = chunk.get(mark..).unwrap_or_default();
                    encoding
                }
                None => {
                    let mut head = [0; 2];
                    let n = read_full_at(file, &mut head, 0)?;
                    detect(head.get(..n).unwrap_or_default(), true).map_or(Encoding::Utf8, |(e, _)| e)
                }
            };
            self.encoding = Some(encoding);
            let last = last && ended;
            let took = match encoding {
                Encoding::Utf8 => frame_utf8(chunk, &mut position.mid_line, last, limits, &mut turn.lines),
                Encoding::Utf16 { big_endian } => {
                    frame_utf16(chunk, big_endian, &mut position.mid_line, last, limits, &mut turn.lines)
                }
            };
            position.offset += took as u64;
            if turn.lines.full {
                break;
            }
            if ended {
                self.at_end = true;
                break;
            }
            if took == 0 {
                want = longest;
            }
        }
        if position.offset != from {
            position.print(file)?;
        }
        Ok(())
    }
}

/// The encoding that a file's first bytes tell, and the length of its byte order mark. `None` when there are too few
/// bytes to tell, unless no more will come.
fn detect(head: &[u8], last: bool) -> Option<(Encoding, usize)> {
    match head {
        [0xff, 0xfe, ..] => Some((Encoding::Utf16 { big_endian: false }, 2)),
        [0xfe, 0xff, ..] => Some((Encoding::Utf16 { big_endian: true }, 2)),
        [0xef, 0xbb, 0xbf, ..] => Some((Encoding::Utf8, 3)),
        [] | [0xff | 0xfe | 0xef] | [0xef, 0xbb] if !last => None,
        _ => Some((Encoding::Utf8, 0)),
    }
}

fn looks_of(metadata: &Metadata) -> (u64, i64) {
    (metadata.len(), modified(metadata))
}

/// Opens a file to read, never waiting for the other side of a pipe that took its place.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}
