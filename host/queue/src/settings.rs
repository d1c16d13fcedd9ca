//! What a queue is told at opening.

use std::path::PathBuf;
use std::time::Duration;

/// Lanes when nothing else is said: enough requests in flight for one sink, few enough files to fsync.
pub const DEFAULT_LANES: u16 = 8;

/// More lanes than this only multiply files and fsyncs.
pub const MAX_LANES: u16 = 256;

/// The budget when nothing else is said: hours of a mid-sized host's telemetry, and no surprise on a small disk.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 30;

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
    /// Time between fsyncs when nobody waits for them: what a power cut (not a crash of the process) may cost.
    pub sync_interval: Duration,
    /// How long an append that somebody waits for may wait for others to share its fsync.
    pub group_commit: Duration,
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
            sync_interval: Duration::from_secs(1),
            group_commit: Duration::from_millis(100),
            lane_spread: Duration::from_mins(10),
        }
    }

    pub(crate) fn segment_limit(&self) -> u64 {
        let share = self.max_bytes / (u64::from(self.lanes.max(1)) * 8);
        self.segment_bytes.unwrap_or_else(|| share.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES))
    }
}
