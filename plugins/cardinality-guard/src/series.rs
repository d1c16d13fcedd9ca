//! Which series have a place, and of what metric.

use crate::config::Rules;
use crate::identity::{Identity, KeyMap, value_key};

/// Metrics at most, whatever the number of series: a name takes up to 200 bytes.
const MAX_METRICS: usize = 50_000;

/// Values at most, of all labels that are limited.
const MAX_VALUES: usize = 200_000;

/// Where a name is cut, in bytes: weir shows no longer ones as labels of a plugin's metrics.
const MAX_NAME: usize = 200;

/// Everything that has a place.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By the series' key.
    series: KeyMap<Held>,
    /// Values of labels that are limited, by metric, label and value: the tick at which a series with a place last had them.
    values: KeyMap<HeldValue>,
    /// By the metric's key.
    pub(crate) metrics: KeyMap<Metric>,
    /// Places that the version before this one gave away, and that are kept for those who had them.
    reserved: KeyMap<Reserved>,
    reserved_series: u32,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    metric: u64,
    seen: u32,
}

#[derive(Clone, Copy, Debug)]
struct HeldValue {
    metric: u64,
    label: u32,
    seen: u32,
}

/// Whose a place is that is kept.
#[derive(Clone, Copy, Debug)]
struct Reserved {
    metric: u64,
    /// Of a value: the label's number.
    label: Option<u32>,
}

/// A metric of which there are series.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    /// The number of its rule.
    pub(crate) rule: usize,
    pub(crate) series: Count,
    /// Of each label that is limited.
    pub(crate) values: Vec<Count>,
}

/// Places of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) held: u32,
    reserved: u32,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// All metrics together have too many series, or there are too many metrics.
    Total,
    /// The metric has.
    Series,
    /// The label of this number has too many values.
    Values(usize),
}

impl Count {
    fn has_room(self, limit: u32, is_reserved: bool) -> bool {
        let others = if is_reserved { 0 } else { self.reserved };
        self.held.saturating_add(others) < limit
    }

    fn take(&mut self, was_reserved: bool) {
        self.held += 1;
        self.reserved -= u32::from(was_reserved && self.reserved > 0);
    }

    fn leave(&mut self) {
        self.held = self.held.saturating_sub(1);
    }
}

impl Metric {
    fn new(name: &str, rules: &Rules) -> Self {
        let rule = rules.find(name);
        let values = vec![Count::default(); rules.get(rule).map_or(0, |rule| rule.values.len())];
        let name = name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or_default().to_owned();
        Self { name, rule, series: Count::default(), values }
    }
}

impl Places {
    /// How many series have a place.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether a series has a place, which it keeps by being seen.
    #[inline]
    pub(crate) fn see(&mut self, series: &Identity<'_, '_>, rules: &Rules, now: u32) -> bool {
        let Some(held) = self.series.get_mut(&series.key) else { return false };
        held.seen = now;
        if rules.limit_values
            && let Some(metric) = self.metrics.get(&series.metric)
            && let Some(rule) = rules.get(metric.rule)
        {
            for (number, (label, _)) in rule.values.iter().enumerate() {
                if let Some(value) = series.label(label)
                    && let Some(value) = self.values.get_mut(&value_key(series.metric, number, value))
                {
                    value.seen = now;
                }
            }
        }
        true
    }

