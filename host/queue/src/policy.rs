//! What gets into the queue, and what has to go for it.

use std::time::Duration;

use bytes::Bytes;

use crate::account::From;
use crate::error::AppendError;
use crate::format::{Header, MAX_BODY_BYTES};
use crate::lane::{Context, is_disk_full};
use crate::queue::{Appended, OnDurable, RecordMeta};
use crate::settings::WhenFull;
use crate::shared::Shared;
use crate::stats::{DropReason, Volume};

impl Shared {
    pub(crate) fn append(
        &self,
        lane: usize,
        lanes: usize,
        meta: RecordMeta,
        body: &Bytes,
        on_durable: &mut Option<OnDurable>,
    ) -> Result<Appended, AppendError> {
        let account = &self.context.account;
        let Some(taking) = self.taking(lanes).filter(|_| !account.is_closed()) else { return Err(AppendError::Closed) };
        let lane_index = lane % taking.lanes.len().max(1);
        let Some(lane) = taking.lanes.get(lane_index) else { return Err(AppendError::Closed) };
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
        if account.unsynced_full() {
            return Err(AppendError::Storage);
        }
        let pushed_out = match self.make_room(volume) {
            Ok(pushed_out) => pushed_out,
            Err(reason) if self.settings.when_full == WhenFull::Block => return Err(AppendError::Full(reason)),
            Err(reason) => return Err(self.refuse(reason, volume, on_durable)),
        };
        match lane.append(&self.context, header, body, on_durable) {
            Ok(seq) => {
                if account.unsynced_bytes() >= self.settings.sync_bytes {
                    self.ticker.within(Duration::ZERO);
                }
                self.wake(lane_index % self.wake.len());
                Ok(Appended { seq, pushed_out })
            }
            Err(error) => {
                account.unreserve(volume);
                let full = is_disk_full(&error);
                self.ailing(&error);
                match self.settings.when_full {
                    WhenFull::Block if full => Err(AppendError::Full(DropReason::DiskFull)),
                    _ if full => Err(self.refuse(DropReason::DiskFull, volume, on_durable)),
                    _ => Err(AppendError::Storage),
                }
            }
        }
    }

    /// Takes room by the policy; an error says why there is none.
    fn make_room(&self, volume: Volume) -> Result<Volume, DropReason> {
        let Context { storage, account, floor, .. } = &self.context;
        let oldest = self.settings.when_full == WhenFull::DropOldest;
        let mut pushed_out = Volume::default();
        if !floor.allows(&**storage, volume.bytes) {
            self.disk_low();
            // as much goes as comes, so that the queue takes no more of the disk than it has
            while pushed_out.bytes < volume.bytes {
                let dropped = if oldest { self.drop_oldest(DropReason::DiskLow) } else { None };
                pushed_out += dropped.ok_or(DropReason::DiskLow)?;
            }
        }
        while !account.reserve(volume) {
            let dropped = if oldest { self.drop_oldest(DropReason::QueueFull) } else { None };
            pushed_out += dropped.ok_or(DropReason::QueueFullNewest)?;
        }
        Ok(pushed_out)
    }

    /// Drops the oldest record of the oldest generation that has one which is not in flight.
    fn drop_oldest(&self, reason: DropReason) -> Option<Volume> {
        for generation in self.generations() {
            // another append may empty the lane that was the oldest; each turn one lane less has a head
            while let Some(lane) = generation
                .lanes
                .iter()
                .filter_map(|lane| Some((lane.head_ms()?, lane)))
                .min_by_key(|(ms, _)| *ms)
                .map(|(_, lane)| lane)
            {
                if let Some(dropped) = lane.drop_head(&self.context, reason, i64::MAX) {
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

    /// Drops what has waited longer than `max_age`.
    pub(crate) fn expire(&self) {
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
}
