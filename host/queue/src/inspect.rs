//! Looking at a queue's directory without opening the queue: nothing is written, cut or locked, so it may belong to a
//! process that runs. What such a process changes meanwhile makes the answer a little old, never wrong about damage: a
//! segment that was sent and removed during the look is left out, and a record that is just being written is no torn tail.

mod lane;
mod record;
mod totals;

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::generation;
use crate::queue::LOCK;
use crate::stats::Volume;
use crate::storage::{Disk, Storage};

pub use record::{Record, RecordState};

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What opening the queue would read: the totals at both ends of each lane. No damage is found.
    Totals,
    /// Every header.
    Headers,
    /// Every header, and the body of every record that is not sent.
    Bodies,
}

/// A queue as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Its directory.
    pub dir: PathBuf,
    /// The sink that its metadata name; without readable metadata, the directory's name.
    pub sink: String,
    /// A process has the queue open.
    pub in_use: bool,
    /// The lanes of all generations, the oldest generation first.
    pub lanes: Vec<Lane>,
}

/// A lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// The generation it belongs to.
    pub generation: u64,
    /// Its number in the generation.
    pub lane: u16,
    /// Where the sender stands; `None` when there is no cursor, or a damaged one.
    pub cursor: Option<Cursor>,
    /// What is not sent, by the totals at both ends: as in [`Stats`](crate::Stats), what turns out to be damaged included,
    /// what is in flight included.
    pub queued: Volume,
    /// When the oldest of it was appended, in milliseconds since the epoch.
    pub oldest_ms: Option<i64>,
    /// The segments, in order.
    pub segments: Vec<Segment>,
    /// What is damaged of what is not sent, in order.
    pub damage: Vec<Damage>,
}

/// Where a lane's sender stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Number of the next record.
    pub seq: u64,
    /// The segment it should lie in.
    pub segment: u64,
    /// Where in that segment.
    pub offset: u64,
    /// Number of the record in flight.
    pub in_flight: Option<u64>,
    /// Every record before this number was durable when the cursor was written.
    pub durable: u64,
}

/// A segment. Ranges and totals are known from [`Depth::Headers`] on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Its number.
    pub index: u64,
    /// Its file.
    pub path: PathBuf,
    /// The file's length.
    pub bytes: u64,
    /// Good records in it, sent ones included.
    pub records: u64,
    /// Entries in those.
    pub entries: u64,
    /// Numbers of the first and the last of them.
    pub range: Option<(u64, u64)>,
    /// When those two were appended, in milliseconds since the epoch.
    pub appended_ms: Option<(i64, i64)>,
}

/// Bytes of a lane that are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// The segment.
    pub segment: u64,
    /// Where it begins in the segment.
    pub offset: u64,
    /// How long it is; 0 where something is not there.
    pub bytes: u64,
    /// The number of the first record that it costs.
    pub seq: u64,
    /// Records and entries that it costs.
    pub lost: Volume,
}

/// What is wrong with a part of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// No good header where one should be.
    Header,
    /// A good header, and a body that its CRC does not fit.
    Body,
    /// Records are missing that nothing is left of: a segment is gone or was cut.
    Missing,
    /// The end of the last segment holds no whole record: it was being written, and the next opening cuts it off.
    TornTail,
    /// The disk cannot read it.
    Unreadable,
}

impl DamageKind {
    /// The kind in a word, for people and machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Body => "body",
            Self::Missing => "missing",
            Self::TornTail => "torn_tail",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Inspected {
    /// What is not sent, over all lanes.
    pub fn queued(&self) -> Volume {
        self.lanes.iter().fold(Volume::default(), |sum, lane| sum + lane.queued)
    }

    /// When the oldest of it was appended, in milliseconds since the epoch.
    pub fn oldest_ms(&self) -> Option<i64> {
        self.lanes.iter().filter_map(|lane| lane.oldest_ms).min()
    }

    /// Bytes of all segment files.
    pub fn disk_bytes(&self) -> u64 {
        self.lanes.iter().flat_map(|lane| &lane.segments).map(|segment| segment.bytes).sum()
    }

    /// The newest generation, which is the one that is written; `None` before the first record.
    pub fn generation(&self) -> Option<u64> {
        self.lanes.last().map(|lane| lane.generation)
    }

    /// Lanes of the newest generation.
    pub fn lane_count(&self) -> usize {
        self.lanes.iter().filter(|lane| Some(lane.generation) == self.generation()).count()
    }
}

/// The directories below `dir` that hold a queue, in the order of their names.
pub fn find(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = match Disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    found.retain(|path| generation::numbers(&Disk, path).is_ok_and(|numbers| !numbers.is_empty()));
    found.sort_unstable();
    Ok(found)
}

/// Looks at the queue in `dir`. `progress` is told of bytes that were looked at, `visit` of every record from
/// [`Depth::Headers`] on, in the order of the lanes.
///
/// # Errors
/// [`OpenError::Version`] for a queue of a newer weir, [`OpenError::Io`] for a directory that cannot be read. Damage is no
/// error.
pub fn inspect(
    dir: &Path,
    depth: Depth,
    progress: &mut dyn FnMut(u64),
    visit: &mut dyn FnMut(&Record),
) -> Result<Inspected, OpenError> {
    inspect_on(&Disk, dir, depth, is_in_use(dir), progress, visit)
}

pub(crate) fn inspect_on(
    storage: &dyn Storage,
    dir: &Path,
    depth: Depth,
    in_use: bool,
    progress: &mut dyn FnMut(u64),
    visit: &mut dyn FnMut(&Record),
) -> Result<Inspected, OpenError> {
    let failed = |source| OpenError::Io { path: dir.to_owned(), source };
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut found = Inspected { dir: dir.to_owned(), sink: name, in_use, lanes: Vec::new() };
    for number in generation::numbers(storage, dir).map_err(failed)? {
        let path = generation::generation_dir(dir, number);
        let lanes = match generation::read_meta(storage, &path)? {
            Some(meta) => {
                found.sink = meta.sink;
                meta.lanes
            }
            None => generation::found_lanes(storage, &path).map_err(failed)?.0,
        };
        for lane in 0..lanes {
            let lane_dir = generation::lane_dir(&path, lane);
            let looked = match depth {
                Depth::Totals => totals::look(storage, &lane_dir),
                Depth::Headers | Depth::Bodies => {
                    lane::Walk::new(storage, &lane_dir, (number, lane), depth == Depth::Bodies, in_use)
                        .look(progress, visit)
                }
            };
            match looked {
                Ok(looked) => found.lanes.push(Lane { generation: number, lane, ..looked }),
                // sent and removed meanwhile, or never made
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(OpenError::Io { path: lane_dir, source }),
            }
        }
    }
    Ok(found)
}

/// Whether a process has the queue open. The lock is asked for and let go at once; opening a queue bears with that.
fn is_in_use(dir: &Path) -> bool {
    let Ok(file) = File::open(dir.join(LOCK)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}