    /// Gives a series a place, if there is one.
    pub(crate) fn admit(&mut self, series: &Identity<'_, '_>, rules: &Rules, now: u32) -> Result<(), Full> {
        let is_reserved = self.reserved.contains_key(&series.key);
        let all = Count { held: self.series.len() as u32, reserved: self.reserved_series };
        let is_one_too_many = self.metrics.len() >= MAX_METRICS && !self.metrics.contains_key(&series.metric);
        if is_one_too_many || !all.has_room(rules.total, is_reserved) {
            return Err(Full::Total);
        }
        let metric =
            self.metrics.entry(series.metric).or_insert_with(|| Metric::new(series.name.unwrap_or_default(), rules));
        let Some(rule) = rules.get(metric.rule) else { return Ok(()) };
        if rule.series.is_some_and(|limit| !metric.series.has_room(limit, is_reserved)) {
            return Err(Full::Series);
        }
        let mut new = vec![];
        for (number, ((label, limit), count)) in rule.values.iter().zip(&metric.values).enumerate() {
            let Some(value) = series.label(label) else { continue };
            let key = value_key(series.metric, number, value);
            if self.values.contains_key(&key) {
                continue;
            }
            let is_reserved = self.reserved.contains_key(&key);
            if !count.has_room(*limit, is_reserved) || self.values.len() + new.len() >= MAX_VALUES {
                return Err(Full::Values(number));
            }
            new.push((number, key));
        }
        for (number, key) in new {
            let was_reserved = self.reserved.remove(&key).is_some();
            if let Some(count) = metric.values.get_mut(number) {
                count.take(was_reserved);
            }
            self.values.insert(key, HeldValue { metric: series.metric, label: number as u32, seen: now });
        }
        if self.reserved.remove(&series.key).is_some() {
            self.reserved_series = self.reserved_series.saturating_sub(1);
        }
        metric.series.take(is_reserved);
        self.series.insert(series.key, Held { metric: series.metric, seen: now });
        // the values that it shares with others have been seen as well
        self.see(series, rules, now);
        Ok(())
    }

    /// Takes places from all that were not seen since this tick.
    pub(crate) fn sweep(&mut self, since: u32) {
        let metrics = &mut self.metrics;
        self.series.retain(|_, held| {
            let stays = held.seen >= since;
            if !stays && let Some(metric) = metrics.get_mut(&held.metric) {
                metric.series.leave();
            }
            stays
        });
        self.values.retain(|_, value| {
            let stays = value.seen >= since;
            if !stays
                && let Some(metric) = metrics.get_mut(&value.metric)
                && let Some(count) = metric.values.get_mut(value.label as usize)
            {
                count.leave();
            }
            stays
        });
        metrics.retain(|_, metric| metric.series.held + metric.series.reserved > 0);
    }

    /// The keys of a metric's series, and of its values with their labels' numbers.
    pub(crate) fn of_metrics(&self, wanted: impl Fn(u64) -> bool) -> Vec<(u64, Option<u32>, u64)> {
        let series = self.series.iter().map(|(key, held)| (held.metric, None, *key));
        let values = self.values.iter().map(|(key, value)| (value.metric, Some(value.label), *key));
        series.chain(values).filter(|(metric, ..)| wanted(*metric)).collect()
    }

    /// Keeps a place for a series or value that had one before.
    pub(crate) fn reserve(&mut self, metric: u64, name: &str, label: Option<u32>, key: u64, rules: &Rules) {
        if self.reserved_series >= rules.total {
            return;
        }
        let of = self.metrics.entry(metric).or_insert_with(|| Metric::new(name, rules));
        let count = match label {
            None => Some(&mut of.series),
            Some(label) => of.values.get_mut(label as usize),
        };
        if let Some(count) = count
            && self.reserved.insert(key, Reserved { metric, label }).is_none()
        {
            count.reserved += 1;
            self.reserved_series += u32::from(label.is_none());
        }
    }

    /// Places are kept no longer.
    pub(crate) fn release(&mut self) {
        for (_, reserved) in self.reserved.drain() {
            if let Some(metric) = self.metrics.get_mut(&reserved.metric) {
                let count = match reserved.label {
                    None => Some(&mut metric.series),
                    Some(label) => metric.values.get_mut(label as usize),
                };
                if let Some(count) = count {
                    count.reserved = count.reserved.saturating_sub(1);
                }
            }
        }
        self.reserved_series = 0;
    }
}
