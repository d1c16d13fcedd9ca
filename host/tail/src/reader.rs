//! One source's thread: it notices, discovers, reads and keeps the checkpoint.
//!
//! File reads block, so they are done here and not on the asynchronous workers. Nothing else here waits without end:
//! notices are taken out at every turn, and a full outlet or too many bytes without acknowledgement only leave files in
//! the queue.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use weir_model::LogBatch;

use crate::checkpoint::{Checkpoint, Entry};
use crate::descriptors::most_open;
use crate::followed::{Followed, Standing, Turn};
use crate::frame::FrameLimits;
use crate::generations::Gap;
use crate::identity::FileKey;
use crate::listing::Listings;
use crate::metrics::{Rotation, SourceMetrics};
use crate::moment::Moment;
use crate::patterns::Patterns;
use crate::progress::{Position, Unacked};
use crate::settings::FileLogsSettings;
use crate::stamps::{StampClock, wall_clock};
use crate::wake::Wake;
use crate::watch::Watch;

/// Most bytes that a source has handed on without acknowledgement: lanes keep lines for up to a second before they are
/// written, and a source that reads 64 MB/s shall not wait for that.
const MAX_UNACKED_BYTES: u64 = 64 << 20;

/// Bytes read ahead of the outlet, but for the batch that exceeds them: one batch waits while another is processed. More
/// would only be memory.
pub(crate) const BYTES_AHEAD: u64 = 1 << 20;

/// Most batches that a file has without acknowledgement; a file that grows by a line at a time gathers lines meanwhile.
const MAX_UNACKED_BATCHES: usize = 64;

/// Files looked at in one poll: about a millisecond's worth, so that 10,000 idle files do not keep a core busy. With
/// more files than this a missed notice costs several intervals.
const POLL_SLICE: usize = 1024;

/// Batches read before notices are taken out again.
const TURNS_A_ROUND: usize = 64;

/// The pause after a round, in which writes gather: a notice for every line of a busy file would be a batch for every
/// line.
const REST: Duration = Duration::from_millis(20);

/// Expanding globs and writing checkpoints may take this part of the time at most (1/20).
const UPKEEP_SHARE: u32 = 20;

#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(crate) struct Reader {
    pub(crate) settings: FileLogsSettings,
    pub(crate) patterns: Patterns,
    pub(crate) limits: FrameLimits,
    pub(crate) metrics: SourceMetrics,
    pub(crate) wake: Arc<Wake>,
    pub(crate) unacked: Arc<Unacked>,
    pub(crate) watch: Watch,
    /// What the file system refused to watch was reported.
    pub(crate) watch_warned: bool,
    pub(crate) files: BTreeMap<u64, Followed>,
    pub(crate) next_id: u64,
    pub(crate) by_key: HashMap<FileKey, u64>,
    pub(crate) by_path: HashMap<PathBuf, u64>,
    /// Files that are gone, and those of the checkpoint that were not found yet.
    pub(crate) remembered: HashMap<FileKey, Entry>,
    /// Paths whose file went away; a new one is expected.
    pub(crate) awaited: Vec<(PathBuf, Instant)>,
    /// Streams whose path led elsewhere or nowhere, until what came in between is taken up.
    pub(crate) gaps: HashMap<PathBuf, Gap>,
    /// Those of them to look into at the next poll.
    pub(crate) due: Vec<PathBuf>,
    pub(crate) listings: Listings,
    /// The directories in which a new file could match, with their modification times (ns) before they were listed.
    pub(crate) directories: HashMap<PathBuf, i64>,
    pub(crate) ready: VecDeque<u64>,
    pub(crate) scans: u64,
    /// Before the first look at any file.
    pub(crate) began: Moment,
    /// Files of the checkpoint that were renamed meanwhile were looked for.
    pub(crate) recovered: bool,
    pub(crate) scan_soon: bool,
    pub(crate) out: mpsc::Sender<LogBatch>,
    pub(crate) clock: StampClock,
    buffer: Vec<u8>,
    turns: u64,
    pub(crate) open_files: usize,
    /// How many may be open.
    pub(crate) max_open: usize,
    /// Open files, roughly in the order of their use, each with the turn in which it was used.
    pub(crate) in_use: VecDeque<(u64, u64)>,
    /// Files that were rotated away and are not finished.
    pub(crate) rotated: Vec<u64>,
    poll_from: u64,
    pub(crate) checkpoint_path: PathBuf,
    pub(crate) stored: Option<Checkpoint>,
    /// The last attempt to write the checkpoint failed.
    pub(crate) store_failed: bool,
    /// The checkpoint shall know of a file before the first of its lines is handed on.
    pub(crate) store_soon: bool,
}

