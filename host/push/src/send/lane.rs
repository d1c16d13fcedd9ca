//! One lane's loop.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Instant;
use weir_queue::{LaneReader, Record};

use super::deliver::Part;
use super::join::{self, Joining};
use super::outcome::{Outcome, Sent};
use super::{Shared, Stage};
use crate::backoff::Backoff;

/// See the [module](self).
pub(super) struct Lane {
    pub(super) shared: Arc<Shared>,
    reader: LaneReader,
    pub(super) stage: watch::Receiver<Stage>,
    pub(super) backoff: Backoff,
    joining: Joining,
    failing: bool,
    /// The last request that the backend took was taken in part.
    pub(super) partial: bool,
}

impl Lane {
    pub(super) fn new(shared: Arc<Shared>, lane: usize, stage: watch::Receiver<Stage>) -> Self {
        let reader = shared.queue.queue.lane_reader(lane);
        let sending = &shared.endpoint.sending;
        // any seed will do that differs between lanes and between processes
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = (now.as_nanos() as u64).wrapping_mul(2 * lane as u64 + 0x9e37_79b9_7f4a_7c15);
        let backoff = Backoff::new(sending.min_backoff, sending.max_backoff, seed);
        let joining = Joining::new(&shared.endpoint.batch, shared.endpoint.share);
        Self { shared, reader, stage, backoff, joining, failing: false, partial: false }
    }

    pub(super) async fn run(mut self) {
        while let Some(record) = self.take().await {
            let (records, share) = self.joining.gather(record, &mut self.reader);
            if self.deliver_all(&records, share).await.is_none() {
                return;
            }
        }
    }

    /// The next record; `None` when the lane is to end.
    async fn take(&mut self) -> Option<Record> {
        loop {
            let stage = *self.stage.borrow_and_update();
            match stage {
                Stage::Run => tokio::select! {
                    biased;
                    changed = self.stage.changed() => changed.ok()?,
                    record = self.reader.next() => return record,
                },
                Stage::Drain => tokio::select! {
                    biased;
                    record = self.reader.next() => return record,
                    () = std::future::ready(()) => return None,
                },
                Stage::Stop => return None,
            }
        }
    }

    /// Settles records, in one request if they shall `share` one and can; `None` when the lane is to end before that.
    async fn deliver_all(&mut self, mut records: &[Record], share: bool) -> Option<()> {
        if share && let Some((protocol, body)) = join::join(records) {
            let entries = records.iter().map(|r| u64::from(r.meta.entries)).sum();
            let newest_ms = records.iter().map(|r| r.meta.time_max_ms).min().unwrap_or_default();
            let part = Part { protocol, body, entries, several: true };
            let (sent, part) = self.send_understood(part, newest_ms).await?;
            match sent {
                Sent::TooLarge => self.joining.less(part.body.len()),
                Sent::TooOld | Sent::RefusedTogether => {}
                // while the backend fails, the queue's policy shall find in the queue what it can
                Sent::Failed => records = records.get(..self.reader.put_back()).unwrap_or(records),
                sent => {
                    self.settle_all(records, sent, part.body.len());
                    return Some(());
                }
            }
        }
        // each by itself: what is wrong is not wrong with all of them
        for record in records {
            let outcome = self.deliver(record).await?;
            self.settle(record, &outcome);
        }
        Some(())
    }

    /// Settles records that shared a request.
    fn settle_all(&mut self, records: &[Record], sent: Sent, mut bytes: usize) {
        let mut written = if let Sent::Partly(written, _) = sent { written } else { 0 };
        for record in records {
            let entries = u64::from(record.meta.entries);
            let sent = match sent {
                // nobody knows which of them: the sum is right
                Sent::Partly(_, reason) => {
                    let here = written.min(entries);
                    written -= here;
                    Sent::Partly(here, reason)
                }
                sent => sent,
            };
            self.settle(record, &Outcome::of(&sent, entries, std::mem::take(&mut bytes)));
        }
    }

    /// Until when the backend asked all lanes to wait.
    fn paused_until(&self) -> Option<Instant> {
        let pause = *self.shared.pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.filter(|until| *until > Instant::now())
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused_until().is_some()
    }

    /// Waits as long as the backend asked all lanes to; `None` when the lane is to end before that.
    pub(super) async fn pause(&mut self) -> Option<()> {
        while let Some(until) = self.paused_until() {
            self.wait_until(until).await?;
        }
        Some(())
    }

    pub(super) fn pause_all(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut pause = self.shared.pause.lock().unwrap_or_else(PoisonError::into_inner);
        *pause = Some(pause.map_or(until, |p| p.max(until)));
    }

    /// `None` when the lane is to end before that.
    pub(super) async fn wait_until(&mut self, until: Instant) -> Option<()> {
        tokio::select! {
            biased;
            // an error means that the sender is gone: the lane ends as well
            _ = self.stage.wait_for(|stage| *stage != Stage::Run) => None,
            () = tokio::time::sleep_until(until) => Some(()),
        }
    }

    pub(super) fn failed(&mut self, words: &str) {
        let sink = self.shared.sink.component();
        if self.failing {
            tracing::debug!(sink, answer = words, "still failing");
        } else {
            tracing::warn!(sink, answer = words, "sending fails and is tried again, records wait in the queue");
        }
        self.failing = true;
    }

    pub(super) fn recovered(&mut self) {
        self.backoff.reset();
        if std::mem::take(&mut self.failing) {
            tracing::info!(sink = self.shared.sink.component(), "sending works again");
        }
    }

    /// By the wall clock, as there is no other that the entries' times could be compared with.
    pub(super) fn is_too_old(&self, newest_ms: i64) -> bool {
        let Some(limit) = self.shared.endpoint.sending.sample_age_limit else { return false };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_millis() as i64 - newest_ms > limit.as_millis() as i64
    }

    /// Books what became of a record and lets the queue go on: in one step, so that a record which stays in the queue is
    /// never counted.
    fn settle(&mut self, record: &Record, outcome: &Outcome) {
        let shared = self.shared.clone();
        let Shared { sink, metrics, .. } = &*shared;
        let _together = sink.account().booking();
        if outcome.delivered > 0 {
            sink.account().delivered(outcome.delivered);
            metrics.sent(outcome.delivered, outcome.bytes, record.meta.time_max_ms);
        }
        for (sent, entries) in &outcome.dropped {
            let reason = sent.reason();
            match sent {
                Sent::TooLarge => tracing::error!(
                    sink = sink.component(),
                    reason,
                    entries,
                    "too large even by half, records are dropped"
                ),
                Sent::TooOld => tracing::error!(
                    sink = sink.component(),
                    reason,
                    entries,
                    "records are older than sample_age_limit and are dropped"
                ),
                // said with the answer
                _ => {}
            }
            if *sent != Sent::TooOld {
                metrics.failed(*entries);
            }
            sink.count_lost(metrics, reason, *entries);
        }
        self.reader.commit(record.seq);
    }
}
