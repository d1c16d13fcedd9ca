//! What the operator writes, and what is wrong with it.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use weir_sdk::{Error, duration};

/// Series in all where nothing else is said: with as many metrics, values and sums as there may be, all with long names, they stay within
/// the 48 MiB at which weir replaces an instance that has 64, its default.
const TOTAL: u32 = 200_000;

/// More than that needs more memory than weir reserves for an instance to be of use.
const MAX_TOTAL: u32 = 10_000_000;

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Series a metric.
    series: Option<u32>,
    /// Values a label, within a metric.
    #[serde(default)]
    values: BTreeMap<String, u32>,
    /// Series of all metrics together.
    total: Option<u32>,
    /// Labels whose values are given up in what is too much, so that it can be summed up; without any it is dropped.
    #[serde(default)]
    aggregate: Vec<String>,
    /// What such a label has as its value.
    #[serde(default = "other")]
    pub(crate) other: String,
    /// How long a series that is not seen keeps its place.
    #[serde(default = "five_minutes")]
    idle: String,
    /// How often sums are emitted.
    #[serde(default = "quarter_minute")]
    interval: String,
    /// Which metrics only rise.
    #[serde(default = "counters")]
    counters: String,
    /// Metrics with limits of their own, the first that matches.
    #[serde(default)]
    metrics: Vec<MetricAsWritten>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricAsWritten {
    name: String,
    series: Option<u32>,
    values: Option<BTreeMap<String, u32>>,
    aggregate: Option<Vec<String>>,
}

fn other() -> String {
    "other".into()
}

fn five_minutes() -> String {
    "5m".into()
}

fn quarter_minute() -> String {
    "15s".into()
}

fn counters() -> String {
    ".+_(total|count|sum|bucket)".into()
}

/// All limits.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) total: u32,
    pub(crate) interval: Duration,
    /// Ticks that a series may not be seen.
    pub(crate) idle: u32,
    pub(crate) counters: Regex,
    /// Those of metrics, and last those of all others.
    all: Vec<(Option<Regex>, Rule)>,
    /// Whether any rule limits values.
    pub(crate) limit_values: bool,
}

/// The limits of a metric.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) series: Option<u32>,
    pub(crate) values: Vec<(String, u32)>,
    pub(crate) aggregate: Vec<String>,
}

impl Rules {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        if config.series.is_none() && config.values.is_empty() && config.total.is_none() && config.metrics.is_empty() {
            return Err("config: needs series, values, total or metrics, else nothing would be limited".into());
        }
        let total = config.total.unwrap_or(TOTAL);
        if !(1..=MAX_TOTAL).contains(&total) {
            return Err(format!("config.total: {total} is not between 1 and {MAX_TOTAL}").into());
        }
        if config.other.is_empty() {
            return Err("config.other: an empty value would be no label".into());
        }
        let interval = duration::parse(&config.interval).map_err(|e| format!("config.interval: {e}"))?;
        if interval < Duration::from_secs(1) {
            return Err(format!("config.interval: {:?} is shorter than a second", config.interval).into());
        }
        let idle = duration::parse(&config.idle).map_err(|e| format!("config.idle: {e}"))?;
        let general = Rule {
            series: config.series,
            values: config.values.clone().into_iter().collect(),
            aggregate: config.aggregate.clone(),
        };
        general.check().map_err(|e| format!("config.{e}"))?;
        let mut all = Vec::with_capacity(config.metrics.len() + 1);
        for (i, metric) in config.metrics.iter().enumerate() {
            let own = |e: String| format!("config.metrics[{i}].{e}");
            let rule = metric.rule(&general);
            rule.check().map_err(own)?;
            all.push((Some(anchored(&metric.name).map_err(|e| own(format!("name: {e}")))?), rule));
        }
        all.push((None, general));
        let limit_values = all.iter().any(|(_, rule)| !rule.values.is_empty());
        Ok(Self {
            total,
            interval,
            idle: u32::try_from(idle.as_nanos().div_ceil(interval.as_nanos())).unwrap_or(u32::MAX / 2),
            counters: anchored(&config.counters).map_err(|e| format!("config.counters: {e}"))?,
            all,
            limit_values,
        })
    }

    /// The number of the rule for a metric.
    pub(crate) fn find(&self, metric: &str) -> usize {
        let last = self.all.len().saturating_sub(1);
        self.all.iter().position(|(name, _)| name.as_ref().is_none_or(|name| name.is_match(metric))).unwrap_or(last)
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Rule> {
        self.all.get(number).map(|(_, rule)| rule)
    }
}

impl MetricAsWritten {
    /// Its limits, and those of all others where it says nothing.
    fn rule(&self, general: &Rule) -> Rule {
        Rule {
            series: self.series.or(general.series),
            values: self.values.clone().map_or_else(|| general.values.clone(), |v| v.into_iter().collect()),
            aggregate: self.aggregate.clone().unwrap_or_else(|| general.aggregate.clone()),
        }
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        for label in self.aggregate.iter().chain(self.values.iter().map(|(label, _)| label)) {
            if label.starts_with("__") {
                return Err(format!("aggregate: {label} is no label of a series' own"));
            }
        }
        if self.series == Some(0) {
            return Err("series: must be 1 or more; to drop a metric is what the plugin `drop` is for".into());
        }
        if let Some((label, _)) = self.values.iter().find(|(_, limit)| *limit == 0) {
            return Err(format!("values.{label}: must be 1 or more"));
        }
        // a sum over them is no histogram and no summary any more
        if let Some(label) = self.aggregate.iter().find(|label| ["le", "quantile"].contains(&label.as_str())) {
            return Err(format!("aggregate: {label} cannot be given up"));
        }
        Ok(())
    }
}

fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?s:{pattern})$"))
}
