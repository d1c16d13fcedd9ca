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
use crate::remote_write::transcode;
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
    /// The last request that the backend took was taken in part.
    partial: bool,
}

/// A body on its way.
#[derive(Clone)]
struct Part {
    protocol: Protocol,
    body: Bytes,
    entries: u64,
}

/// How sending one body ended.
enum Sent {
    Delivered,
    /// So many of its entries; the rest is lost for this reason.
    Partly(u64, &'static str),
    TooLarge,
    Refused(&'static str),
    /// Nothing was stored, for the backend does not understand this version; the reason if there is no other.
    NotUnderstood(&'static str),
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
        Self { shared, reader, stage, backoff, failing: false, partial: false }
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
        let newest = record.meta.time_max_ms;
        let whole = Part { protocol, body: record.body.clone(), entries };
        let (sent, whole) = self.send_understood(whole, newest).await?;
        if !matches!(sent, Sent::TooLarge) {
            outcome.add(&sent, entries);
            return Some(outcome);
        }
        let Some(halves) = split::halves(whole.protocol, &whole.body) else {
            outcome.add(&Sent::TooLarge, entries);
            return Some(outcome);
        };
        for half in halves {
            let entries = u64::from(half.entries);
            let half = Part { protocol: whole.protocol, body: half.body, entries };
            let (sent, _) = self.send_understood(half, newest).await?;
            outcome.add(&sent, entries);
        }
        Some(outcome)
    }

    /// Sends a body in the version of remote write that the backend understands, and finds out which that is. Also gives what
    /// was sent in the end; `None` when the lane is to end.
    ///
    /// A body is made anew in the other version when it is sent, not before: what is queued stays as it is, and is sent as it
    /// is to a backend that understands it by then.
    async fn send_understood(&mut self, part: Part, newest_ms: i64) -> Option<(Sent, Part)> {
        let shared = self.shared.clone();
        let wanted = shared.version.wanted(part.protocol);
        let Some(part) = part.transcoded(wanted) else { return Some((self.lost(&part, "transcode"), part)) };
        let sent = self.send(&part, newest_ms).await?;
        let Sent::NotUnderstood(reason) = sent else { return Some((sent, part)) };
        let other = part.protocol.other_version();
        let Some(other) = other.and_then(|other| part.transcoded(other)) else {
            return Some((self.lost(&part, reason), part));
        };
        let sent = match self.send(&other, newest_ms).await? {
            Sent::NotUnderstood(reason) => self.lost(&part, reason),
            sent @ Sent::Refused(_) => sent,
            taken => {
                self.falls_back(reason, other.protocol);
                taken
            }
        };
        Some((sent, other))
    }

    /// No version of remote write helps.
    fn lost(&self, part: &Part, reason: &'static str) -> Sent {
        let sink = self.shared.sink.component();
        tracing::error!(sink, reason, entries = part.entries, "not understood, records are dropped");
        Sent::Refused(reason)
    }

    fn falls_back(&self, reason: &str, to: Protocol) {
        let (sink, version) = (self.shared.sink.component(), to.version());
        if !self.shared.version.is_only(to) {
            return;
        }
        if to == self.shared.endpoint.protocol {
            tracing::info!(
                sink,
                reason,
                version,
                "records queued in another version of remote write are sent in this one"
            );
            self.shared.metrics.falls_back(false);
        } else {
            tracing::warn!(
                sink,
                reason,
                version,
                "the backend understands another version of remote write than the one set up; records are sent in that \
                 version until weir starts anew or the sink's settings change"
            );
            self.shared.metrics.falls_back(true);
        }
    }

    /// Sends a body, again and again where the answer says so; `None` when the lane is to end.
    async fn send(&mut self, part: &Part, newest_ms: i64) -> Option<Sent> {
        let Part { protocol, ref body, entries } = *part;
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
            let answered = shared.endpoint.post(protocol, body.clone(), entries).await;
            drop(permit);
            metrics.answered(begun.elapsed());
            let after = match answered.verdict {
                Verdict::Delivered => {
                    self.recovered();
                    metrics.sent(entries, body.len(), newest_ms);
                    shared.version.taken(protocol);
                    self.partial = false;
                    return Some(Sent::Delivered);
                }
                Verdict::Partial { written, reason } => {
                    self.recovered();
                    metrics.sent(written, body.len(), newest_ms);
                    shared.version.taken(protocol);
                    let lost = entries - written.min(entries);
                    if std::mem::replace(&mut self.partial, true) {
                        tracing::debug!(sink, reason, lost, answer = answered.words, "again taken in part");
                    } else {
                        tracing::error!(
                            sink,
                            reason,
                            lost,
                            entries,
                            answer = answered.words,
                            "taken in part, the rest is dropped"
                        );
                    }
                    return Some(Sent::Partly(written, reason));
                }
                Verdict::NotUnderstood(reason) if reason == "http_415" || shared.version.is_unproven() => {
                    tracing::debug!(sink, reason, answer = answered.words, "not understood");
                    return Some(Sent::NotUnderstood(reason));
                }
                Verdict::NotUnderstood(reason @ "no_written_header") => return Some(Sent::NotUnderstood(reason)),
                Verdict::Split => {
                    tracing::warn!(sink, entries, bytes = body.len(), answer = answered.words, "request too large");
                    return Some(Sent::TooLarge);
                }
                Verdict::Drop(reason) | Verdict::NotUnderstood(reason) => {
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
            Sent::Partly(written, reason) => {
                let written = (*written).min(entries);
                self.delivered += written;
                self.dropped.push((reason, entries - written));
            }
            Sent::TooLarge => self.dropped.push((TOO_LARGE, entries)),
            Sent::Refused(reason) | Sent::NotUnderstood(reason) => self.dropped.push((reason, entries)),
        }
    }
}

impl Part {
    /// The same entries in another protocol; `None` where there is no way.
    fn transcoded(&self, protocol: Protocol) -> Option<Self> {
        if protocol == self.protocol {
            return Some(self.clone());
        }
        let body = transcode(self.protocol, protocol, &self.body)?.into();
        Some(Self { protocol, body, entries: self.entries })
    }
}
