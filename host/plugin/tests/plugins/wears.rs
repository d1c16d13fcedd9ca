//! What would be little of a guest's, and much of the host's.

use weir_pipeline::guest::{CallError, LabelsWanted, SeriesBatch, Symbols};
use weir_plugin::PluginSettings;

use super::{One, config, load};

const ROWS: u32 = 4096;

fn wearing(mode: &str) -> One {
    load("wears", PluginSettings { memory_limit: 256 << 20, ..config(&format!("{{\"mode\":\"{mode}\"}}")) })
}

/// A full batch, whose rows have no labels.
fn batch() -> SeriesBatch {
    let mut symbols = Symbols::default();
    symbols.push("up");
    let mut batch = SeriesBatch { rows: ROWS, symbols, ..SeriesBatch::default() };
    batch.sets.ends = vec![0; ROWS as usize];
    batch
}

fn call(one: &One) -> Result<(), CallError> {
    one.guest().relabel(&batch()).map(|_| ())
}

#[test]
fn one_symbol_does_not_fill_every_row() {
    let Err(CallError::Answer(why)) = call(&wearing("fills")) else { panic!("it is 40 GB of labels") };
    assert_eq!(why, "labels: row 0 gets 10485766 bytes of names and values, and may get 16384");
}

#[test]
fn one_symbol_does_not_fill_every_set_that_is_emitted() {
    let one = wearing("sets");
    assert_eq!(call(&one), Err(CallError::Refused("Err(Refusal::OverBudget)".to_owned())));
    assert_eq!(one.metric("weir_plugin_emissions_total{plugin=\"p\",result=\"over_budget\"}"), Some(1.0));
}

#[test]
fn keys_that_are_taken_back_are_nowhere() {
    let one = wearing("keys");
    let resident = || {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let before = resident();
    assert_eq!(call(&one), Ok(()));
    let more = resident().saturating_sub(before);
    assert!(more < 32 << 20, "{more} bytes, and the keys had 50 MB");
}

#[test]
fn no_name_that_is_wanted_is_for_a_terminal_and_many_are_all() {
    let one = wearing("wants");
    assert_eq!(one.guest().wants().series, Some(LabelsWanted::Everything));
}

#[test]
fn the_page_of_metrics_stays_one_that_prometheus_takes() {
    let one = wearing("metrics");
    assert_eq!(call(&one), Ok(()));
    let page = one.metrics.encode().unwrap();
    let ignored: Vec<&str> = page.lines().filter(|l| l.starts_with("weir_plugin_custom")).collect();
    assert_eq!(ignored, ["weir_plugin_custom_metrics_ignored_total{plugin=\"p\"} 3"]);
    let mut types: Vec<&str> = page.lines().filter(|l| l.starts_with("# TYPE")).collect();
    let all = types.len();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), all, "no family is there twice");
}
