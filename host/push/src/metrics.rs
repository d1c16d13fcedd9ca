//! The sinks' metrics, under the names that people alert on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use weir_telemetry::Metrics;

use crate::demand::Totals;
use crate::protocol::Protocol;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SinkLabels {
    remote_name: String,
    url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DropLabels {
    remote_name: String,
    url: String,
    reason: &'static str,
}

type Counters = Family<SinkLabels, Counter>;
type Gauges = Family<SinkLabels, Gauge>;
/// Seconds with fractions.
type Seconds = Gauge<f64, AtomicU64>;
type Histograms = Family<SinkLabels, Histogram, fn() -> Histogram>;

/// The families of one kind of sink.
#[derive(Clone, Debug)]
struct Kind {
    sent: Counters,
    failed: Counters,
    retried: Counters,
    bytes: Counters,
    pending: Gauges,
    dropped: Family<DropLabels, Counter>,
    duration: Histograms,
    highest_sent: Family<SinkLabels, Seconds>,
    again: Counters,
    shards: [Gauges; 3],
    desired: Family<SinkLabels, Seconds>,
    capacity: [Gauges; 2],
}

/// All families, registered once.
#[derive(Clone, Debug)]
pub(crate) struct Families {
    remote_write: Kind,
    loki: Kind,
    highest: Seconds,
    fallback: Gauges,
    retimed: Counters,
    samples_in: Counter,
}

impl Families {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            remote_write: Kind::new(&REMOTE_WRITE, metrics),
            loki: Kind::new(&LOKI, metrics),
            highest: metrics.register(
                "prometheus_remote_storage_highest_timestamp_in_seconds",
                "Newest timestamp of any sample that was routed to remote write, in seconds since the epoch",
                Seconds::default(),
            ),
            fallback: metrics.register(
                "weir_remote_write_fallback",
                "Whether the backend understands another version of remote write than the one set up, and gets that",
                Gauges::default(),
            ),
            retimed: metrics.register(
                "loki_write_retimed_entries",
                "Lines whose time was more than ten minutes ahead of now, which got that of now",
                Family::default(),
            ),
            samples_in: metrics.register(
                "prometheus_remote_storage_samples_in",
                "Samples that were routed to remote write, once for each sink",
                Counter::default(),
            ),
        }
    }

    /// The metrics of one sink.
    pub(crate) fn sink(&self, protocol: Protocol, name: &str, url: &http::Uri) -> SinkMetrics {
        let kind = match protocol {
            Protocol::RemoteWrite1 | Protocol::RemoteWrite2 => &self.remote_write,
            Protocol::Loki => &self.loki,
        };
        let is_remote_write = protocol.other_version().is_some();
        let labels = SinkLabels { remote_name: name.to_owned(), url: without_secrets(url) };
        let gauges = |gauge: &Gauges| gauge.get_or_create(&labels).clone();
        SinkMetrics {
            sent: kind.sent.get_or_create(&labels).clone(),
            failed: kind.failed.get_or_create(&labels).clone(),
            retried: kind.retried.get_or_create(&labels).clone(),
            bytes: kind.bytes.get_or_create(&labels).clone(),
            pending: kind.pending.get_or_create(&labels).clone(),
            duration: kind.duration.get_or_create(&labels).clone(),
            highest_sent: kind.highest_sent.get_or_create(&labels).clone(),
            fallback: is_remote_write.then(|| self.fallback.get_or_create(&labels).clone()),
            all: is_remote_write.then(|| (self.samples_in.clone(), self.highest.clone())),
            retimed: (!is_remote_write).then(|| self.retimed.get_or_create(&labels).clone()),
            dropped: kind.dropped.clone(),
            again: kind.again.get_or_create(&labels).clone(),
            shards: kind.shards.each_ref().map(gauges),
            desired: kind.desired.get_or_create(&labels).clone(),
            capacity: kind.capacity.each_ref().map(gauges),
            asked: Arc::default(),
            busy_micros: Arc::default(),
            labels,
        }
    }
}

/// What differs between the kinds: a family's name behind the prefix, and what its help says of.
struct Words {
    prefix: &'static str,
    /// `Samples`, `Lines`.
    records: &'static str,
    sent: &'static str,
    failed: &'static str,
    retried: &'static str,
    bytes: &'static str,
    pending: &'static str,
    dropped: &'static str,
    duration: &'static str,
    per_send: &'static str,
}

const REMOTE_WRITE: Words = Words {
    prefix: "prometheus_remote_storage",
    records: "Samples",
    sent: "samples",
    failed: "samples_failed",
    retried: "samples_retried",
    bytes: "bytes",
    pending: "samples_pending",
    dropped: "samples_dropped",
    duration: "sent_batch_duration_seconds",
    per_send: "max_samples_per_send",
};

const LOKI: Words = Words {
    prefix: "loki_write",
    records: "Lines",
    sent: "sent_entries",
    failed: "failed_entries",
    retried: "retried_entries",
    bytes: "sent_bytes",
    pending: "entries_pending",
    dropped: "dropped_entries",
    duration: "request_duration_seconds",
    per_send: "max_entries_per_send",
};

