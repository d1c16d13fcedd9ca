//! Tries to have the host do what the guest itself may not: each `mode` is a little of the guest's that would be much of the host's.

wit_bindgen::generate!({
    path: "../../../../wit/v0.1.2",
    inline: "package weir:guests; world wears {
        include weir:plugin/series-plugin@0.1.2;
        include weir:plugin/emitting@0.1.2;
        include weir:plugin/stateful@0.1.2;
    }",
    world: "weir:guests/wears",
    generate_all,
});

use std::cell::RefCell;

use exports::weir::plugin::{lifecycle, series};
use guests::{column, floats, setting, table};
use weir::plugin::emit::{self, SampleColumns};
use weir::plugin::host::{self, Level};
use weir::plugin::state;
use weir::plugin::types::{LabelEdit, LabelSets, LabelsWanted, Symbols};

struct Plugin;

thread_local! {
    static MODE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// One symbol of 10 MB into every row.
fn fill(rows: u32, known: u32) -> series::Verdicts {
    let (text, ends) = table(&["filled", &"x".repeat(10 << 20)]);
    let assigned: Vec<u32> = (0..rows).flat_map(|row| [row, known, known + 1]).collect();
    let labels = LabelEdit { added: Symbols { text, ends }, assigned: column(&assigned), removed: vec![] };
    series::Verdicts { dropped: vec![], labels: Some(labels) }
}

/// One sample of one of a hundred thousand sets that say 10 KB each.
fn sets() -> SampleColumns {
    const SETS: u32 = 100_000;
    let (text, ends) = table(&["__name__", "up", "long", &"x".repeat(10 << 10)]);
    let pairs: Vec<u32> = (0..SETS).flat_map(|_| [0, 1, 2, 3]).collect();
    let set_ends: Vec<u32> = (1..=SETS).map(|set| set * 2).collect();
    SampleColumns {
        rows: 1,
        symbols: Symbols { text, ends },
        sets: LabelSets { pairs: column(&pairs), ends: column(&set_ends) },
        set_of_row: column(&[0]),
        timestamps: vec![],
        start_timestamps: vec![],
        values: floats(&[1.0]),
    }
}

impl lifecycle::Guest for Plugin {
    fn configure(json: String) -> Result<(), String> {
        MODE.set(setting(&json, "mode").unwrap_or_default().to_owned());
        Ok(())
    }
}

impl series::Guest for Plugin {
    fn wants() -> LabelsWanted {
        match MODE.with_borrow(String::clone).as_str() {
            "wants" => LabelsWanted::Named((0..100_000).map(|i| format!("\u{1b}[2J{i}")).collect()),
            _ => LabelsWanted::Everything,
        }
    }

    fn relabel(rows: u32, symbols: Symbols, _: LabelSets) -> Result<series::Verdicts, String> {
        let nothing = series::Verdicts { dropped: vec![], labels: None };
        let known = symbols.ends.len() as u32 / 4;
        match MODE.with_borrow(String::clone).as_str() {
            "fills" => return Ok(fill(rows, known)),
            "sets" => return Err(format!("{:?}", emit::samples(&sets()))),
            "keys" => {
                for i in 0..50_000 {
                    let key = format!("{i:01000}");
                    state::set(&key, &[0; 8]).map_err(|e| format!("{e:?}"))?;
                    state::remove(&key);
                }
            }
            "metrics" => {
                host::counter_add("metrics_ignored", &[], 1.0);
                host::counter_add("metrics_ignored_total", &[], 1.0);
                host::gauge_set("metrics_ignored", &[], 1.0);
            }
            "says" => host::log(Level::Error, "one\u{2028}2026-11-26T00:00:00Z INFO \u{202e}llew si lla\u{1b}[2J\nthree"),
            _ => {}
        }
        Ok(nothing)
    }
}

export!(Plugin);
