use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use weir_relabel::Rules;

use super::{HttpClient, LabelMap};

/// One of `[[scrape_configs]]`.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of Prometheus")]
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapeConfig {
    /// `job_name`, unique.
    pub job_name: String,
    /// `static_configs`.
    pub static_configs: Vec<StaticConfig>,
    /// `file_sd_configs`.
    pub file_sd_configs: Vec<FileSd>,
    /// `scrape_interval`, or the one of `[global]`.
    pub scrape_interval: Duration,
    /// `scrape_timeout`, or the one of `[global]`; never more than the interval.
    pub scrape_timeout: Duration,
    /// `metrics_path`: `/metrics` unless given.
    pub metrics_path: String,
    /// `scheme`: `http` unless given.
    pub scheme: Scheme,
    /// `params`: the URL's query.
    pub params: BTreeMap<String, Vec<String>>,
    /// `relabel_configs`: for targets.
    pub relabel_configs: Rules,
    /// `metric_relabel_configs`: for the series of a page.
    pub metric_relabel_configs: Rules,
    /// `honor_labels`: the page's label wins over the target's. False unless given.
    pub honor_labels: bool,
    /// `honor_timestamps`: the page's timestamps are kept. True unless given.
    pub honor_timestamps: bool,
    /// `enable_compression`: gzip is asked for. True unless given.
    pub enable_compression: bool,
    /// `extra_scrape_metrics`, or the one of `[global]`: `scrape_timeout_seconds`, `scrape_sample_limit` and
    /// `scrape_body_size_bytes` are reported too.
    pub extra_scrape_metrics: bool,
    /// The limits, with those of `[global]` filled in.
    pub limits: ScrapeLimits,
    /// How the job's targets are spoken to.
    pub http: HttpClient,
}

/// The protocol of a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`.
    Http,
    /// `https`.
    Https,
}

impl Scheme {
    /// As a URL writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Limits whose breach fails a scrape (`target_limit`: all of a job's). `None`, written as 0, is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrapeLimits {
    /// `body_size_limit`, bytes of a page after decompression.
    ///
    /// 256 MiB unless given, where Prometheus has none: a collector's memory must not be a target's to fill. That is
    /// about a million series on one page.
    pub body_size: Option<u64>,
    /// `sample_limit`, samples of a page after metric relabelling.
    pub samples: Option<u64>,
    /// `label_limit`, labels of a series.
    pub labels: Option<u64>,
    /// `label_name_length_limit`, bytes.
    pub label_name_length: Option<u64>,
    /// `label_value_length_limit`, bytes.
    pub label_value_length: Option<u64>,
    /// `target_limit`, targets of a job after relabelling.
    pub targets: Option<u64>,
}

impl Default for ScrapeLimits {
    fn default() -> Self {
        Self {
            body_size: Some(256 << 20),
            samples: None,
            labels: None,
            label_name_length: None,
            label_value_length: None,
            targets: None,
        }
    }
}

/// One of `static_configs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticConfig {
    /// `targets`: `host:port`, or `host` with the scheme's port.
    pub targets: Vec<String>,
    /// `labels` of all of them.
    pub labels: LabelMap,
}

/// One of `file_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSd {
    /// `files`: JSON or YAML, `*` in the last part of the path.
    pub files: Vec<PathBuf>,
    /// `refresh_interval`: read again at least this often. 5m unless given, as Prometheus.
    pub refresh_interval: Duration,
}
