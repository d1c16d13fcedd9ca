//! What the queue's handle, its readers and its thread have in common.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::format::HEADER_BYTES;
use crate::generation::Generation;
use crate::lane::{Context, Lane, is_disk_full};
use crate::settings::Settings;
use crate::stats::{Health, Stats};
use crate::storage::Mode;
use crate::ticker::Ticker;

/// A lane whose oldest record is younger than this has no backlog and is not held back.
const BACKLOG_MS: i64 = 60_000;

/// Milliseconds since the epoch.
pub(crate) type Clock = fn() -> i64;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) context: Context,
    /// Oldest first; appends go to the last.
    generations: RwLock<Vec<Arc<Generation>>>,
    /// One for each reader.
    pub(crate) wake: Vec<Notify>,
    /// Readers that wait for other lanes to make progress.
    held_back: AtomicUsize,
    /// Older generations may still be appended to, and stay though they are empty.
    former_writers: AtomicBool,
    pub(crate) ticker: Ticker,
    pub(crate) clock: Clock,
}

impl Shared {
    pub(crate) fn new(settings: Settings, context: Context, generations: Vec<Generation>, clock: Clock) -> Self {
        Self {
            wake: (0..settings.lanes).map(|_| Notify::new()).collect(),
            generations: RwLock::new(generations.into_iter().map(Arc::new).collect()),
            held_back: AtomicUsize::new(0),
            former_writers: AtomicBool::new(settings.former_writers),
            ticker: Ticker::default(),
            settings,
            context,
            clock,
        }
    }

    pub(crate) fn generations(&self) -> Vec<Arc<Generation>> {
        self.generations.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where a writer that counts so many lanes appends: to the newest generation, unless it began before that did and its
    /// own is still there, which is read first.
    pub(crate) fn taking(&self, lanes: usize) -> Option<Arc<Generation>> {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        let own = generations.iter().rev().find(|generation| generation.lanes.len() == lanes);
        own.or(generations.last()).cloned()
    }

    /// No writer of a former number of lanes is left: what is empty of older generations goes.
    pub(crate) fn former_writers_are_gone(&self) {
        if self.former_writers.swap(false, Ordering::AcqRel) {
            self.ticker.within(std::time::Duration::ZERO);
        }
    }

    /// The lane that the reader `index` should read, with its generation; `None` while it has nothing to read.
    pub(crate) fn readable(&self, index: usize) -> Option<(Arc<Generation>, usize)> {
        for generation in self.generations() {
            let lanes = generation.lanes.iter().enumerate().skip(index).step_by(self.wake.len());
            // of several that are ours the one that was begun, or else that with the oldest record: another might have to
            // wait for just that one
            let ours = lanes.filter(|(_, lane)| !lane.is_empty());
            let ours = ours.min_by_key(|(_, lane)| (!lane.has_flight(), lane.oldest_ms()));
            if let Some((lane, _)) = ours {
                return Some((generation, lane));
            }
            if !generation.is_empty() {
                return None;
            }
        }
        None
    }

    /// Whether a lane may send, as far as the others' backlogs go.
    pub(crate) fn in_turn(&self, generation: &Generation, lane: &Lane) -> bool {
        let Some((own, oldest)) = lane.oldest_ms().zip(generation.oldest_ms()) else { return true };
        let spread = i64::try_from(self.settings.lane_spread.as_millis()).unwrap_or(i64::MAX);
        own > (self.clock)().saturating_sub(BACKLOG_MS) || own <= oldest.saturating_add(spread)
    }

    /// The same for the lane's next record, while others of it are in flight.
    pub(crate) fn head_in_turn(&self, generation: &Generation, lane: &Lane) -> bool {
        let Some((own, oldest)) = lane.head_ms().zip(generation.oldest_ms()) else { return true };
        let spread = i64::try_from(self.settings.lane_spread.as_millis()).unwrap_or(i64::MAX);
        own > (self.clock)().saturating_sub(BACKLOG_MS) || own <= oldest.saturating_add(spread)
    }

    pub(crate) fn oldest_time(&self, lane: usize) -> Option<i64> {
        let (generation, lane) = self.readable(lane)?;
        generation.lanes.get(lane)?.oldest_ms()
    }

    /// Whether the reader `index` waits for more than an append to its lane.
    pub(crate) fn waits_for_others(&self, index: usize) -> bool {
        self.readable(index).is_some() || self.generations().len() > 1
    }

    /// Waits for something to change for the reader `index`. A change since its last wait counts.
    pub(crate) async fn changed(&self, index: usize) {
        if let Some(wake) = self.wake.get(index) {
            wake.notified().await;
        }
    }

    pub(crate) fn hold_back(&self) -> HeldBack<'_> {
        self.held_back.fetch_add(1, Ordering::SeqCst);
        HeldBack(self)
    }

