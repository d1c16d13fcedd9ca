//! The queue's handle.

use std::io;

use bytes::Bytes;

use crate::{AppendError, Health, LaneReader, OpenError, Settings, Stats, Volume};

/// What is called, from any thread, when a record is durable: fsynced, or delivered before that, or dropped by policy
/// and counted. It must not block. It is dropped without a call when none of that can come true any more.
pub type OnDurable = Box<dyn FnOnce() + Send>;

/// What the queue keeps of a record beside its body. The queue itself only counts `entries`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordMeta {
    /// How the body is encoded: the caller's own numbering.
    pub protocol: u8,
    /// The caller's own bits.
    pub flags: u8,
    /// Samples or lines in the body.
    pub entries: u32,
    /// The earliest time of an entry, in milliseconds since the epoch.
    pub time_min_ms: i64,
    /// The latest time of an entry, in milliseconds since the epoch.
    pub time_max_ms: i64,
}

/// A record was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its number in its lane.
    pub seq: u64,
    /// What had to make room for it.
    pub pushed_out: Volume,
}

/// An open queue: one directory, one owner. Share it in an `Arc`.
#[derive(Debug)]
pub struct Queue {}

impl Queue {
    /// Opens the queue in `settings.dir`, or makes one, and recovers what a former process left. Blocks on the disk
    /// (it reads the headers of each lane's last segment); starts the thread that fsyncs.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let _ = settings;
        Ok(Self {})
    }

    /// The number of lanes that appends and readers may name.
    pub fn lanes(&self) -> usize {
        0
    }

    /// Appends a record to `lane` (taken modulo the number of lanes): one write into the page cache, no fsync; cheap
    /// enough for a runtime's worker. The body is shared, not copied, and held in memory until it is fsynced.
    ///
    /// `on_durable` is taken when the record is, or when it is dropped by policy (then it has been called already);
    /// on [`AppendError::Full`], [`AppendError::Storage`] and [`AppendError::Closed`] it is left where it was.
    pub fn append(
        &self,
        lane: usize,
        meta: RecordMeta,
        body: &Bytes,
        on_durable: &mut Option<OnDurable>,
    ) -> Result<Appended, AppendError> {
        let _ = (lane, meta, body, on_durable);
        Err(AppendError::Closed)
    }

    /// Waits until an append of a body of `bytes` may succeed: there is room, and the storage takes writes. Another
    /// append may take the room first. Returns at once when the queue is closed. Cancel-safe.
    pub async fn room(&self, bytes: usize) {
        let _ = bytes;
        std::future::ready(()).await;
    }

    /// Asks for an fsync within the group commit's time. An append with a callback asks by itself.
    pub fn sync_soon(&self) {}

    /// The reader of `lane` (modulo the number of lanes). A lane has one reader at a time: of two, each would be given
    /// the other's record in flight.
    pub fn lane_reader(&self, lane: usize) -> LaneReader {
        let _ = lane;
        LaneReader {}
    }

    /// When the oldest record of `lane` was appended, in milliseconds since the epoch; `None` when it is empty.
    pub fn oldest_time(&self, lane: usize) -> Option<i64> {
        let _ = lane;
        None
    }

    /// Whether `lane` may send: it has no backlog of a minute or more, or is within `lane_spread` of the lane with the
    /// oldest. [`LaneReader::next`] waits for this by itself.
    pub fn may_send(&self, lane: usize) -> bool {
        let _ = lane;
        true
    }

    /// The queue's account since it was opened.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Whether the queue can keep what it is given.
    pub fn health(&self) -> Health {
        Health::Ok
    }

    /// Fsyncs everything, writes the cursors, calls the callbacks and joins the thread. Blocks on the disk: not for a
    /// runtime's worker. Readers wake with `None`. Closing twice is closing once; dropping the queue closes it too.
    ///
    /// # Errors
    /// The last fsync's error: what was not durable then has not been acknowledged.
    pub fn close(&self) -> io::Result<()> {
        Ok(())
    }
}
