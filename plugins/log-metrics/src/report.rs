//! What the operator hears of what came to nothing: counters, and a line of the log once a metric and hour.

use std::collections::BTreeSet;
use std::time::Duration;

use weir_sdk::{counter, emit, log};

use crate::metric::Ignored;
use crate::series::Family;

/// A trouble is told again after this.
const AGAIN: Duration = Duration::from_hours(1);

#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What was told lately, of which metric.
    told: BTreeSet<(String, Trouble)>,
    since: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    OverLimit,
    NoMemory,
    Unreadable,
    Refused,
    NotKept,
}

impl Report {
    pub(crate) fn ignored(&mut self, family: &Family, ignored: &Ignored) {
        let name = family.name.as_str();
        if ignored.over_limit > 0 {
            counter("ignored", &[("metric", name), ("reason", "max_series")], ignored.over_limit as f64);
            if self.is_new(name, Trouble::OverLimit) {
                let count = family.len();
                log::warn!("{name} has {count} series, as many as it may have: lines for others are not counted");
            }
        }
        if ignored.no_memory > 0 {
            counter("ignored", &[("metric", name), ("reason", "memory")], ignored.no_memory as f64);
            if self.is_new(name, Trouble::NoMemory) {
                log::warn!(
                    "{name}: the series of all metrics take as much memory as they may: lines for others are not counted"
                );
            }
        }
        if ignored.unreadable > 0 {
            counter("ignored", &[("metric", name), ("reason", "no_number")], ignored.unreadable as f64);
            if self.is_new(name, Trouble::Unreadable) {
                log::warn!(
                    "{name}: {} lines since the last tick have no number where one is wanted",
                    ignored.unreadable
                );
            }
        }
    }

    pub(crate) fn refused(&mut self, family: &Family, refusal: &emit::Refusal) {
        if self.is_new(&family.name, Trouble::Refused) {
            log::warn!("{} is not emitted at this tick: {refusal}", family.name);
        }
    }

    pub(crate) fn kept(&mut self, family: &Family, outcome: Result<(), String>) {
        if let Err(why) = outcome
            && self.is_new(&family.name, Trouble::NotKept)
        {
            log::warn!("{} begins anew with the next version of this plugin: {why}", family.name);
        }
    }

    /// So much time has passed.
    pub(crate) fn tick(&mut self, interval: Duration) {
        self.since += interval;
        if self.since >= AGAIN {
            self.since = Duration::ZERO;
            self.told.clear();
        }
    }

    fn is_new(&mut self, metric: &str, trouble: Trouble) -> bool {
        self.told.insert((metric.to_owned(), trouble))
    }
}
