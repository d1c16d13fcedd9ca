//! What the next version takes up: who has a place where places are short, and what sums have come to.

use std::collections::BTreeMap;

use weir_sdk::{log, state};

use crate::config::Rules;
use crate::report::Report;
use crate::series::Places;
use crate::sums::Sums;

/// Below the store's 256 KiB for a value.
const PIECE: usize = 20_000;

/// A metric's name, and the places under it: the name of the label where they are values, and their keys.
type Piece = (String, Option<String>, u64, Vec<u64>);

const PLACES: &str = "places/";
const SUMS: &str = "sums";

/// Keeps the places of metrics that are over a limit: of all others every series finds one again.
pub(crate) fn keep(places: &Places, sums: &Sums, report: &Report, rules: &Rules) {
    for old in state::keys(PLACES) {
        state::remove(&old);
    }
    let is_total_over = report.is_total_over();
    let mut by_metric: BTreeMap<(u64, Option<u32>), Vec<u64>> = BTreeMap::new();
    for (metric, label, key) in places.of_metrics(|metric| is_total_over || report.is_over(metric)) {
        by_metric.entry((metric, label)).or_default().push(key);
    }
    let mut number = 0;
    for ((metric, label), keys) in by_metric {
        let Some(of) = places.metrics.get(&metric) else { continue };
        let rule = rules.get(of.rule);
        let label = label.and_then(|l| rule.and_then(|r| r.values.get(l as usize))).map(|(label, _)| label.clone());
        for keys in keys.chunks(PIECE) {
            let piece: Piece = (of.name.clone(), label.clone(), metric, keys.to_vec());
            if !set(&format!("{PLACES}{number}"), &piece) {
                return;
            }
            number += 1;
        }
    }
    set(SUMS, &sums.rising());
}

fn set(key: &str, value: &impl serde::Serialize) -> bool {
    let outcome = postcard::to_allocvec(value).map_err(|e| e.to_string());
    match outcome.and_then(|bytes| state::set(key, &bytes).map_err(|e| e.to_string())) {
        Ok(()) => true,
        Err(why) => {
            log::warn!("the next version gives places away anew, perhaps to other series: {why}");
            false
        }
    }
}

/// Takes up what the version before has left.
pub(crate) fn take_up(places: &mut Places, sums: &mut Sums, rules: &Rules) {
    for key in state::keys(PLACES) {
        // written by this plugin, perhaps by another version: what does not read is not taken up
        let piece = state::get(&key).and_then(|bytes| postcard::from_bytes::<Piece>(&bytes).ok());
        let Some((name, label, metric, keys)) = piece else { continue };
        let values = rules.get(rules.find(&name)).map(|rule| rule.values.as_slice()).unwrap_or_default();
        let number = label.as_ref().map(|label| values.iter().position(|(l, _)| l == label).map(|n| n as u32));
        let label = match number {
            // limited no longer
            Some(None) => continue,
            number => number.flatten(),
        };
        for key in keys {
            places.reserve(metric, &name, label, key, rules);
        }
    }
    let kept = state::get(SUMS).and_then(|bytes| postcard::from_bytes::<Vec<(u64, f64)>>(&bytes).ok());
    sums.kept = kept.unwrap_or_default().into_iter().collect();
}