impl Kind {
    fn new(words: &Words, metrics: &Metrics) -> Self {
        let Words { prefix, records, .. } = words;
        let name = |rest: &str| format!("{prefix}_{rest}");
        let counter = |rest: &str, help: &str| metrics.register(&name(rest), help, Counters::default());
        let gauge = |rest: &str, help: &str| metrics.register(&name(rest), help, Gauges::default());
        Self {
            sent: counter(words.sent, &format!("{records} that the backend has taken")),
            failed: counter(words.failed, &format!("{records} that the backend refused for good")),
            retried: counter(words.retried, &format!("{records} in requests that failed and are sent again")),
            bytes: counter(words.bytes, "Bytes of request bodies that the backend has taken, compressed"),
            pending: gauge(words.pending, &format!("{records} that are neither delivered nor dropped")),
            dropped: metrics.register(
                &name(words.dropped),
                &format!("{records} dropped, by reason"),
                Family::default(),
            ),
            duration: metrics.register(&name(words.duration), "Time from request to answer", durations()),
            highest_sent: metrics.register(
                &name("queue_highest_sent_timestamp_seconds"),
                "Newest timestamp that the backend has taken, in seconds since the epoch",
                Family::default(),
            ),
            again: counter(
                "enqueue_retries",
                "Requests that found no place in the queue on disk and were offered again",
            ),
            shards: [
                gauge("shards", "Requests that may be under way at once, as the backend bears it"),
                gauge("shards_max", "The most that shards may be"),
                gauge("shards_min", "The least that shards may be"),
            ],
            desired: metrics.register(
                &name("shards_desired"),
                "Requests at once that it would take to keep up and catch up; above shards_max the backend is too slow",
                Family::default(),
            ),
            capacity: [
                gauge(words.per_send, &format!("{records} in a request at most")),
                gauge(
                    "shard_capacity",
                    &format!("{records} that a lane gathers in memory before they go into the queue on disk"),
                ),
            ],
        }
    }
}

/// Prometheus' own buckets for this metric.
fn durations() -> Histograms {
    Family::new_with_constructor(|| {
        Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0, 300.0])
    })
}

/// A URL as it may be shown: without user and password, and without the query, which may hold a token.
fn without_secrets(url: &http::Uri) -> String {
    let scheme = url.scheme_str().unwrap_or("http");
    let authority = url.authority().map_or("", |a| a.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", url.path())
}

/// The metrics of one sink.
#[derive(Clone, Debug)]
pub(crate) struct SinkMetrics {
    sent: Counter,
    failed: Counter,
    retried: Counter,
    bytes: Counter,
    pending: Gauge,
    duration: Histogram,
    highest_sent: Seconds,
    /// Of all remote write sinks together.
    all: Option<(Counter, Seconds)>,
    fallback: Option<Gauge>,
    retimed: Option<Counter>,
    dropped: Family<DropLabels, Counter>,
    again: Counter,
    shards: [Gauge; 3],
    desired: Seconds,
    capacity: [Gauge; 2],
    /// Entries in requests that were answered, and how long those took.
    asked: Arc<AtomicU64>,
    busy_micros: Arc<AtomicU64>,
    labels: SinkLabels,
}

impl SinkMetrics {
    /// A request with so many entries was answered well.
    pub(crate) fn sent(&self, entries: u64, bytes: usize, newest_ms: i64) {
        self.sent.inc_by(entries);
        self.bytes.inc_by(bytes as u64);
        raise(&self.highest_sent, newest_ms);
    }

    /// A request with so many entries took so long to be answered, however.
    pub(crate) fn answered(&self, took: Duration, entries: u64) {
        self.duration.observe(took.as_secs_f64());
        self.asked.fetch_add(entries, Ordering::Relaxed);
        self.busy_micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What was seen since the sink was set up; `came` entries were routed to it.
    pub(crate) fn totals(&self, came: u64) -> Totals {
        let busy = self.busy_micros.load(Ordering::Relaxed) as f64 / 1e6;
        Totals { came, asked: self.asked.load(Ordering::Relaxed), busy }
    }

    pub(crate) fn retried(&self, entries: u64) {
        self.retried.inc_by(entries);
    }

    /// The backend refused so many entries.
    pub(crate) fn failed(&self, entries: u64) {
        self.failed.inc_by(entries);
    }

    pub(crate) fn retimed(&self, entries: u64) {
        if let Some(retimed) = &self.retimed {
            retimed.inc_by(entries);
        }
    }

    pub(crate) fn dropped(&self, reason: &'static str, entries: u64) {
        let SinkLabels { remote_name, url } = self.labels.clone();
        self.dropped.get_or_create(&DropLabels { remote_name, url, reason }).inc_by(entries);
    }

    pub(crate) fn routed(&self, entries: u64, newest_ms: i64) {
        if let Some((samples_in, highest)) = &self.all {
            samples_in.inc_by(entries);
            raise(highest, newest_ms);
        }
    }

    /// A request found no place in the queue.
    pub(crate) fn again(&self) {
        self.again.inc();
    }

    pub(crate) fn pending(&self, entries: i64) {
        self.pending.set(entries);
    }

    /// Whether the backend gets another version of remote write than the one set up.
    pub(crate) fn falls_back(&self, does: bool) {
        if let Some(fallback) = &self.fallback {
            fallback.set(i64::from(does));
        }
    }

    pub(crate) fn shards(&self, shards: usize) {
        let [now, _, _] = &self.shards;
        now.set(shards as i64);
    }

    pub(crate) fn desired(&self, shards: f64) {
        self.desired.set(shards);
    }

    /// What was set up: shards at least and at most, entries in a request.
    pub(crate) fn limits(&self, min: usize, max: usize, entries: u32) {
        let [_, most, least] = &self.shards;
        most.set(max as i64);
        least.set(min as i64);
        for gauge in &self.capacity {
            gauge.set(i64::from(entries));
        }
    }
}

/// Raises a gauge to a time. Two at once may leave the older one for a moment; the next raise puts it right.
fn raise(gauge: &Seconds, ms: i64) {
    let seconds = ms as f64 / 1000.0;
    if seconds > gauge.get() {
        gauge.set(seconds);
    }
}
