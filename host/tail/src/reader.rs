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

use crate::checkpoint::{self, Checkpoint, Entry};
use crate::followed::{Followed, Standing, Turn, open};
use crate::frame::FrameLimits;
use crate::identity::FileKey;
use crate::metrics::{Rotation, SourceMetrics};
use crate::patterns::Patterns;
use crate::progress::{Position, Unacked};
use crate::settings::FileLogsSettings;
use crate::stamps::{StampClock, wall_clock};
use crate::wake::{Stop, Wake};
use crate::watch::Watch;

/// Most bytes that a source has handed on without acknowledgement: lanes keep lines for up to a second before they are
/// written, and a source that reads 64 MB/s shall not wait for that.
const MAX_UNACKED_BYTES: u64 = 64 << 20;

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
    pub(crate) ready: VecDeque<u64>,
    pub(crate) scans: u64,
    /// Files of the checkpoint that were renamed meanwhile were looked for.
    pub(crate) recovered: bool,
    pub(crate) scan_soon: bool,
    out: mpsc::Sender<LogBatch>,
    clock: StampClock,
    buffer: Vec<u8>,
    turns: u64,
    open_files: usize,
    poll_from: u64,
    checkpoint_path: PathBuf,
    stored: Option<Checkpoint>,
}

impl Reader {
    pub(crate) fn new(
        settings: FileLogsSettings,
        patterns: Patterns,
        metrics: SourceMetrics,
        wake: Arc<Wake>,
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
            unacked: Arc::default(),
            watch,
            watch_warned: false,
            files: BTreeMap::new(),
            next_id: 0,
            by_key: HashMap::new(),
            by_path: HashMap::new(),
            remembered: HashMap::new(),
            awaited: Vec::new(),
            ready: VecDeque::new(),
            scans: 0,
            recovered: false,
            scan_soon: false,
            out,
            clock: StampClock::after(0),
            buffer: Vec::new(),
            turns: 0,
            open_files: 0,
            poll_from: 0,
            checkpoint_path,
            stored: None,
            wake,
            settings,
        };
        reader.watch_failed(watching.err());
        reader
    }

    /// Reads until the source is stopped.
    pub(crate) fn run(mut self) {
        self.load_checkpoint();
        self.scan();
        let mut now = Instant::now();
        let mut next_poll = now + self.settings.poll_interval;
        let mut next_scan = now + self.settings.glob_interval;
        let mut earliest_scan = now;
        let mut next_store = now + self.settings.checkpoint_interval;
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
                let took = now.elapsed();
                next_scan = now + self.settings.glob_interval.max(took * UPKEEP_SHARE);
                earliest_scan = now + self.settings.poll_interval.max(took * UPKEEP_SHARE);
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

    /// Waits for acknowledgements as long as the stop allows, then writes the checkpoint.
    fn finish(mut self) {
        // its channel would fill up unread
        self.watch = Watch::none(&self.wake);
        let closed = mpsc::channel(1).0;
        drop(std::mem::replace(&mut self.out, closed));
        while let Some(Stop::Drain(until)) = self.wake.stopped() {
            if self.unacked.batches() == 0 || Instant::now() >= until {
                self.store_checkpoint();
                return;
            }
            self.wake.wait_settled(until);
        }
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

    fn poll(&mut self, now: Instant) {
        let mut ids: Vec<u64> = self.files.range(self.poll_from..).map(|(id, _)| *id).take(POLL_SLICE).collect();
        self.poll_from = ids.last().map_or(0, |id| id + 1);
        if ids.len() < POLL_SLICE {
            self.poll_from = 0;
        }
        // rotated files are few, and in a hurry
        ids.extend(self.files.iter().filter(|(_, f)| f.standing == Standing::Detached).map(|(id, _)| *id));
        for id in ids {
            self.look_at(id);
            self.finish_if_quiet(id, now);
        }
        self.look_for_awaited(now);
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
    fn round(&mut self) -> bool {
        let mut progress = false;
        for _ in 0..self.ready.len().min(TURNS_A_ROUND) {
            if self.out.capacity() == 0 || self.unacked.bytes() >= MAX_UNACKED_BYTES {
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
        self.out.capacity() > 0
            && self.unacked.bytes() < MAX_UNACKED_BYTES
            && self.files.get(&id).is_some_and(|f| f.progress.waiting() < MAX_UNACKED_BATCHES)
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
        if turn.restarted {
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

    pub(crate) fn read_failed(&mut self, id: u64, error: &std::io::Error) {
        self.metrics.read_errors.inc();
        self.close(id);
        let Some(file) = self.files.get_mut(&id) else { return };
        if !std::mem::replace(&mut file.complained, true) {
            tracing::warn!(path = %file.location.display(), %error, "cannot read log file; trying again");
        }
        file.at_end = true;
        // no file looks like this: the next poll tries again
        file.looks = (0, i64::MIN);
    }

    /// Opens a file, closing the one longest unused where too many are open; false when it cannot be read now.
    fn ensure_open(&mut self, id: u64) -> bool {
        let Some(file) = self.files.get(&id) else { return false };
        if file.file.is_some() {
            return true;
        }
        if self.open_files >= self.settings.max_open_files && !self.close_one(id) {
            return false;
        }
        match open(&file_location(&self.files, id)).and_then(|f| Ok((FileKey::of(&f.metadata()?), f))) {
            Ok((key, opened)) => {
                let Some(file) = self.files.get_mut(&id) else { return false };
                if key != file.key {
                    // replaced since it was looked at
                    self.look_at(id);
                    return false;
                }
                file.file = Some(opened);
                self.open_files += 1;
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.look_at(id);
                false
            }
            Err(error) => {
                self.read_failed(id, &error);
                false
            }
        }
    }

    /// Rotated files stay open: they may have no name any more.
    fn close_one(&mut self, not: u64) -> bool {
        let candidates =
            self.files.iter().filter(|(id, f)| **id != not && f.file.is_some() && f.standing != Standing::Detached);
        let oldest = candidates.min_by_key(|(_, f)| (!f.at_end, f.used)).map(|(id, _)| *id);
        oldest.inspect(|id| self.close(*id)).is_some()
    }

    pub(crate) fn close(&mut self, id: u64) {
        if self.files.get_mut(&id).is_some_and(|f| f.file.take().is_some()) {
            self.open_files -= 1;
        }
    }

    fn load_checkpoint(&mut self) {
        match checkpoint::load(&self.checkpoint_path) {
            Ok(None) => {}
            Ok(Some(checkpoint)) => {
                self.clock = StampClock::after(checkpoint.last_time);
                self.remembered = checkpoint.files.into_iter().map(|e| (e.key, e)).collect();
                // files that came while weir was away are no backlog
                self.scans = 1;
            }
            Err(error) => {
                let path = self.checkpoint_path.display();
                tracing::warn!(source = self.settings.name, %path, %error,
                    "checkpoint is lost: reading files from their beginning, lines may be sent twice");
                self.scans = 1;
            }
        }
    }

    fn store_checkpoint(&mut self) {
        let checkpoint = self.checkpoint();
        if self.stored.as_ref() == Some(&checkpoint) {
            return;
        }
        match checkpoint::store(&self.checkpoint_path, &checkpoint) {
            Ok(()) => self.stored = Some(checkpoint),
            Err(error) => {
                self.metrics.checkpoint_errors.inc();
                let path = self.checkpoint_path.display();
                tracing::warn!(source = self.settings.name, %path, %error, "cannot write checkpoint");
            }
        }
    }

    fn checkpoint(&mut self) -> Checkpoint {
        let now = (wall_clock() / 1_000_000_000) as u64;
        let forget = now.saturating_sub(self.settings.forget_after.as_secs());
        self.remembered.retain(|_, e| e.seen >= forget);
        // by the hour, so that a source at rest writes nothing
        let seen = now - now % 3600;
        let followed =
            self.files.values().map(|f| Entry { path: f.path.clone(), key: f.key, position: f.progress.safe(), seen });
        let mut files: Vec<Entry> = followed.chain(self.remembered.values().cloned()).collect();
        files.sort_unstable_by_key(|e| e.key);
        Checkpoint { last_time: self.clock.last(), files }
    }
}

fn file_location(files: &BTreeMap<u64, Followed>, id: u64) -> PathBuf {
    files.get(&id).map(|f| f.location.clone()).unwrap_or_default()
}
