//! One lane's loop.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;
use weir_queue::{LaneReader, Record};

use super::{Shared, Stage};
use crate::answer::Verdict;
use crate::backoff::Backoff;
use crate::protocol::Protocol;
use crate::split;

/// The backend finds a half too large, or what cannot be halved.
const TOO_LARGE: &str = "too_large";

/// See the [module](self).
pub(super) struct Lane {
    shared: Arc<Shared>,
    reader: LaneReader,
    stage: watch::Receiver<Stage>,
    backoff: Backoff,
    failing: bool,
}

/// How sending one body ended.
enum Sent {
    Delivered,
    TooLarge,
    Refused(&'static str),
}

/// What became of a record's entries; booked at once when the record is settled, so that one that stays in the queue
/// is never counted twice.
#[derive(Default)]
struct Outcome {
    delivered: u64,
    dropped: Vec<(&'static str, u64)>,
}

impl Outcome {
    fn all_dropped(reason: &'static str, entries: u64) -> Self {
        Self { delivered: 0, dropped: vec![(reason, entries)] }
    }
}

impl Lane {
    pub(super) fn new(shared: Arc<Shared>, lane: usize, stage: watch::Receiver<Stage>) -> Self {
        let reader = shared.queue.queue.lane_reader(lane);
        let sending = &shared.endpoint.sending;
        // any seed will do that differs between lanes and between processes
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = (now.as_nanos() as u64).wrapping_mul(2 * lane as u64 + 0x9e37_79b9_7f4a_7c15);
        let backoff = Backoff::new(sending.min_backoff, sending.max_backoff, seed);
        Self { shared, reader, stage, backoff, failing: false }
    }

    pub(super) async fn run(mut self) {
        while let Some(record) = self.take().await {
            let Some(outcome) = self.deliver(&record).await else {
                return;
            };
            let shared = self.shared.clone();
            let _together = shared.sink.account().booking();
            self.book(&outcome);
            self.reader.commit(record.seq);
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

    /// Sends a record until its fate is known; `None` when the lane is to end before that.
    async fn deliver(&mut self, record: &Record) -> Option<Outcome> {
        let entries = u64::from(record.meta.entries);
        let Some(protocol) = Protocol::from_number(record.meta.protocol) else {
            tracing::error!(
                sink = self.shared.sink.component(),
                protocol = record.meta.protocol,
                entries,
                "a queued record is of a protocol that this version does not know, and is dropped"
            );
            return Some(Outcome::all_dropped("unknown_protocol", entries));
        };
        let mut outcome = Outcome::default();
        let sent = self.send(protocol, &record.body, entries, record.meta.time_max_ms).await?;
        if !matches!(sent, Sent::TooLarge) {
            outcome.add(&sent, entries);
            return Some(outcome);
        }
        let Some(halves) = split::halves(protocol, &record.body) else {
            outcome.add(&Sent::TooLarge, entries);
            return Some(outcome);
        };
        for half in halves {
            let entries = u64::from(half.entries);
            let sent = self.send(protocol, &half.body, entries, record.meta.time_max_ms).await?;
            outcome.add(&sent, entries);
        }
        Some(outcome)
    }

    /// Sends a body, again and again where the answer says so; `None` when the lane is to end.
    async fn send(&mut self, protocol: Protocol, body: &Bytes, entries: u64, newest_ms: i64) -> Option<Sent> {
        let shared = self.shared.clone();
        let (sink, metrics) = (shared.sink.component(), &shared.metrics);
        loop {
            self.pause().await?;
            if self.is_too_old(newest_ms) {
                tracing::error!(sink, entries, "records are older than sample_age_limit and are dropped");
                return Some(Sent::Refused("too_old"));
            }
            let permit = shared.shards.acquire().await.ok()?;
            let begun = Instant::now();
            let answered = shared.endpoint.post(protocol, body.clone()).await;
            drop(permit);
            metrics.answered(begun.elapsed());
            let after = match answered.verdict {
                Verdict::Delivered => {
                    self.recovered();
                    metrics.sent(entries, body.len(), newest_ms);
                    return Some(Sent::Delivered);
                }
                Verdict::Split => {
                    tracing::warn!(sink, entries, bytes = body.len(), answer = answered.words, "request too large");
                    return Some(Sent::TooLarge);
                }
                Verdict::Drop(reason) => {
                    tracing::error!(sink, reason, entries, answer = answered.words, "refused, records are dropped");
                    return Some(Sent::Refused(reason));
                }
                Verdict::Retry { after } => after,
            };
            metrics.retried(entries);
            self.failed(&answered.words);
            if let Some(after) = after {
                self.pause_all(after);
            }
            if *self.stage.borrow() != Stage::Run {
                // no further attempt on the way out
                return None;
            }
            let wait = self.backoff.next();
            self.wait_until(Instant::now() + wait).await?;
        }
    }

    /// Waits as long as the backend asked all lanes to.
    async fn pause(&mut self) -> Option<()> {
        loop {
            let pause = *self.shared.pause.lock().unwrap_or_else(PoisonError::into_inner);
            match pause {
                Some(until) if until > Instant::now() => self.wait_until(until).await?,
                _ => return Some(()),
            }
        }
    }

    fn pause_all(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut pause = self.shared.pause.lock().unwrap_or_else(PoisonError::into_inner);
        *pause = Some(pause.map_or(until, |p| p.max(until)));
    }

    /// `None` when the lane is to end before that.
    async fn wait_until(&mut self, until: Instant) -> Option<()> {
        tokio::select! {
            biased;
            // an error means that the sender is gone: the lane ends as well
            _ = self.stage.wait_for(|stage| *stage != Stage::Run) => None,
            () = tokio::time::sleep_until(until) => Some(()),
        }
    }

    fn failed(&mut self, words: &str) {
        let sink = self.shared.sink.component();
        if self.failing {
            tracing::debug!(sink, answer = words, "still failing");
        } else {
            tracing::warn!(sink, answer = words, "sending fails and is tried again, records wait in the queue");
        }
        self.failing = true;
    }

    fn recovered(&mut self) {
        self.backoff.reset();
        if std::mem::take(&mut self.failing) {
            tracing::info!(sink = self.shared.sink.component(), "sending works again");
        }
    }

    fn is_too_old(&self, newest_ms: i64) -> bool {
        let Some(limit) = self.shared.endpoint.sending.sample_age_limit else { return false };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_millis() as i64 - newest_ms > limit.as_millis() as i64
    }

    fn book(&self, outcome: &Outcome) {
        let Shared { sink, metrics, .. } = &*self.shared;
        sink.account().delivered(outcome.delivered);
        for (reason, entries) in &outcome.dropped {
            if *reason == TOO_LARGE {
                tracing::error!(sink = sink.component(), entries, "too large even by half, records are dropped");
            }
            metrics.failed(*entries);
            sink.count_lost(metrics, reason, *entries);
        }
    }
}

impl Outcome {
    fn add(&mut self, sent: &Sent, entries: u64) {
        match sent {
            Sent::Delivered => self.delivered += entries,
            Sent::TooLarge => self.dropped.push((TOO_LARGE, entries)),
            Sent::Refused(reason) => self.dropped.push((reason, entries)),
        }
    }
}
