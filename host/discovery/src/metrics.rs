//! What discovery counts.

use prometheus_client::metrics::counter::Counter;
use weir_telemetry::Metrics;

/// The counters all discovery shares: register once, hand a clone to each [`start`](crate::start).
#[derive(Clone, Debug, Default)]
pub struct DiscoveryMetrics {
    /// How often a file of targets could not be read or understood.
    pub file_read_errors: Counter,
}

impl DiscoveryMetrics {
    /// Registers the counters under Prometheus' names, which people already alert on.
    pub fn register(metrics: &Metrics) -> Self {
        Self {
            file_read_errors: metrics.register(
                "prometheus_sd_file_read_errors",
                "Files of targets that could not be read or understood; their last good groups stay in force",
                Counter::default(),
            ),
        }
    }
}
