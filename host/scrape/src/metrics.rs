//! What scraping tells about itself. Names that Prometheus has are Prometheus'.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use weir_telemetry::Metrics;

use crate::duration;
use crate::error::ScrapeError;
use crate::memory::Counts;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByJob {
    scrape_job: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    scrape_job: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByInterval {
    interval: String,
}

/// All metrics of scraping; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct ScrapeMetrics {
    interval_length: Family<ByInterval, Histogram, fn() -> Histogram>,
    pool_targets: Family<ByJob, Gauge>,
    pool_syncs: Family<ByJob, Counter>,
    failures: Family<ByReason, Counter>,
    skipped: Family<ByReason, Counter>,
    over_sample_limit: Counter,
    over_body_size_limit: Counter,
    over_label_limits: Counter,
    over_target_limit: Counter,
    duplicates: Counter,
    out_of_order: Counter,
    out_of_bounds: Counter,
}

/// From far too early to half an hour late; an interval is judged by its neighbours, so steps of some 1.6 do.
fn interval_buckets() -> Histogram {
    Histogram::new([
        0.5, 0.95, 1.05, 2.0, 4.9, 5.1, 9.9, 10.1, 14.9, 15.1, 20.0, 29.9, 30.1, 45.0, 59.9, 60.1, 120.1, 300.1, 600.1,
        1800.0,
    ])
}

impl ScrapeMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let counter = |name, help| metrics.register(name, help, Counter::default());
        Self {
            interval_length: metrics.register(
                "prometheus_target_interval_length_seconds",
                "Actual intervals between scrapes",
                Family::new_with_constructor(interval_buckets as fn() -> Histogram),
            ),
            pool_targets: metrics.register(
                "prometheus_target_scrape_pool_targets",
                "Current number of targets in this scrape pool",
                Family::default(),
            ),
            pool_syncs: metrics.register(
                "prometheus_target_scrape_pool_sync",
                "Syncs that were executed on a scrape pool",
                Family::default(),
            ),
            failures: metrics.register(
                "weir_scrape_failures",
                "Scrapes that failed, by reason; the target's up is 0 then",
                Family::default(),
            ),
            skipped: metrics.register(
                "weir_scrapes_skipped",
                "Scrapes that were not made, by reason: clock (their time would not be newer than the last one's)",
                Family::default(),
            ),
            over_sample_limit: counter(
                "prometheus_target_scrapes_exceeded_sample_limit",
                "Scrapes that hit the sample limit and were rejected",
            ),
            over_body_size_limit: counter(
                "prometheus_target_scrapes_exceeded_body_size_limit",
                "Scrapes that hit the body size limit",
            ),
            over_label_limits: counter(
                "prometheus_target_scrape_pool_exceeded_label_limits",
                "Scrapes that hit a label limit",
            ),
            over_target_limit: counter(
                "prometheus_target_scrape_pool_exceeded_target_limit",
                "Syncs of a scrape pool that hit the target limit",
            ),
            duplicates: counter(
                "prometheus_target_scrapes_sample_duplicate_timestamp",
                "Samples rejected for a duplicate series or timestamp",
            ),
            out_of_order: counter(
                "prometheus_target_scrapes_sample_out_of_order",
                "Samples rejected for being older than an earlier one on the page",
            ),
            out_of_bounds: counter(
                "prometheus_target_scrapes_sample_out_of_bounds",
                "Samples rejected for a time too far in the future",
            ),
        }
    }

    pub(crate) fn interval(&self, wanted: Duration, actual: Duration) {
        let label = ByInterval { interval: duration::format(wanted) };
        self.interval_length.get_or_create(&label).observe(actual.as_secs_f64());
    }

    pub(crate) fn synced(&self, job: &str, targets: usize, over_limit: bool) {
        let label = ByJob { scrape_job: job.to_owned() };
        self.pool_targets.get_or_create(&label).set(targets as i64);
        self.pool_syncs.get_or_create(&label).inc();
        if over_limit {
            self.over_target_limit.inc();
        }
    }

    pub(crate) fn removed(&self, job: &str) {
        self.pool_targets.remove(&ByJob { scrape_job: job.to_owned() });
    }

    pub(crate) fn failed(&self, job: &str, error: &ScrapeError) {
        self.failures.get_or_create(&ByReason { scrape_job: job.to_owned(), reason: error.reason() }).inc();
        match error {
            ScrapeError::SampleLimit { .. } => self.over_sample_limit.inc(),
            ScrapeError::BodySizeLimit { .. } => self.over_body_size_limit.inc(),
            ScrapeError::LabelLimit { .. } => self.over_label_limits.inc(),
            _ => 0,
        };
    }

    pub(crate) fn skipped(&self, job: &str, reason: &'static str) {
        self.skipped.get_or_create(&ByReason { scrape_job: job.to_owned(), reason }).inc();
    }

    pub(crate) fn rejected(&self, counts: &Counts) {
        self.duplicates.inc_by(counts.duplicates);
        self.out_of_order.inc_by(counts.out_of_order);
        self.out_of_bounds.inc_by(counts.out_of_bounds);
    }
}
