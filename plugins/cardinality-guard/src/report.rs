//! What the operator hears: of each metric that is over a limit how many series it has, how many more there are, and what became of
//! their samples. Bounded, however many metrics there are.

use std::collections::BTreeMap;

use weir_sdk::{counter, gauge, log};

use crate::config::Rules;
use crate::series::{Full, Metric, Places};
use crate::sketch::Sketch;

/// Metrics over a limit that are told apart; the rest is one.
const MAX_OVER: usize = 500;

/// Metrics with series of weir's own: it shows a hundred of a plugin, and each needs four.
const MAX_SHOWN: usize = 20;

/// What is told of all metrics that are not told apart.
const REST: &str = "(others)";

/// What became of a sample without a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Dropped,
    Aggregated,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By the metric's key; 0 is the rest.
    over: BTreeMap<u64, Over>,
    /// Names that are shown, now or before: a series of weir's own stays.
    shown: Vec<String>,
}

/// A metric that has been over a limit lately.
#[derive(Debug)]
struct Over {
    name: String,
    full: Full,
    /// The series without a place, in the time before and in this one.
    before: f64,
    series: Sketch,
    dropped: u64,
    aggregated: u64,
    /// The ticks at which it was last over, and last told.
    seen: u32,
    told: Option<u32>,
}

impl Report {
    /// A sample had no place; why, unless its series is known to have none.
    pub(crate) fn over(
        &mut self,
        metric: Option<(u64, &Metric)>,
        series: u64,
        full: Option<Full>,
        fate: Fate,
        now: u32,
    ) {
        let is_full = self.over.len() >= MAX_OVER;
        let (key, name) = match metric {
            Some((key, metric)) if !is_full || self.over.contains_key(&key) => (key, metric.name.as_str()),
            _ => (0, REST),
        };
        let over = self.over.entry(key).or_insert_with(|| Over::new(name, full.unwrap_or(Full::Series), now));
        over.full = full.unwrap_or(over.full);
        over.seen = now;
        over.series.add(series);
        match fate {
            Fate::Dropped => over.dropped += 1,
            Fate::Aggregated => over.aggregated += 1,
        }
    }

    /// Whether a metric has been over a limit lately.
    pub(crate) fn is_over(&self, metric: u64) -> bool {
        self.over.contains_key(&metric)
    }

    /// Whether there have been too many series in all.
    pub(crate) fn is_total_over(&self) -> bool {
        self.over.values().any(|over| over.full == Full::Total)
    }

    /// Shows and logs.
    pub(crate) fn tick(&mut self, places: &Places, rules: &Rules, now: u32) {
        let hour = (3600 / rules.interval.as_secs().max(1)).max(1) as u32;
        let mut told = 0;
        for (key, over) in &mut self.over {
            let metric = places.metrics.get(key);
            let shown = shown(&mut self.shown, &over.name);
            let held = if shown == REST { places.len() as u32 } else { metric.map_or(0, |m| m.series.held) };
            let is_past = over.seen + rules.idle < now;
            let estimate = if is_past { 0.0 } else { over.estimate() };
            gauge("limited_series", &[("metric", shown)], f64::from(held));
            gauge("limited_series_over", &[("metric", shown)], estimate);
            for (count, to) in [(&mut over.dropped, "dropped"), (&mut over.aggregated, "aggregated")] {
                if *count > 0 {
                    counter("limited_samples", &[("metric", shown), ("to", to)], std::mem::take(count) as f64);
                }
            }
            if !is_past && told < MAX_SHOWN && over.told.is_none_or(|tick| tick + hour <= now) {
                over.told = Some(now);
                told += 1;
                over.log(metric, rules, held, estimate);
            }
        }
        self.over.retain(|_, over| over.seen + rules.idle >= now);
        if now.is_multiple_of(rules.idle.max(1)) {
            for over in self.over.values_mut() {
                over.before = std::mem::take(&mut over.series).estimate();
            }
        }
    }
}

impl Over {
    fn new(name: &str, full: Full, now: u32) -> Self {
        let (series, name) = (Sketch::default(), name.to_owned());
        Self { name, full, before: 0.0, series, dropped: 0, aggregated: 0, seen: now, told: None }
    }

    fn estimate(&self) -> f64 {
        self.series.estimate().max(self.before)
    }

    fn log(&self, metric: Option<&Metric>, rules: &Rules, held: u32, estimate: f64) {
        let rule = metric.and_then(|m| rules.get(m.rule));
        let fate = match rule {
            Some(rule) if !rule.aggregate.is_empty() => format!("summed up without {}", rule.aggregate.join(", ")),
            _ => "dropped".to_owned(),
        };
        let name = &self.name;
        match self.full {
            Full::Total => log::warn!(
                "{name}: there are {} series in all, as many as there may be; about {estimate} more are {fate}",
                rules.total
            ),
            Full::Series => {
                log::warn!("{name} has {held} series, as many as it may have; about {estimate} more are {fate}");
            }
            Full::Values(number) => {
                let (label, limit) = rule.and_then(|r| r.values.get(number)).map_or(("", 0), |(l, n)| (l, *n));
                log::warn!(
                    "{name}: the label {label} has {limit} values, as many as it may have; about {estimate} series with others are {fate}"
                );
            }
        }
    }
}

/// The name that a metric is shown by: its own as long as there are few.
fn shown<'a>(all: &'a mut Vec<String>, name: &'a str) -> &'a str {
    if all.iter().any(|n| n == name) {
        return name;
    }
    if all.len() < MAX_SHOWN && name != REST {
        all.push(name.to_owned());
        return name;
    }
    REST
}
