//! What a scrape job is told.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_discovery::DiscoverySettings;
use weir_relabel::Rules;

/// One entry of `scrape_configs`, checked. The names are Prometheus' own.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct JobSettings {
    /// Unique among the jobs; the default of the `job` label.
    pub job_name: String,
    /// The time between two scrapes of a target; not zero.
    pub scrape_interval: Duration,
    /// How long a scrape may take, body included; at most the interval.
    pub scrape_timeout: Duration,
    /// The path of the page.
    pub metrics_path: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Parameters of the query.
    pub params: BTreeMap<String, Vec<String>>,
    /// Where the page and the target both have a label: whether the page's stays. If not, it becomes `exported_…`.
    pub honor_labels: bool,
    /// Whether the page's own timestamps are used.
    pub honor_timestamps: bool,
    /// More samples than this, after metric relabelling, fail the scrape; 0 is no limit.
    pub sample_limit: usize,
    /// A body of this many bytes after decompression fails the scrape; 0 is no limit but weir's own.
    pub body_size_limit: usize,
    /// More targets than this fail all scrapes of the job; 0 is no limit.
    pub target_limit: usize,
    /// Limits on the labels of a sample.
    pub label_limits: LabelLimits,
    /// Applied to the labels of a discovered target.
    pub relabel_configs: Rules,
    /// Applied to the labels of a series when it appears.
    pub metric_relabel_configs: Rules,
    /// Whether gzip is asked for.
    pub enable_compression: bool,
    /// Whether `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes` are reported too.
    pub extra_scrape_metrics: bool,
    /// Authentication, TLS and the like.
    pub client: weir_client::Settings,
    /// Where the targets come from.
    pub discovery: Vec<DiscoverySettings>,
}

/// Limits on the labels of a sample after metric relabelling; beyond one the scrape fails. 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelLimits {
    /// How many labels (`label_limit`).
    pub count: usize,
    /// Bytes of a label's name (`label_name_length_limit`).
    pub name_length: usize,
    /// Bytes of a label's value (`label_value_length_limit`).
    pub value_length: usize,
}

impl Default for JobSettings {
    /// Prometheus' defaults.
    fn default() -> Self {
        Self {
            job_name: String::new(),
            scrape_interval: Duration::from_mins(1),
            scrape_timeout: Duration::from_secs(10),
            metrics_path: "/metrics".to_owned(),
            scheme: "http".to_owned(),
            params: BTreeMap::new(),
            honor_labels: false,
            honor_timestamps: true,
            sample_limit: 0,
            body_size_limit: 0,
            target_limit: 0,
            label_limits: LabelLimits::default(),
            relabel_configs: Rules::default(),
            metric_relabel_configs: Rules::default(),
            enable_compression: true,
            extra_scrape_metrics: false,
            client: weir_client::Settings::default(),
            discovery: Vec::new(),
        }
    }
}
