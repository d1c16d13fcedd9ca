//! The rules of Loki's push, with the limits of a default server. A bad entry or stream costs itself; the rest is stored.

use std::collections::{HashMap, HashSet};

use axum::http::HeaderMap;

use crate::proto::loki::{Entry, PushRequest, Stream};
use crate::strict::labels::parse;
use crate::strict::rate::{Buckets, STREAM, TENANT};
use crate::strict::{Broken, Rules};

/// `max_label_names_per_series`; a label `service_name` is not counted.
const LABELS: usize = 15;
/// `max_label_name_length`.
const NAME: usize = 1024;
/// `max_label_value_length`.
const VALUE: usize = 2048;
/// `max_line_size`: 256KB, which Loki reads as 256 times 1024.
const LINE: usize = 256 << 10;
/// `max_structured_metadata_size`: 64KB.
const METADATA: usize = 64 << 10;
/// `max_structured_metadata_entries_count`.
const METADATA_ENTRIES: usize = 128;
/// Half of `max_chunk_age`: how far an entry may be behind its stream's newest (`pkg/ingester/stream.go`).
const BEHIND_NANOS: i64 = 3_600_000_000_000;

/// What was stored, as far as it decides about what comes.
#[derive(Debug, Default)]
pub(super) struct Seen {
    streams: HashMap<String, Known>,
    tenants: Buckets,
    rates: Buckets,
}

#[derive(Debug, Default)]
struct Known {
    newest: i64,
    entries: HashSet<(i64, String)>,
}

/// What is left of a request.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) request: PushRequest,
    pub(super) duplicates: Vec<(String, i64)>,
}

impl Seen {
    /// Judges a request entry by entry, and takes in what may be.
    pub(super) fn judge(
        &mut self,
        rules: &Rules,
        headers: &HeaderMap,
        request: &PushRequest,
        broken: &mut Vec<Broken>,
    ) -> Kept {
        let mut kept = Kept::default();
        let tenant = headers.get("x-scope-orgid").and_then(|v| v.to_str().ok()).unwrap_or_default();
        if rules.tenants && tenant.is_empty() {
            broken.push(Broken { status: 401, rule: "tenant", what: "no X-Scope-OrgID".to_owned() });
            return kept;
        }
        let now = rules.now_nanos();
        let valid: Vec<Stream> =
            request.streams.iter().filter_map(|stream| valid(rules, now, stream, broken)).collect();
        let bytes = valid.iter().flat_map(|s| &s.entries).map(weight).sum();
        if rules.rates && !self.tenants.take(TENANT, tenant, bytes, now) {
            broken.push(Broken { status: 429, rule: "tenant_rate", what: format!("{bytes} bytes of {tenant:?}") });
            return kept;
        }
        for stream in valid {
            self.store(rules, tenant, now, stream, &mut kept, broken);
        }
        kept
    }

    fn store(
        &mut self,
        rules: &Rules,
        tenant: &str,
        now: i64,
        mut stream: Stream,
        kept: &mut Kept,
        broken: &mut Vec<Broken>,
    ) {
        let who = format!("{tenant}/{}", stream.labels);
        let known = self.streams.entry(who.clone()).or_default();
        let labels = stream.labels.clone();
        stream.entries.retain(|entry| {
            let nanos = entry.nanos();
            if nanos < known.newest - BEHIND_NANOS {
                broken.push(Broken::new("too_far_behind", format!("{labels} at {nanos}")));
                return false;
            }
            if known.entries.contains(&(nanos, entry.line.clone())) {
                kept.duplicates.push((labels.clone(), nanos));
                return false;
            }
            if rules.rates && !self.rates.take(STREAM, &who, weight(entry), now) {
                broken.push(Broken { status: 429, rule: "stream_rate", what: labels.clone() });
                return false;
            }
            known.newest = known.newest.max(nanos);
            known.entries.insert((nanos, entry.line.clone()));
            true
        });
        if !stream.entries.is_empty() {
            kept.request.streams.push(stream);
        }
    }
}

/// The stream with those of its entries that are within the limits; none when the stream itself is not.
fn valid(rules: &Rules, now: i64, stream: &Stream, broken: &mut Vec<Broken>) -> Option<Stream> {
    if let Err(wrong) = stream_labels(&stream.labels) {
        broken.push(wrong);
        return None;
    }
    let mut stream = stream.clone();
    let labels = stream.labels.clone();
    stream.entries.retain(|entry| match entry_rule(rules, now, entry) {
        Some(rule) => {
            broken.push(Broken::new(rule, format!("{labels} at {}", entry.nanos())));
            false
        }
        None => true,
    });
    Some(stream)
}

fn stream_labels(text: &str) -> Result<(), Broken> {
    let mut labels = parse(text)?;
    labels.sort();
    let counted = labels.iter().filter(|(name, _)| name != "service_name").count();
    let breaks = |rule| Err(Broken::new(rule, text));
    if labels.is_empty() {
        return breaks("no_labels");
    }
    if counted > LABELS {
        return breaks("too_many_labels");
    }
    if labels.iter().any(|(name, _)| name.len() > NAME) {
        return breaks("label_name_too_long");
    }
    if labels.iter().any(|(_, value)| value.len() > VALUE) {
        return breaks("label_value_too_long");
    }
    if labels.windows(2).any(|w| w[0].0 == w[1].0) {
        return breaks("repeated_label");
    }
    Ok(())
}

fn entry_rule(rules: &Rules, now: i64, entry: &Entry) -> Option<&'static str> {
    let nanos = entry.nanos();
    let metadata: usize = entry.structured_metadata.iter().map(|m| m.name.len() + m.value.len()).sum();
    if nanos < now.saturating_sub(rules.line_age.as_nanos() as i64) {
        Some("too_old")
    } else if nanos > now.saturating_add(rules.ahead.as_nanos() as i64) {
        Some("too_far_in_future")
    } else if entry.line.len() > LINE {
        Some("line_too_long")
    } else if metadata > METADATA {
        Some("structured_metadata_too_large")
    } else if entry.structured_metadata.len() > METADATA_ENTRIES {
        Some("structured_metadata_too_many")
    } else {
        None
    }
}

fn weight(entry: &Entry) -> usize {
    entry.line.len() + entry.structured_metadata.iter().map(|m| m.name.len() + m.value.len()).sum::<usize>()
}
