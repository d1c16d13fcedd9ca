//! What weir shows of plugins' requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use weir_telemetry::Metrics;

use super::HttpRefusal;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPlugin {
    plugin: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCode {
    plugin: String,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    plugin: String,
    reason: &'static str,
}

/// Upper bounds in seconds: from a neighbour to the longest that a call may wait.
fn durations() -> Histogram {
    Histogram::new([1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0])
}

/// The families of all plugins; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct HttpFamilies {
    requests: Family<ByCode, Counter>,
    refusals: Family<ByReason, Counter>,
    seconds: Family<ByPlugin, Histogram, fn() -> Histogram>,
}

impl HttpFamilies {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.register(
                "weir_plugin_http_requests",
                "Requests of plugins that were answered, by the answer's status",
                Family::default(),
            ),
            refusals: metrics.register(
                "weir_plugin_http_refusals",
                "Requests of plugins that were refused or not answered, by why",
                Family::default(),
            ),
            seconds: metrics.register(
                "weir_plugin_http_duration_seconds",
                "How long plugins waited for answers to their requests",
                Family::new_with_constructor(durations as fn() -> Histogram),
            ),
        }
    }

    /// Those of one version of a plugin.
    pub(crate) fn of(&self, plugin: &str) -> HttpMetrics {
        HttpMetrics { plugin: plugin.to_owned(), all: self.clone(), answered: Arc::default(), refused: Arc::default() }
    }
}

/// The requests of one plugin.
#[derive(Clone, Debug)]
pub(crate) struct HttpMetrics {
    plugin: String,
    all: HttpFamilies,
    /// Of this version.
    answered: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl HttpMetrics {
    /// One was answered.
    pub(crate) fn answered(&self, code: u16, took: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.all.requests.get_or_create(&ByCode { plugin: self.plugin.clone(), code }).inc();
        let by = ByPlugin { plugin: self.plugin.clone() };
        self.all.seconds.get_or_create(&by).observe(took.as_secs_f64());
    }

    /// One was refused, or not answered.
    pub(crate) fn refused(&self, refusal: &HttpRefusal) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let by = ByReason { plugin: self.plugin.clone(), reason: refusal.reason() };
        self.all.refusals.get_or_create(&by).inc();
    }

    /// How many were answered, and how many not, since this version was loaded.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.answered.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}
