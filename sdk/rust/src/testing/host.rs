//! The host's functions, kept for the test that runs on this thread.

use super::{LabelSet, labels};
use crate::Level;
use std::cell::RefCell;
use std::collections::BTreeMap;

type Metrics = BTreeMap<(String, LabelSet), f64>;

thread_local! {
    static COUNTERS: RefCell<Metrics> = const { RefCell::new(BTreeMap::new()) };
    static GAUGES: RefCell<Metrics> = const { RefCell::new(BTreeMap::new()) };
    static MESSAGES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn log(level: Level, message: &str) {
    MESSAGES.with_borrow_mut(|messages| messages.push((level, message.into())));
}

pub(crate) fn counter(name: &str, with: &[(&str, &str)], add: f64) {
    if add.is_finite() && add >= 0.0 {
        COUNTERS.with_borrow_mut(|m| *m.entry(key(name, with)).or_default() += add);
    }
}

pub(crate) fn gauge(name: &str, with: &[(&str, &str)], value: f64) {
    GAUGES.with_borrow_mut(|m| m.insert(key(name, with), value));
}

fn key(name: &str, with: &[(&str, &str)]) -> (String, LabelSet) {
    (name.into(), labels(with.iter().copied()))
}

/// What a counter stands at; 0 where it was never added to. Counters are those of the test's thread.
pub fn counted(name: &str, with: &[(&str, &str)]) -> f64 {
    COUNTERS.with_borrow(|m| m.get(&key(name, with)).copied().unwrap_or_default())
}

/// What a gauge was last set to, if it was.
pub fn gauged(name: &str, with: &[(&str, &str)]) -> Option<f64> {
    GAUGES.with_borrow(|m| m.get(&key(name, with)).copied())
}

/// What was logged since the last question.
pub fn messages() -> Vec<(Level, String)> {
    MESSAGES.take()
}
