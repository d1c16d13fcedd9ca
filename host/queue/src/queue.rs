//! The queue's handle.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::account::Account;
use crate::error::{AppendError, OpenError};
use crate::floor::Floor;
use crate::format::HEADER_BYTES;
use crate::generation;
use crate::lane::Context;
use crate::reader::LaneReader;
use crate::settings::{MAX_LANES, Settings};
use crate::shared::{Clock, Shared};
use crate::stats::{Health, Stats, Volume};
use crate::storage::{Disk, Storage, create_dir_durably};

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

/// The name of the file that is locked while a queue is open.
pub(crate) const LOCK: &str = "lock";

/// An open queue: one directory, one owner. Share it in an `Arc`.
pub struct Queue {
    pub(crate) shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
    /// Locked as long as the queue is open.
    lock: File,
}

impl Queue {
    /// Opens the queue in `settings.dir`, or makes one, and recovers what a former process left. Blocks on the disk
    /// (it reads the headers of each lane's last segment); starts the thread that fsyncs.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        Self::open_on(settings, Box::new(Disk), now_ms)
    }

    pub(crate) fn open_on(settings: Settings, storage: Box<dyn Storage>, clock: Clock) -> Result<Self, OpenError> {
        if settings.lanes == 0 || settings.lanes > MAX_LANES {
            return Err(OpenError::Lanes { lanes: settings.lanes });
        }
        let lock = lock(&*storage, &settings)?;
        let account = Account::new(settings.max_bytes);
        let floor = Floor::new(&settings, &*storage);
        let context = Context { storage, account, floor, segment_limit: settings.segment_limit() };
        let generations = generation::open_all(&settings, &context)?;
        let dir = settings.dir.clone();
        let shared = Arc::new(Shared::new(settings, context, generations, clock));
        let found = shared.stats();
        if found.recovered.records > 0 {
            tracing::info!(
                sink = shared.settings.sink,
                records = found.queued.records,
                entries = found.queued.entries,
                bytes = found.queued.bytes,
                "queue recovered"
            );
        }
        let running = shared.clone();
        let thread = std::thread::Builder::new()
            .name("queue-sync".to_owned())
            .spawn(move || run(&running))
            .map_err(|source| OpenError::Io { path: dir, source })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), lock })
    }

    /// The number of lanes that appends and readers may name.
    pub fn lanes(&self) -> usize {
        usize::from(self.shared.settings.lanes)
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
        self.append_of(self.lanes(), lane, meta, body, on_durable)
    }

    /// The same for a writer that counts `lanes` lanes, perhaps from before the queue was opened with another number: its
    /// records go where its former ones are, before all of the new number, so that their order holds. Needs
    /// [`former_writers`](Settings::former_writers).
    pub fn append_of(
        &self,
        lanes: usize,
        lane: usize,
        meta: RecordMeta,
        body: &Bytes,
        on_durable: &mut Option<OnDurable>,
    ) -> Result<Appended, AppendError> {
        self.shared.append(lane, lanes, meta, body, on_durable)
    }

    /// No writer is left that counts a former number of lanes.
    pub fn former_writers_are_gone(&self) {
        self.shared.former_writers_are_gone();
    }

    /// Waits until an append of a body of `bytes` may succeed: there is room, and the storage takes writes. Another
    /// append may take the room first. Returns at once when the queue is closed, or when so much can never fit.
    /// Cancel-safe.
    pub async fn room(&self, bytes: usize) {
        self.shared.context.account.room((bytes + HEADER_BYTES) as u64).await;
    }

    /// The reader of `lane` (modulo the number of lanes). A lane has one reader at a time: of two, each would be given
    /// the other's record in flight. Lanes of an older generation are read by these readers too.
    pub fn lane_reader(&self, lane: usize) -> LaneReader {
        LaneReader::new(self.shared.clone(), lane % self.lanes())
    }

    /// When the oldest record for the reader of `lane` was appended, in milliseconds since the epoch; `None` when
    /// there is none.
    pub fn oldest_time(&self, lane: usize) -> Option<i64> {
        self.shared.oldest_time(lane % self.lanes())
    }

    /// Whether `lane` may send: it has no backlog of a minute or more, or is within `lane_spread` of the lane with the
    /// oldest. [`LaneReader::next`] waits for this by itself.
    pub fn may_send(&self, lane: usize) -> bool {
        self.shared.readable(lane % self.lanes()).is_none_or(|(generation, lane)| {
            generation.lanes.get(lane).is_none_or(|lane| self.shared.in_turn(&generation, lane))
        })
    }

    /// The queue's account since it was opened.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Whether the queue can keep what it is given.
    pub fn health(&self) -> Health {
        self.shared.context.account.health()
    }

    /// Fsyncs everything, writes the cursors, calls the callbacks and joins the thread. Blocks on the disk: not for a
    /// runtime's worker. Readers wake with `None`. Closing twice is closing once; dropping the queue closes it too.
    ///
    /// # Errors
    /// The last fsync's error: what was not durable then has not been acknowledged.
    pub fn close(&self) -> io::Result<()> {
        self.shared.context.account.close();
        self.shared.wake_all();
        self.shared.ticker.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the queue's thread died")),
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(sink = self.shared.settings.sink, %error, "queue closed without being durable");
        }
        // by name: a process that is being forked at this moment has a copy of the file, and closing ours would not do
        let _ = self.lock.unlock();
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("dir", &self.shared.settings.dir).finish_non_exhaustive()
    }
}

fn run(shared: &Shared) -> io::Result<()> {
    while shared.ticker.wait(shared.settings.sync_interval) {
        // an error stands in the health, and the next round tries again
        let _ = shared.round(false);
    }
    // a failed fsync is made good by one more round, if anything can
    shared.round(true).or_else(|_| shared.round(true))
}

/// Somebody who looks at the queue, or a process that is just ending, may hold the lock for a moment: so often it is tried
/// again …
const LOCK_ATTEMPTS: u32 = 20;

/// … after so long.
const LOCK_AGAIN: Duration = Duration::from_millis(10);

fn lock(storage: &dyn Storage, settings: &Settings) -> Result<File, OpenError> {
    let dir = &settings.dir;
    let failed = |source| OpenError::Io { path: dir.clone(), source };
    create_dir_durably(storage, dir).map_err(failed)?;
    let path = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    let mut attempts = 1;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if attempts < LOCK_ATTEMPTS => std::thread::sleep(LOCK_AGAIN),
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { dir: dir.clone() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        attempts += 1;
    }
}

/// The wall clock.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