impl Reader {
    pub(crate) fn new(
        settings: FileLogsSettings,
        patterns: Patterns,
        metrics: SourceMetrics,
        wake: Arc<Wake>,
        unacked: Arc<Unacked>,
        out: mpsc::Sender<LogBatch>,
        checkpoint_path: PathBuf,
    ) -> Self {
        let limits = FrameLimits {
            line_bytes: settings.max_line_bytes,
            batch_lines: settings.batch_lines,
            batch_bytes: settings.batch_bytes,
        };
        let (watch, watching) = Watch::new(&wake);
        let mut reader = Self {
            patterns,
            limits,
            metrics,
            unacked,
            watch,
            watch_warned: false,
            files: BTreeMap::new(),
            next_id: 0,
            by_key: HashMap::new(),
            by_path: HashMap::new(),
            remembered: HashMap::new(),
            awaited: Vec::new(),
            gaps: HashMap::new(),
            due: Vec::new(),
            listings: Listings::default(),
            directories: HashMap::new(),
            ready: VecDeque::new(),
            scans: 0,
            began: Moment::now(),
            recovered: false,
            scan_soon: false,
            out,
            clock: StampClock::after(0),
            buffer: Vec::new(),
            turns: 0,
            open_files: 0,
            max_open: most_open(settings.max_open_files),
            in_use: VecDeque::new(),
            rotated: Vec::new(),
            poll_from: 0,
            checkpoint_path,
            stored: None,
            store_failed: false,
            store_soon: false,
            wake,
            settings,
        };
        reader.watch_failed(watching.err());
        reader
    }

    /// Reads until the source is stopped.
    pub(crate) fn run(mut self) {
        self.begin();
        let mut now = Instant::now();
        let mut next_poll = now + self.settings.poll_interval;
        let mut next_scan = now + self.settings.glob_interval;
        let mut earliest_scan = now;
        let mut next_store = now + self.settings.checkpoint_interval;
        let mut earliest_store = now;
        let mut busy = true;
        loop {
            if !busy {
                let next = next_poll.min(next_scan).min(next_store);
                self.wake.wait(next, now + REST, !self.ready.is_empty());
            }
            if self.wake.stopped().is_some() {
                break;
            }
            self.notice();
            now = Instant::now();
            if now >= next_poll {
                self.poll(now);
                next_poll = now + self.settings.poll_interval;
            }
            if now >= next_scan || (self.scan_soon && now >= earliest_scan) {
                self.scan();
                // A file is in the checkpoint before the first of its lines is handed on: killed and rotated in between,
                // it would otherwise have a name that no glob finds.
                self.store_checkpoint();
                let took = now.elapsed();
                next_scan = now + self.settings.glob_interval.max(took * UPKEEP_SHARE);
                earliest_scan = now + self.settings.poll_interval.max(took * UPKEEP_SHARE);
            }
            if self.store_soon && now >= earliest_store {
                self.store_checkpoint();
                earliest_store = now + now.elapsed() * UPKEEP_SHARE;
            }
            busy = self.round();
            now = Instant::now();
            if now >= next_store {
                self.store_checkpoint();
                next_store = now + self.settings.checkpoint_interval.max(now.elapsed() * UPKEEP_SHARE);
            }
            if self.out.is_closed() {
                break;
            }
        }
        self.finish();
    }

    /// Looks at all files for the first time.
    pub(crate) fn begin(&mut self) {
        self.load_checkpoint();
        // what was there before is told from what comes by when it was made
        self.began = Moment::next_tick();
        self.scan();
        self.store_checkpoint();
        self.wake.looked();
    }

    fn notice(&mut self) {
        let noticed = self.watch.drain();
        self.scan_soon |= noticed.created || noticed.lost;
        for path in noticed.files {
            if let Some(&id) = self.by_path.get(&path) {
                self.look_at(id);
            }
        }
    }

    /// Looks at files in case a notice was missed, and at what there are no notices of.
    pub(crate) fn poll(&mut self, now: Instant) {
        let mut ids: Vec<u64> = self.files.range(self.poll_from..).map(|(id, _)| *id).take(POLL_SLICE).collect();
        self.poll_from = ids.last().map_or(0, |id| id + 1);
        if ids.len() < POLL_SLICE {
            self.poll_from = 0;
        }
        // rotated files are few, and in a hurry
        let files = &self.files;
        self.rotated.retain(|id| files.get(id).is_some_and(|f| f.standing == Standing::Detached));
        ids.extend(&self.rotated);
        for id in ids {
            self.look_at(id);
            self.finish_if_quiet(id, now);
        }
        self.look_for_awaited(now);
        self.look_into_gaps();
        self.look_at_directories();
        self.metrics.files.set(self.files.values().filter(|f| f.standing != Standing::Parked).count() as i64);
        self.metrics.open.set(self.open_files as i64);
        self.metrics.lag.set(self.files.values().map(Followed::lag).sum::<u64>() as i64);
    }

