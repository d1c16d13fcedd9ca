//! What the queue's handle, its readers and its thread have in common.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::account::From;
use crate::error::AppendError;
use crate::format::{HEADER_BYTES, Header, MAX_BODY_BYTES};
use crate::generation::Generation;
use crate::lane::{Context, Lane, is_disk_full};
use crate::queue::{Appended, OnDurable, RecordMeta};
use crate::settings::{Settings, WhenFull};
use crate::stats::{DropReason, Health, Stats, Volume};
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
    wake: Vec<Notify>,
    /// Readers that wait for other lanes to make progress.
    held_back: AtomicUsize,
    pub(crate) ticker: Ticker,
    clock: Clock,
}

impl Shared {
    pub(crate) fn new(settings: Settings, context: Context, generations: Vec<Generation>, clock: Clock) -> Self {
        Self {
            wake: (0..settings.lanes).map(|_| Notify::new()).collect(),
            generations: RwLock::new(generations.into_iter().map(Arc::new).collect()),
            held_back: AtomicUsize::new(0),
            ticker: Ticker::default(),
            settings,
            context,
            clock,
        }
    }

    pub(crate) fn generations(&self) -> Vec<Arc<Generation>> {
        self.generations.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn current(&self) -> Option<Arc<Generation>> {
        self.generations.read().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    pub(crate) fn append(
        &self,
        lane: usize,
        meta: RecordMeta,
        body: &Bytes,
        on_durable: &mut Option<OnDurable>,
    ) -> Result<Appended, AppendError> {
        let account = &self.context.account;
        let Some(current) = self.current().filter(|_| !account.is_closed()) else { return Err(AppendError::Closed) };
        let lane_index = lane % self.wake.len();
        let Some(lane) = current.lanes.get(lane_index) else { return Err(AppendError::Closed) };
        let header = Header {
            seq: 0,
            entries_before: 0,
            len: u32::try_from(body.len()).unwrap_or(u32::MAX),
            meta,
            appended_ms: (self.clock)(),
            body_crc: crc32c::crc32c(body),
        };
        let volume = header.volume();
        if body.len() > MAX_BODY_BYTES || volume.bytes > account.max_bytes() {
            return Err(self.refuse(DropReason::QueueTooLarge, volume, on_durable));
        }
        if account.unsynced_full(1) {
            return Err(AppendError::Storage);
        }
        let pushed_out = match self.make_room(volume) {
            Ok(pushed_out) => pushed_out,
            Err(None) => return Err(AppendError::Full),
            Err(Some(reason)) => return Err(self.refuse(reason, volume, on_durable)),
        };
        let waited_for = on_durable.is_some();
        match lane.append(&self.context, header, body, on_durable) {
            Ok(seq) => {
                if account.unsynced_full(2) {
                    self.ticker.within(Duration::ZERO);
                } else if waited_for {
                    self.ticker.within(self.settings.group_commit);
                }
                self.wake(lane_index);
                Ok(Appended { seq, pushed_out })
            }
            Err(error) => {
                account.unreserve(volume);
                let full = is_disk_full(&error);
                self.ailing(&error);
                match self.settings.when_full {
                    WhenFull::Block if full => Err(AppendError::Full),
                    _ if full => Err(self.refuse(DropReason::DiskFull, volume, on_durable)),
                    _ => Err(AppendError::Storage),
                }
            }
        }
    }

    /// Reserves room by the policy; `Err(None)` means wait.
    fn make_room(&self, volume: Volume) -> Result<Volume, Option<DropReason>> {
        let mut pushed_out = Volume::default();
        while !self.context.account.reserve(volume) {
            match self.settings.when_full {
                WhenFull::Block => return Err(None),
                WhenFull::DropNewest => return Err(Some(DropReason::QueueFullNewest)),
                WhenFull::DropOldest => match self.drop_oldest() {
                    Some(dropped) => pushed_out += dropped,
                    None => return Err(Some(DropReason::QueueFullNewest)),
                },
            }
        }
        Ok(pushed_out)
    }

    /// Drops the oldest record of the oldest generation that has one which is not in flight.
    fn drop_oldest(&self) -> Option<Volume> {
        for generation in self.generations() {
            // another append may empty the lane that was the oldest; each turn one lane less has a head
            while let Some(lane) = generation
                .lanes
                .iter()
                .filter_map(|lane| Some((lane.head_ms()?, lane)))
                .min_by_key(|(ms, _)| *ms)
                .map(|(_, lane)| lane)
            {
                if let Some(dropped) = lane.drop_head(&self.context, DropReason::QueueFull, i64::MAX) {
                    self.progress();
                    return Some(dropped);
                }
                if lane.head_ms().is_some() {
                    // it cannot be read now
                    return None;
                }
            }
        }
        None
    }

    fn refuse(&self, reason: DropReason, volume: Volume, on_durable: &mut Option<OnDurable>) -> AppendError {
        self.context.account.dropped(reason, volume, From::Door);
        if let Some(call) = on_durable.take() {
            call();
        }
        AppendError::Dropped(reason)
    }

    fn ailing(&self, error: &io::Error) {
        let health = if is_disk_full(error) { Health::DiskFull } else { Health::Failing(error.to_string()) };
        if self.context.account.set_health(health) {
            tracing::warn!(sink = self.settings.sink, %error, "queue cannot write to its disk");
        }
        self.ticker.within(self.settings.sync_interval);
    }

    /// The lane that the reader `index` should read, with its generation; `None` while it has nothing to read.
    pub(crate) fn readable(&self, index: usize) -> Option<(Arc<Generation>, usize)> {
        for generation in self.generations() {
            let ours = (index..generation.lanes.len()).step_by(self.wake.len());
            if let Some(lane) = ours.into_iter().find(|lane| generation.lanes.get(*lane).is_some_and(|l| !l.is_empty()))
            {
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

    fn wake(&self, index: usize) {
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
            Ok(()) => self.probe(),
            Err(error) => self.ailing(error),
        }
        result
    }

    fn expire(&self) {
        let Some(max_age) = self.settings.max_age.and_then(|age| i64::try_from(age.as_millis()).ok()) else { return };
        let before = (self.clock)().saturating_sub(max_age);
        for lane in self.generations().iter().flat_map(|generation| &generation.lanes) {
            while lane.head_ms().is_some_and(|ms| ms < before)
                && lane.drop_head(&self.context, DropReason::QueueAge, before).is_some()
            {
                self.progress();
            }
        }
    }

    /// Removes generations that are not the last and have nothing left.
    fn remove_finished(&self, generations: &[Arc<Generation>]) -> io::Result<()> {
        let Some((_, older)) = generations.split_last() else { return Ok(()) };
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

    /// After a failed write: finds out whether the disk takes as much again.
    fn probe(&self) {
        let account = &self.context.account;
        if account.health() == Health::Ok {
            return;
        }
        let path: PathBuf = self.settings.dir.join("probe");
        let _ = self.context.storage.remove(&path);
        let result = self.context.storage.open(&path, true).and_then(|file| {
            file.write(0, &[0; HEADER_BYTES], &vec![0; PROBE_BYTES])?;
            file.sync()
        });
        let _ = self.context.storage.remove(&path);
        match result {
            Ok(()) => {
                account.set_health(Health::Ok);
                tracing::info!(sink = self.settings.sink, "queue can write to its disk again");
            }
            Err(error) => self.ailing(&error),
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
