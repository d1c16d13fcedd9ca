//! One record's way to the backend, in the version that it understands, as often as its answers say.

use bytes::Bytes;
use tokio::time::Instant;
use weir_queue::Record;

use super::Stage;
use super::lane::Lane;
use super::outcome::{Outcome, Sent};
use crate::answer::Verdict;
use crate::protocol::Protocol;
use crate::remote_write::transcode;
use crate::split;

/// A body on its way.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) protocol: Protocol,
    pub(super) body: Bytes,
    pub(super) entries: u64,
    /// Several records share it.
    pub(super) several: bool,
}

impl Lane {
    /// Sends a record until its fate is known; `None` when the lane is to end before that.
    pub(super) async fn deliver(&mut self, record: &Record) -> Option<Outcome> {
        let entries = u64::from(record.meta.entries);
        let Some(protocol) = Protocol::from_number(record.meta.protocol) else {
            tracing::error!(
                sink = self.shared.sink.component(),
                protocol = record.meta.protocol,
                entries,
                "a queued record is of a protocol that this version does not know, and is dropped"
            );
            return Some(Outcome::of(&Sent::Refused("unknown_protocol"), entries, 0));
        };
        let newest = record.meta.time_max_ms;
        let whole = Part { protocol, body: record.body.clone(), entries, several: false };
        let (sent, whole) = self.send_understood(whole, newest).await?;
        if sent != Sent::TooLarge {
            return Some(Outcome::of(&sent, entries, whole.body.len()));
        }
        let Some(halves) = split::halves(whole.protocol, &whole.body) else {
            return Some(Outcome::of(&Sent::TooLarge, entries, 0));
        };
        let mut outcome = Outcome::default();
        for half in halves {
            let entries = u64::from(half.entries);
            let half = Part { protocol: whole.protocol, body: half.body, entries, several: false };
            let (sent, half) = self.send_understood(half, newest).await?;
            outcome.add(&sent, entries, half.body.len());
        }
        Some(outcome)
    }

    /// Sends a body in the version of remote write that the backend understands, and finds out which that is. Also gives what
    /// was sent in the end; `None` when the lane is to end.
    ///
    /// A body is made anew in the other version when it is sent, not before: what is queued stays as it is, and is sent as it
    /// is to a backend that understands it by then.
    pub(super) async fn send_understood(&mut self, part: Part, newest_ms: i64) -> Option<(Sent, Part)> {
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
            sent @ (Sent::Refused(_) | Sent::TooOld | Sent::Failed) => sent,
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
        let shared = self.shared.clone();
        let (sink, metrics) = (shared.sink.component(), &shared.metrics);
        let Part { protocol, ref body, entries, several } = *part;
        loop {
            self.pause().await?;
            if self.is_too_old(newest_ms) {
                return Some(Sent::TooOld);
            }
            let place = shared.shards.place().await?;
            // others may have been told to wait while this one waited for its place
            if self.is_paused() {
                continue;
            }
            let begun = Instant::now();
            let answered = shared.endpoint.post(protocol, body.clone(), entries).await;
            place.answered(answered.load);
            metrics.answered(begun.elapsed(), entries);
            let after = match answered.verdict {
                Verdict::Delivered => {
                    self.recovered();
                    shared.version.taken(protocol);
                    self.partial = false;
                    return Some(Sent::Delivered);
                }
                Verdict::Partial { written, reason } => {
                    self.recovered();
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
                Verdict::Drop(reason @ ("http_400" | "http_400_unknown")) if several => {
                    tracing::warn!(
                        sink,
                        reason,
                        entries,
                        answer = answered.words,
                        "refused, its records are sent one by one"
                    );
                    return Some(Sent::RefusedTogether);
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
            if several {
                return Some(Sent::Failed);
            }
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
        Some(Self { protocol, body, ..self.clone() })
    }
}