    pub(crate) fn wake(&self, index: usize) {
        if let Some(wake) = self.wake.get(index) {
            wake.notify_one();
        }
    }

    pub(crate) fn wake_all(&self) {
        self.wake.iter().for_each(Notify::notify_one);
    }

    /// A lane has fewer records: others may have waited for that.
    pub(crate) fn progress(&self) {
        if self.held_back.load(Ordering::SeqCst) > 0 {
            self.wake_all();
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let oldest_ms = self.generations().iter().filter_map(|generation| generation.oldest_ms()).min();
        Stats { oldest_ms, ..self.context.account.stats() }
    }

    /// One round of the queue's thread: expires, fsyncs, saves cursors, removes what is done with. `last`: at close.
    pub(crate) fn round(&self, last: bool) -> io::Result<()> {
        self.expire();
        let mut result = Ok(());
        let generations = self.generations();
        for lane in generations.iter().flat_map(|generation| &generation.lanes) {
            result = result.and(lane.sync(&self.context).and_then(|()| lane.save_cursor(&self.context, last)));
        }
        if !last && result.is_ok() {
            result = self.remove_finished(&generations);
        }
        match &result {
            Ok(()) => self.look_at_disk(),
            Err(error) => self.ailing(error),
        }
        result
    }

    /// Removes generations that are not the last and have nothing left.
    fn remove_finished(&self, generations: &[Arc<Generation>]) -> io::Result<()> {
        let Some((_, older)) = generations.split_last() else { return Ok(()) };
        if self.former_writers.load(Ordering::Acquire) {
            return Ok(());
        }
        for generation in older.iter().filter(|generation| generation.is_empty()) {
            generation.remove(&self.context)?;
            self.generations
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|kept| kept.number != generation.number);
            self.wake_all();
        }
        Ok(())
    }

    /// Finds out whether the disk takes what it did not take before, and whether it has come near its end.
    fn look_at_disk(&self) {
        let Context { storage, account, floor, .. } = &self.context;
        let low = !floor.look(&**storage, 0);
        match account.health() {
            Health::Ok if low => self.disk_low(),
            Health::DiskLow { .. } if !low => self.well_again(),
            Health::Ok | Health::DiskLow { .. } => {}
            Health::DiskFull | Health::Failing(_) => self.probe(),
        }
    }

    /// After a failed write: tries one.
    fn probe(&self) {
        let storage = &*self.context.storage;
        let path: PathBuf = self.settings.dir.join("probe");
        let _ = storage.remove(&path);
        let result = storage.open(&path, Mode::Create).and_then(|file| {
            file.write(0, &[0; HEADER_BYTES], &vec![0; PROBE_BYTES])?;
            file.sync()
        });
        let _ = storage.remove(&path);
        match result {
            Ok(()) => self.well_again(),
            Err(error) => self.ailing(&error),
        }
    }

    fn well_again(&self) {
        self.context.account.set_health(Health::Ok);
        tracing::info!(sink = self.settings.sink, "queue can write to its disk again");
    }

    pub(crate) fn ailing(&self, error: &io::Error) {
        let health = if is_disk_full(error) { Health::DiskFull } else { Health::Failing(error.to_string()) };
        if self.context.account.set_health(health) {
            tracing::warn!(sink = self.settings.sink, %error, "queue cannot write to its disk");
        }
        self.ticker.within(self.settings.sync_interval);
    }

    pub(crate) fn disk_low(&self) {
        let min_free = self.context.floor.min_free();
        if self.context.account.set_health(Health::DiskLow { min_free }) {
            tracing::warn!(sink = self.settings.sink, min_free, "the queue's disk has less than min_free_disk left");
        }
    }
}

/// A usual request's size: when it fits, appends are worth trying.
const PROBE_BYTES: usize = 64 << 10;

/// While it lives, its reader is told of other lanes' progress.
pub(crate) struct HeldBack<'a>(&'a Shared);

impl Drop for HeldBack<'_> {
    fn drop(&mut self) {
        self.0.held_back.fetch_sub(1, Ordering::SeqCst);
    }
}
