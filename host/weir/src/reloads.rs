//! The metrics of configuration reloads, under Prometheus' names.

use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::gauge::Gauge;
use weir_telemetry::Metrics;

/// Whether and when the last reload went well.
pub(crate) struct ReloadStats {
    successful: Gauge,
    timestamp: Gauge<f64, AtomicU64>,
}

impl ReloadStats {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            successful: metrics.register(
                "prometheus_config_last_reload_successful",
                "Whether the last configuration reload attempt was successful",
                Gauge::default(),
            ),
            timestamp: metrics.register(
                "prometheus_config_last_reload_success_timestamp_seconds",
                "Timestamp of the last successful configuration reload",
                Gauge::default(),
            ),
        }
    }

    pub(crate) fn succeeded(&self) {
        self.successful.set(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.timestamp.set(now.as_secs_f64());
    }

    pub(crate) fn failed(&self) {
        self.successful.set(0);
    }
}
