//! What a queue is told at opening.

use std::path::PathBuf;
use std::time::Duration;

/// Lanes when nothing else is said: enough requests in flight for one sink, few enough files to fsync.
pub const DEFAULT_LANES: u16 = 8;

/// More lanes than this only multiply files and fsyncs.
pub const MAX_LANES: u16 = 256;

/// The budget when nothing else is said: hours of a mid-sized host's telemetry, and no surprise on a small disk.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 30;

/// What a power cut may make a source send again, and what a disk that spins can well do: an fsync a second.
pub const DEFAULT_SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Some ten requests: under load an acknowledgement then takes milliseconds, and an fsync is still shared by many.
pub const DEFAULT_SYNC_BYTES: u64 = 1 << 20;

/// The most that may wait for an fsync by `sync_bytes`: half of what the queue holds in memory before it takes no more.
pub const MAX_SYNC_BYTES: u64 = 16 << 20;

/// The floor when nothing else is said: with this much left, the machine's logs, its package manager and whoever logs in
/// to make room still work.
pub const DEFAULT_MIN_FREE_DISK: u64 = 256 << 20;

/// The default floor takes no larger part of a small file system than one in this many.
pub(crate) const MIN_FREE_SHARE: u64 = 20;

/// A segment is the unit in which disk space is given back and in which a power cut may repeat deliveries.
const MAX_SEGMENT_BYTES: u64 = 8 << 20;

/// Below this the segments of a small budget would hold a single record each.
const MIN_SEGMENT_BYTES: u64 = 64 << 10;

/// What becomes of a record that the budget has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The append is refused and nothing is lost: the caller waits for [`room`](crate::Queue::room).
    #[default]
    Block,
    /// The oldest records of the queue make room, and are counted; a record in flight is never taken back.
    DropOldest,
    /// The new record is dropped and counted.
    DropNewest,
}

/// A queue's settings. One queue has one directory, which no other process may have open.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The queue's own directory; created if it is missing.
    pub dir: PathBuf,
    /// The sink the queue belongs to; kept on disk, and an existing queue of another sink is not opened.
    pub sink: String,
    /// Number of lanes, 1 to [`MAX_LANES`]. Another number than the one on disk starts a new generation, which is
    /// sent once the old one is empty.
    pub lanes: u16,
    /// Budget of queued bytes over all lanes and generations, headers included. On disk a queue may take up to one
    /// segment per lane more, since space is given back by the segment.
    pub max_bytes: u64,
    /// Records that have waited longer are dropped and counted.
    pub max_age: Option<Duration>,
    /// What becomes of a record that the budget has no room for.
    pub when_full: WhenFull,
    /// A segment that has reached this many bytes is followed by a new one; `None` is an eighth of a lane's share of
    /// the budget, between 64 KiB and 8 MiB.
    pub segment_bytes: Option<u64>,
    /// Group commit: what was appended is fsynced, and only then acknowledged, after this long …
    pub sync_interval: Duration,
    /// … or as soon as so many bytes wait for it, over all lanes. Until then bodies are held in memory as well.
    pub sync_bytes: u64,
    /// What the file system must have free, in bytes; with less, the queue behaves as a full one. 0: whatever is free.
    /// `None`: [`DEFAULT_MIN_FREE_DISK`], or a twentieth of a smaller file system.
    pub min_free_disk: Option<u64>,
    /// Whether writers of a former number of lanes may still append ([`append_of`](crate::Queue::append_of)): older
    /// generations then stay, even empty, until [`former_writers_are_gone`](crate::Queue::former_writers_are_gone).
    pub former_writers: bool,
    /// How far, by the time of appending, a lane with a backlog may run ahead of the lane with the oldest one.
    pub lane_spread: Duration,
}

impl Settings {
    /// The defaults, for `sink`'s queue in `dir`.
    pub fn new(dir: impl Into<PathBuf>, sink: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            sink: sink.into(),
            lanes: DEFAULT_LANES,
            max_bytes: DEFAULT_MAX_BYTES,
            max_age: None,
            when_full: WhenFull::default(),
            segment_bytes: None,
            sync_interval: DEFAULT_SYNC_INTERVAL,
            sync_bytes: DEFAULT_SYNC_BYTES,
            min_free_disk: None,
            former_writers: false,
            lane_spread: Duration::from_mins(10),
        }
    }

    pub(crate) fn segment_limit(&self) -> u64 {
        let share = self.max_bytes / (u64::from(self.lanes.max(1)) * 8);
        self.segment_bytes.unwrap_or_else(|| share.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES))
    }
}
