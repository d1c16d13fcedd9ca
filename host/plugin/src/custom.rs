//! Metrics of the plugins' own, on weir's `/metrics`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use weir_telemetry::Metrics;

/// Series of one plugin: dashboards need a few, and a plugin that puts user names into labels must not fill memory.
const MAX_SERIES: usize = 100;

/// Labels of one series, and bytes of a name or value: what metrics are, and not a place to keep data.
const MAX_LABELS: usize = 8;
const MAX_TEXT: usize = 200;

/// What follows `weir_plugin_custom_` in weir's own metric about them.
const OWN: &str = "metrics_ignored";

/// The names of a family's samples that OpenMetrics makes itself: another family of that name could be taken for one.
const RESERVED: [&str; 6] = ["_total", "_created", "_bucket", "_count", "_sum", "_info"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

type Labels = Vec<(String, String)>;

#[derive(Debug)]
struct Family {
    kind: Kind,
    /// By plugin, then labels.
    series: BTreeMap<(String, Labels), f64>,
}

#[derive(Debug, Default)]
struct All {
    families: BTreeMap<String, Family>,
    series_of: BTreeMap<String, usize>,
    ignored: BTreeMap<String, u64>,
    /// Plugins whose ignored values have been logged already.
    told: BTreeSet<String>,
}

/// The metrics that plugins made; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct CustomMetrics(Arc<Mutex<All>>);

impl CustomMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register_collector(Box::new(this.clone()));
        this
    }

    /// Adds to a counter. What is not a number that counts up, has an illegal name, or is one series too many is ignored and
    /// counted.
    pub(crate) fn add(&self, plugin: &str, name: &str, labels: Labels, value: f64) {
        // Authors often write the suffix, which the format adds.
        let name = name.strip_suffix("_total").unwrap_or(name);
        if !value.is_finite() || value < 0.0 || RESERVED.iter().any(|r| name.ends_with(r)) {
            return self.lock().ignore(plugin, name);
        }
        self.change(plugin, name, labels, Kind::Counter, |old| old + value);
    }

    /// Sets a gauge; with the same conditions as [`CustomMetrics::add`], but for the value.
    pub(crate) fn set(&self, plugin: &str, name: &str, labels: Labels, value: f64) {
        if RESERVED.iter().any(|r| name.ends_with(r)) {
            return self.lock().ignore(plugin, name);
        }
        self.change(plugin, name, labels, Kind::Gauge, |_| value);
    }

    /// Takes the metrics of a plugin that is gone off the page.
    pub(crate) fn forget(&self, plugin: &str) {
        let all = &mut *self.lock();
        for family in all.families.values_mut() {
            family.series.retain(|(p, _), _| p != plugin);
        }
        all.families.retain(|_, f| !f.series.is_empty());
        all.series_of.remove(plugin);
        all.ignored.remove(plugin);
        all.told.remove(plugin);
    }

    fn change(&self, plugin: &str, name: &str, mut labels: Labels, kind: Kind, new: impl FnOnce(f64) -> f64) {
        let few = labels.len() <= MAX_LABELS;
        if few {
            labels.sort();
        }
        let all = &mut *self.lock();
        if !few || !is_name(name) || name == OWN || !are_labels(&labels) {
            return all.ignore(plugin, name);
        }
        let count = all.series_of.get(plugin).copied().unwrap_or(0);
        let key = (plugin.to_owned(), labels);
        match all.families.get_mut(name) {
            Some(f) if f.kind != kind => all.ignore(plugin, name),
            Some(f) if f.series.contains_key(&key) => {
                f.series.entry(key).and_modify(|v| *v = new(*v));
            }
            _ if count >= MAX_SERIES => all.ignore(plugin, name),
            _ => {
                all.series_of.insert(plugin.to_owned(), count + 1);
                let family =
                    all.families.entry(name.to_owned()).or_insert_with(|| Family { kind, series: BTreeMap::new() });
                family.series.insert(key, new(0.0));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        // Each change is whole before the lock goes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn ignore(&mut self, plugin: &str, name: &str) {
        *self.ignored.entry(plugin.to_owned()).or_default() += 1;
        if self.told.insert(plugin.to_owned()) {
            let metric = crate::guest_log::tidy(name);
            tracing::warn!(
                plugin,
                metric,
                "ignored a value for a metric of a plugin's own: an illegal or taken name, an illegal label or value, or too many series"
            );
        }
    }
}

impl Collector for CustomMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let all = &*self.lock();
        for (name, family) in &all.families {
            let name = format!("weir_plugin_custom_{name}");
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut metric = encoder.encode_descriptor(&name, "A metric of a plugin's own", None, kind)?;
            for ((plugin, labels), value) in &family.series {
                let mut set: Vec<(&str, &str)> = vec![("plugin", plugin)];
                set.extend(labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                let mut series = metric.encode_family(&set)?;
                match family.kind {
                    Kind::Counter => series.encode_counter::<NoLabelSet, f64, f64>(value, None)?,
                    Kind::Gauge => series.encode_gauge(value)?,
                }
            }
        }
        let help = "Values for metrics of plugins' own that were ignored: illegal, or too many series";
        let name = format!("weir_plugin_custom_{OWN}");
        let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
        for (plugin, n) in &all.ignored {
            let set = [("plugin", plugin.as_str())];
            metric.encode_family(&set)?.encode_counter::<NoLabelSet, u64, f64>(n, None)?;
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_TEXT && crate::contract::is_label_name(name)
}

/// `labels` are sorted.
fn are_labels(labels: &[(String, String)]) -> bool {
    labels.len() <= MAX_LABELS
        && labels.iter().all(|(n, v)| is_name(n) && !n.starts_with("__") && n != "plugin" && v.len() <= MAX_TEXT)
        && labels.iter().zip(labels.iter().skip(1)).all(|(a, b)| a.0 != b.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(l: &[(&str, &str)]) -> Labels {
        l.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn shown(metrics: &Metrics) -> String {
        metrics.encode().unwrap().lines().filter(|l| !l.starts_with('#')).map(|l| l.to_owned() + "\n").collect()
    }

    #[test]
    fn counters_add_and_gauges_are_set() {
        let metrics = Metrics::new();
        let c = CustomMetrics::new(&metrics);
        c.add("a", "seen_total", labels(&[("z", "1"), ("kind", "x\"y")]), 2.0);
        c.add("a", "seen", labels(&[("kind", "x\"y"), ("z", "1")]), 3.0);
        c.set("b", "level", labels(&[]), -1.5);
        assert_eq!(
            shown(&metrics),
            "weir_plugin_custom_level{plugin=\"b\"} -1.5\n\
             weir_plugin_custom_seen_total{plugin=\"a\",kind=\"x\\\"y\",z=\"1\"} 5.0\n"
        );
        c.forget("a");
        c.forget("b");
        assert_eq!(shown(&metrics), "");
    }

    #[test]
    fn what_is_wrong_is_counted_and_ignored() {
        let metrics = Metrics::new();
        let c = CustomMetrics::new(&metrics);
        c.add("p", "n", labels(&[]), -1.0);
        c.add("p", "n", labels(&[]), f64::NAN);
        c.add("p", "bad name", labels(&[]), 1.0);
        c.add("p", "n", labels(&[("plugin", "other")]), 1.0);
        c.add("p", "n", labels(&[("a", "1"), ("a", "2")]), 1.0);
        c.set("p", "n_total", labels(&[]), 1.0);
        c.add("p", "n", labels(&[]), 1.0);
        c.set("p", "n", labels(&[]), 1.0);
        assert_eq!(
            shown(&metrics),
            "weir_plugin_custom_n_total{plugin=\"p\"} 1.0\nweir_plugin_custom_metrics_ignored_total{plugin=\"p\"} 7\n"
        );
    }

    #[test]
    fn no_plugin_says_how_many_values_were_ignored() {
        let metrics = Metrics::new();
        let c = CustomMetrics::new(&metrics);
        c.add("p", "metrics_ignored", labels(&[]), 1.0);
        c.add("p", "metrics_ignored_total", labels(&[]), 1.0);
        c.set("p", "metrics_ignored", labels(&[]), 1.0);
        // each would be a second family of samples that have one name
        c.add("p", "seen", labels(&[]), 1.0);
        c.add("p", "seen_total_total", labels(&[]), 1.0);
        c.add("p", "seen_bucket", labels(&[]), 1.0);
        assert_eq!(
            shown(&metrics),
            "weir_plugin_custom_seen_total{plugin=\"p\"} 1.0\nweir_plugin_custom_metrics_ignored_total{plugin=\"p\"} 5\n"
        );
        let page = metrics.encode().unwrap();
        let families: Vec<&str> = page.lines().filter(|l| l.starts_with("# TYPE weir_plugin_custom_")).collect();
        assert_eq!(families.len(), 2, "{families:?}");
    }

    #[test]
    fn series_are_capped_by_plugin() {
        let metrics = Metrics::new();
        let c = CustomMetrics::new(&metrics);
        for i in 0..150 {
            c.add("p", "n", labels(&[("user", &i.to_string())]), 1.0);
        }
        c.add("p", "n", labels(&[("user", "7")]), 1.0);
        c.add("q", "n", labels(&[]), 1.0);
        let text = shown(&metrics);
        assert!(text.contains("weir_plugin_custom_n_total{plugin=\"p\",user=\"7\"} 2.0"));
        assert!(text.contains("weir_plugin_custom_n_total{plugin=\"q\"} 1.0"));
        assert!(text.contains("ignored_total{plugin=\"p\"} 50"));
    }
}
