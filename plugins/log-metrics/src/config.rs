//! What the operator writes, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use weir_sdk::{Error, duration};

/// Metrics at most: weir shows a hundred series of a plugin's own counters, and each metric may need three.
const MAX_METRICS: usize = 33;

/// Series of a metric at most. Ten thousand histograms of the default buckets are more than weir takes from a plugin at a time.
const MAX_SERIES: u32 = 10_000;

/// Buckets at most: Prometheus' servers refuse no number, but a series for each is what nobody wants.
const MAX_BUCKETS: usize = 100;

/// The buckets of Prometheus' client libraries, made for seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The metrics, at least one.
    pub(crate) metrics: Vec<AsWritten>,
    /// How often all series are emitted.
    #[serde(default = "quarter_minute")]
    interval: String,
    /// Whether lines that a metric was made of end here.
    #[serde(default)]
    pub(crate) drop_lines: bool,
    /// How long a series may go without a line before it ends.
    #[serde(default = "five_minutes")]
    expire: String,
    /// Series a metric.
    #[serde(default = "thousand")]
    max_series: u32,
}

fn quarter_minute() -> String {
    "15s".into()
}

fn five_minutes() -> String {
    "5m".into()
}

fn thousand() -> u32 {
    1000
}

/// One metric.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsWritten {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    /// What a line does to the metric.
    pub(crate) action: Option<Action>,
    /// Only lines of streams whose labels match these, anchored.
    #[serde(default)]
    pub(crate) streams: BTreeMap<String, String>,
    /// Only lines with a match of this; its named groups are sources.
    pub(crate) pattern: Option<String>,
    /// A named group, structured metadata or a stream label.
    pub(crate) source: Option<String>,
    /// Only lines whose source is this.
    pub(crate) value: Option<String>,
    /// The length of the line is the source.
    #[serde(default)]
    pub(crate) line_bytes: bool,
    /// What a source's number is multiplied by.
    pub(crate) scale: Option<f64>,
    #[serde(default)]
    labels: Labels,
    buckets: Option<Vec<f64>>,
    expire: Option<String>,
    max_series: Option<u32>,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// What a line does to a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Inc,
    Dec,
    Add,
    Sub,
    Set,
    Observe,
}

/// Labels of the same name as their source, or a name and a source for each.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
enum Labels {
    Same(Vec<String>),
    Renamed(BTreeMap<String, String>),
}

impl Default for Labels {
    fn default() -> Self {
        Self::Same(vec![])
    }
}

impl Config {
    /// How often all series are emitted.
    pub(crate) fn interval(&self) -> Result<Duration, Error> {
        let interval = duration::parse(&self.interval).map_err(|e| format!("config.interval: {e}"))?;
        if interval < Duration::from_secs(1) {
            return Err(format!("config.interval: {:?} is shorter than a second", self.interval).into());
        }
        Ok(interval)
    }

    /// What is wrong with all metrics together.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.metrics.is_empty() {
            return Err("config.metrics: needs at least one metric".into());
        }
        if self.metrics.len() > MAX_METRICS {
            return Err(format!("config.metrics: {} metrics, more than {MAX_METRICS}", self.metrics.len()).into());
        }
        let mut names = BTreeSet::new();
        for (i, metric) in self.metrics.iter().enumerate() {
            metric.check().map_err(|e| format!("config.metrics[{i}].{e}"))?;
            if !names.insert(&metric.name) {
                return Err(format!("config.metrics[{i}].name: there is another {}", metric.name).into());
            }
        }
        Ok(())
    }

    /// A metric's own number of series, or that of all.
    pub(crate) fn max_series(&self, metric: &AsWritten) -> Result<usize, String> {
        let most = metric.max_series.unwrap_or(self.max_series);
        if (1..=MAX_SERIES).contains(&most) {
            return Ok(most as usize);
        }
        Err(format!("max_series: {most} is not between 1 and {MAX_SERIES}"))
    }

    /// After how many ticks without a line a metric's series end.
    pub(crate) fn expire(&self, metric: &AsWritten, interval: Duration) -> Result<u64, String> {
        let written = metric.expire.as_ref().unwrap_or(&self.expire);
        let expire = duration::parse(written).map_err(|e| format!("expire: {e}"))?;
        Ok(expire.as_nanos().div_ceil(interval.as_nanos()) as u64)
    }
}