    /// Hands a rotated file's open last line on, once nobody writes to it any more, and closes it.
    fn finish_if_quiet(&mut self, id: u64, now: Instant) {
        let Some(file) = self.files.get(&id) else { return };
        let quiet = now.saturating_duration_since(file.changed) >= self.settings.rotate_grace;
        if file.standing != Standing::Detached || file.queued || !file.at_end || !quiet || !self.has_room(id) {
            return;
        }
        if file.lag() > 0 && self.ensure_open(id) {
            self.take_turn(id, true);
        }
        if let Some(file) = self.files.get_mut(&id).filter(|f| f.at_end) {
            file.standing = Standing::Parked;
            self.close(id);
        } else {
            self.enqueue(id);
        }
    }

    /// Lets each file that waits hand on a batch; true when it is worth going on at once.
    pub(crate) fn round(&mut self) -> bool {
        let mut progress = false;
        for _ in 0..self.ready.len().min(TURNS_A_ROUND) {
            if !self.outlet_has_room() {
                return false;
            }
            let Some(id) = self.ready.pop_front() else { break };
            if !self.has_room(id) || self.must_wait(id) || !self.ensure_open(id) {
                self.again(id);
                continue;
            }
            self.take_turn(id, false);
            progress = true;
            self.again(id);
        }
        progress && !self.ready.is_empty()
    }

    fn has_room(&self, id: u64) -> bool {
        self.outlet_has_room() && self.files.get(&id).is_some_and(|f| f.progress.waiting() < MAX_UNACKED_BATCHES)
    }

    fn outlet_has_room(&self) -> bool {
        self.out.capacity() > 0 && self.unacked.ahead() < BYTES_AHEAD && self.unacked.bytes() < MAX_UNACKED_BYTES
    }

    /// Whether an older file of the same stream is not at its end yet.
    fn must_wait(&mut self, id: u64) -> bool {
        let Some(before) = self.files.get(&id).and_then(|f| f.after) else { return false };
        let wait = self.files.get(&before).is_some_and(|f| f.standing == Standing::Detached && !f.at_end);
        if let Some(file) = self.files.get_mut(&id).filter(|_| !wait) {
            file.after = None;
        }
        wait
    }

    pub(crate) fn enqueue(&mut self, id: u64) {
        if let Some(file) = self.files.get_mut(&id).filter(|f| !f.queued) {
            file.queued = true;
            self.ready.push_back(id);
        }
    }

    fn again(&mut self, id: u64) {
        if let Some(file) = self.files.get_mut(&id) {
            file.queued = false;
            if !file.at_end {
                self.enqueue(id);
            }
        }
    }

    fn take_turn(&mut self, id: u64, last: bool) {
        self.turns += 1;
        let Some(file) = self.files.get_mut(&id) else { return };
        file.used = self.turns;
        match file.read(&mut self.buffer, &self.limits, last) {
            Ok(turn) => self.hand_on(id, turn),
            Err(error) => self.read_failed(id, &error),
        }
    }

    fn hand_on(&mut self, id: u64, turn: Turn) {
        let Some(file) = self.files.get_mut(&id) else { return };
        file.complained = false;
        if let Some(former) = turn.restarted {
            file.former = Some((former, Instant::now()));
            self.metrics.rotated(Rotation::Truncate);
            tracing::info!(path = %file.path.display(), "log file starts over");
            file.progress.jump(Position::default());
        }
        self.metrics.bytes.inc_by(turn.bytes);
        let lines = turn.lines;
        if lines.ends.is_empty() {
            return;
        }
        self.metrics.lines.inc_by(lines.ends.len() as u64);
        self.metrics.truncated.inc_by(lines.cut);
        self.metrics.invalid.inc_by(lines.invalid);
        let ack = file.progress.expect(file.position, lines.text.len() as u64);
        let batch = LogBatch {
            streams: vec![file.labels.clone()],
            times: self.clock.stamp(wall_clock(), lines.ends.len()),
            text: lines.text,
            ends: lines.ends,
            ack: Some(ack),
            ..LogBatch::default()
        };
        // there is room; where the outlet is gone the lost acknowledgement keeps the lines for the next start
        let _ = self.out.try_send(batch);
    }
}
