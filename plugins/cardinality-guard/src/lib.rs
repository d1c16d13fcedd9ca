//! Limits the series of a metric and the values of a label; what is more is dropped, or summed up.

mod config;
mod identity;
mod kept;
mod report;
mod series;
mod sketch;
mod sums;
#[cfg(test)]
mod tests;

use std::time::Duration;

use config::{Config, Rules};
use identity::{Identity, Strings};
use report::{Fate, Report};
use series::Places;
use sums::Sums;
use weir_sdk::{Error, Labels, Moment, Plugin, SampleRow, Samples, SamplesBatch, SamplesWanted, Tick, log};

/// The plugin.
#[derive(Debug)]
pub struct CardinalityGuard {
    rules: Rules,
    other: String,
    places: Places,
    sums: Sums,
    report: Report,
    /// Ticks since the start: the time that places are kept by.
    now: u32,
}

impl Plugin for CardinalityGuard {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        let rules = Rules::new(&config)?;
        let (mut places, mut sums) = (Places::default(), Sums::default());
        kept::take_up(&mut places, &mut sums, &rules);
        Ok(Self { rules, other: config.other, places, sums, report: Report::default(), now: 0 })
    }
}

impl Samples for CardinalityGuard {
    fn wants(&self) -> SamplesWanted {
        SamplesWanted { labels: Labels::Everything, ..SamplesWanted::default() }
    }

    fn process(&mut self, batch: &SamplesBatch<'_>) -> Result<(), Error> {
        let strings = Strings::of(batch);
        for row in batch.rows() {
            self.judge(row, &strings);
        }
        Ok(())
    }
}

impl CardinalityGuard {
    fn judge<'t>(&mut self, row: SampleRow<'t, '_>, strings: &Strings<'t>) {
        let (rules, now) = (&self.rules, self.now);
        let series = Identity::of(row, strings);
        if self.places.see(&series, rules, now) {
            return;
        }
        let value = row.value();
        // whoever is summed up stays so as long as it lives: its sum would fall otherwise
        let is_summed = value.is_some_and(|value| self.sums.update(series.key, value, now));
        let full = if is_summed {
            None
        } else {
            match self.places.admit(&series, rules, now) {
                Ok(()) => return,
                Err(full) => Some(full),
            }
        };
        row.drop();
        let metric = self.places.metrics.get(&series.metric);
        let given_up = metric.and_then(|m| rules.get(m.rule)).map(|rule| rule.aggregate.as_slice()).unwrap_or_default();
        let mut joins = || {
            let (value, name) = (value?, series.name?);
            let sum = series.without(given_up, &self.other)?;
            Some(self.sums.join(series.key, value, sum, rules.counters.is_match(name), now))
        };
        let fate = if is_summed || joins().unwrap_or_default() { Fate::Aggregated } else { Fate::Dropped };
        self.report.over(metric.map(|m| (series.metric, m)), series.key, full, fate, now);
    }
}

impl Tick for CardinalityGuard {
    fn interval(&self) -> Duration {
        self.rules.interval
    }

    fn tick(&mut self, moment: Moment) -> Result<(), Error> {
        self.now += 1;
        if let Err(refusal) = self.sums.emit() {
            log::warn!("the sums are not emitted at this tick: {refusal}");
        }
        self.report.tick(&self.places, &self.rules, self.now);
        if self.now > self.rules.idle {
            let since = self.now - self.rules.idle;
            self.places.sweep(since);
            self.sums.sweep(since);
        }
        if self.now == self.rules.idle {
            // whoever had a place before and still lives has it again
            self.places.release();
            self.sums.kept.clear();
        }
        if moment.last {
            kept::keep(&self.places, &self.sums, &self.report, &self.rules);
        }
        Ok(())
    }
}

weir_sdk::export!(CardinalityGuard: Samples, Tick);
