//! The queue's account: one lock over all numbers, so that they balance whenever they are looked at.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::settings::MAX_SYNC_BYTES;
use crate::stats::{DropReason, Health, Stats, Volume};

/// Bodies are held in memory until they are fsynced, lest a failed fsync loses them. More than this means that the
/// disk is far behind, and the process must not pay for it.
pub(crate) const MAX_UNSYNCED_BYTES: u64 = 2 * MAX_SYNC_BYTES;

/// Where dropped records were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// They were never taken.
    Door,
    Queued,
    InFlight,
}

#[derive(Debug, Default)]
struct Inner {
    stats: Stats,
    unsynced_bytes: u64,
    health: Health,
    closed: bool,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Account {
    inner: Mutex<Inner>,
    max_bytes: u64,
    /// Told whenever there may be more room than before.
    changed: Notify,
}

impl Account {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { inner: Mutex::default(), max_bytes, changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The budget.
    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().stats
    }

    /// Takes room for a record that is about to be written.
    pub(crate) fn reserve(&self, volume: Volume) -> bool {
        let mut inner = self.lock();
        let fits = inner.fits(volume.bytes, self.max_bytes);
        if fits {
            inner.stats.offered += volume;
            inner.stats.queued += volume;
        }
        fits
    }

    /// The record could not be written.
    pub(crate) fn unreserve(&self, volume: Volume) {
        let mut inner = self.lock();
        inner.stats.offered -= volume;
        inner.stats.queued -= volume;
        inner.stats.write_failures += 1;
    }

    pub(crate) fn recovered(&self, queued: Volume, in_flight: Volume) {
        let mut inner = self.lock();
        inner.stats.recovered += queued + in_flight;
        inner.stats.queued += queued;
        inner.stats.in_flight += in_flight;
    }

    /// Records that were there once and were not found at opening.
    pub(crate) fn recovered_lost(&self, reason: DropReason, volume: Volume) {
        let mut inner = self.lock();
        inner.stats.recovered += volume;
        inner.stats.drop_for(reason, volume);
    }

    pub(crate) fn torn_tail(&self) {
        self.lock().stats.torn_tails += 1;
    }

    pub(crate) fn sync_failed(&self) {
        self.lock().stats.sync_failures += 1;
    }

    pub(crate) fn taken(&self, volume: Volume) {
        let mut inner = self.lock();
        inner.stats.queued -= volume;
        inner.stats.in_flight += volume;
    }

    /// A record that was taken goes back.
    pub(crate) fn returned(&self, volume: Volume) {
        let mut inner = self.lock();
        inner.stats.in_flight -= volume;
        inner.stats.queued += volume;
    }

    pub(crate) fn committed(&self, volume: Volume) {
        let mut inner = self.lock();
        inner.stats.in_flight -= volume;
        inner.stats.committed += volume;
        drop(inner);
        self.changed.notify_waiters();
    }

    pub(crate) fn dropped(&self, reason: DropReason, volume: Volume, from: From) {
        let mut inner = self.lock();
        match from {
            From::Door => inner.stats.offered += volume,
            From::Queued => inner.stats.queued -= volume,
            From::InFlight => inner.stats.in_flight -= volume,
        }
        inner.stats.drop_for(reason, volume);
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Bytes that turned out to hold no record of their own (a copy that was written again): never recovered.
    pub(crate) fn vanished(&self, bytes: u64) {
        if bytes > 0 {
            let mut inner = self.lock();
            let volume = Volume { bytes, ..Volume::default() };
            inner.stats.queued -= volume;
            inner.stats.recovered -= volume;
            drop(inner);
            self.changed.notify_waiters();
        }
    }

    pub(crate) fn unsynced(&self, bytes: u64) {
        self.lock().unsynced_bytes += bytes;
    }

    pub(crate) fn synced(&self, bytes: u64) {
        let mut inner = self.lock();
        inner.unsynced_bytes = inner.unsynced_bytes.saturating_sub(bytes);
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Bytes that wait for an fsync.
    pub(crate) fn unsynced_bytes(&self) -> u64 {
        self.lock().unsynced_bytes
    }

    /// Whether no more bodies may be held for an fsync.
    pub(crate) fn unsynced_full(&self) -> bool {
        self.unsynced_bytes() > MAX_UNSYNCED_BYTES
    }

    pub(crate) fn health(&self) -> Health {
        self.lock().health.clone()
    }

    /// Keeps the new state; true when it is another one.
    pub(crate) fn set_health(&self, health: Health) -> bool {
        let mut inner = self.lock();
        let other = inner.health != health;
        inner.health = health;
        drop(inner);
        self.changed.notify_waiters();
        other
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until a record of so many bytes may fit.
    pub(crate) async fn room(&self, bytes: u64) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.has_room(bytes) {
                return;
            }
            changed.await;
        }
    }

    fn has_room(&self, bytes: u64) -> bool {
        let inner = self.lock();
        inner.closed
            || bytes > self.max_bytes
            || (inner.health == Health::Ok
                && inner.unsynced_bytes <= MAX_UNSYNCED_BYTES
                && inner.fits(bytes, self.max_bytes))
    }
}

impl Inner {
    fn fits(&self, bytes: u64, max_bytes: u64) -> bool {
        self.stats.queued.bytes + self.stats.in_flight.bytes + bytes <= max_bytes
    }
}

impl Stats {
    fn drop_for(&mut self, reason: DropReason, volume: Volume) {
        if let Some(sum) = self.dropped.get_mut(reason as usize) {
            *sum += volume;
        }
    }
}
