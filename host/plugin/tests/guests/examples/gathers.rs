//! Emits, keeps and gathers by the word of each line: what the host makes of it is checked by its tests.
//!
//! `emit` counts it and emits `seen_total`; `line` emits a line; `bad` emits a series without a name; `trap` and `refuse` emit and
//! keep, and fail then; `stall` makes ticks that never end; `flood` emits more than anybody may; `forget` takes back its verdicts, in the call and in the next tick.

wit_bindgen::generate!({
    path: "../../../../wit/v0.1.2",
    inline: "package weir:guests; world gathers {
        include weir:plugin/logs-plugin@0.1.2;
        include weir:plugin/emitting@0.1.2;
        include weir:plugin/stateful@0.1.2;
        include weir:plugin/reconsidering@0.1.2;
        include weir:plugin/ticking@0.1.2;
    }",
    world: "weir:guests/gathers",
    generate_all,
});

use std::cell::Cell;

use exports::weir::plugin::{lifecycle, logs, tick};
use guests::{column, floats, strings, table};
use weir::plugin::emit::{self, LineColumns, Refusal, SampleColumns};
use weir::plugin::state;
use weir::plugin::verdicts;
use weir::plugin::types::{LabelSets, LabelsWanted, Symbols};

struct Plugin;

thread_local! {
    static SEEN: Cell<u32> = const { Cell::new(0) };
    static FORGET: Cell<bool> = const { Cell::new(false) };
    static STALL: Cell<bool> = const { Cell::new(false) };
}

fn samples(names: &[&str], values: &[f64]) -> SampleColumns {
    let mut strings = vec!["__name__"];
    strings.extend(names);
    let (text, ends) = table(&strings);
    let pairs: Vec<u32> = (1..=names.len() as u32).flat_map(|n| [0, n]).collect();
    let set_ends: Vec<u32> = (1..=names.len() as u32).collect();
    SampleColumns {
        rows: values.len() as u32,
        symbols: Symbols { text, ends },
        sets: LabelSets { pairs: column(&pairs), ends: column(&set_ends) },
        set_of_row: if names.len() == values.len() { vec![] } else { column(&vec![0; values.len()]) },
        timestamps: vec![],
        start_timestamps: vec![],
        values: floats(values),
    }
}

fn line(text: &str) -> LineColumns {
    let (labels, ends) = table(&["job", "gathers"]);
    let (lines, line_ends) = table(&[text]);
    LineColumns {
        rows: 1,
        symbols: Symbols { text: labels, ends },
        sets: LabelSets { pairs: column(&[0, 1]), ends: column(&[1]) },
        set_of_row: vec![],
        metadata: LabelSets { pairs: vec![], ends: vec![] },
        timestamps: vec![],
        lines: Symbols { text: lines, ends: line_ends },
    }
}

impl lifecycle::Guest for Plugin {
    fn configure(_json: String) -> Result<(), String> {
        if !matches!(emit::samples(&samples(&["early"], &[1.0])), Err(Refusal::NotNow)) {
            return Err("emitting is possible from configure".to_owned());
        }
        let kept = state::get("seen").and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        SEEN.set(kept);
        Ok(())
    }
}

impl logs::Guest for Plugin {
    fn wants() -> logs::Wanted {
        logs::Wanted { labels: LabelsWanted::Nothing, metadata: LabelsWanted::Nothing, timestamps: false, lines: true }
    }

    fn process(b: logs::Batch) -> Result<logs::Edit, String> {
        for word in strings(&b.lines.text, &b.lines.ends) {
            let seen = || {
                SEEN.set(SEEN.get() + 1);
                emit::samples(&samples(&["seen_total"], &[f64::from(SEEN.get())])).unwrap();
                state::set("seen", &SEEN.get().to_le_bytes()).unwrap();
            };
            match word {
                "emit" => seen(),
                "line" => emit::lines(&line("hello")).unwrap(),
                "bad" => match emit::samples(&samples(&[""], &[1.0])) {
                    Err(Refusal::Malformed(why)) => return Err(format!("it said: {why}")),
                    _ => return Err("a series without a name was taken".to_owned()),
                },
                "trap" => {
                    seen();
                    panic!("as the line says");
                }
                "refuse" => {
                    seen();
                    return Err("as the line says".to_owned());
                }
                "stall" => STALL.set(true),
                "forget" => {
                    // does nothing here
                    verdicts::forget();
                    FORGET.set(true);
                }
                "flood" => match emit::samples(&samples(&["flood"], &vec![1.0; 101_000])) {
                    Err(Refusal::OverBudget) => {}
                    _ => return Err("a flood was taken".to_owned()),
                },
                _ => {}
            }
        }
        Ok(logs::Edit::Unchanged)
    }
}

impl tick::Guest for Plugin {
    fn interval() -> u32 {
        1
    }

    fn tick(now: i64, last: bool) -> Result<(), String> {
        assert!(now > 1_700_000_000_000);
        while STALL.get() {
            std::hint::black_box(now);
        }
        if FORGET.take() {
            verdicts::forget();
        }
        emit::samples(&samples(&["seen_by_tick", "last"], &[f64::from(SEEN.get()), f64::from(u8::from(last))]))
            .unwrap();
        Ok(())
    }
}

export!(Plugin);