impl AsWritten {
    fn check(&self) -> Result<(), String> {
        if !is_name(&self.name, true) {
            return Err(format!("name: {:?} is no name of a metric", self.name));
        }
        for (label, _) in self.labels() {
            if !is_name(label, false) || label.starts_with("__") || (self.kind == Kind::Histogram && label == "le") {
                return Err(format!("labels: {label:?} is no name of a label here"));
            }
        }
        if self.source.is_some() && self.line_bytes {
            return Err("line_bytes: source says already what is counted".into());
        }
        if self.value.is_some() && self.source.is_none() {
            return Err("value: needs a source to compare with".into());
        }
        if self.buckets.is_some() && self.kind != Kind::Histogram {
            return Err("buckets: only a histogram has them".into());
        }
        let buckets = self.buckets();
        let ascending = buckets.windows(2).all(|w| w.first() < w.last()) && buckets.iter().all(|b| b.is_finite());
        if !ascending || buckets.is_empty() || buckets.len() > MAX_BUCKETS {
            return Err(format!("buckets: must be 1 to {MAX_BUCKETS} ascending numbers; +Inf comes by itself"));
        }
        if self.scale.is_some_and(|scale| !scale.is_finite() || scale == 0.0) {
            return Err("scale: must be a number other than 0".into());
        }
        self.check_action()
    }

    fn check_action(&self) -> Result<(), String> {
        use Action::{Add, Dec, Inc, Observe, Set, Sub};
        let action = self.action();
        let fits = match self.kind {
            Kind::Counter => matches!(action, Inc | Add),
            Kind::Gauge => matches!(action, Inc | Dec | Add | Sub | Set),
            Kind::Histogram => action == Observe,
        };
        let known = match self.kind {
            Kind::Counter => "inc or add",
            Kind::Gauge => "set, inc, dec, add or sub",
            Kind::Histogram => "observe",
        };
        if !fits {
            return Err(format!("action: a {:?} knows {known}", self.kind).to_lowercase());
        }
        if !matches!(action, Inc | Dec) && self.source.is_none() && !self.line_bytes {
            return Err("source: needs one, or line_bytes = true, for a number to work with".into());
        }
        if self.kind == Kind::Counter && self.scale.is_some_and(|scale| scale < 0.0) {
            return Err("scale: a counter never falls".into());
        }
        Ok(())
    }

    /// What a line does: what is written, or else what is meant by the type.
    pub(crate) fn action(&self) -> Action {
        let number = self.source.is_some() || self.line_bytes;
        self.action.unwrap_or(match self.kind {
            Kind::Counter if number && self.value.is_none() => Action::Add,
            Kind::Counter => Action::Inc,
            Kind::Gauge => Action::Set,
            Kind::Histogram => Action::Observe,
        })
    }

    /// Names of labels, and of what their values are taken from.
    pub(crate) fn labels(&self) -> Vec<(&str, &str)> {
        match &self.labels {
            Labels::Same(names) => names.iter().map(|n| (n.as_str(), n.as_str())).collect(),
            Labels::Renamed(names) => names.iter().map(|(n, s)| (n.as_str(), s.as_str())).collect(),
        }
    }

    pub(crate) fn buckets(&self) -> &[f64] {
        self.buckets.as_deref().unwrap_or(&BUCKETS)
    }
}

fn is_name(text: &str, colon: bool) -> bool {
    let may = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
    !text.is_empty() && text.chars().all(may) && !text.starts_with(|c: char| c.is_ascii_digit())
}
