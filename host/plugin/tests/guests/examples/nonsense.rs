//! Answers against the contract, in the way that `mode` says, from each interface. (`check.rs` on the host's side has far more of
//! them; these come all the way through the component model.)

wit_bindgen::generate!({ path: "../../../../wit/v0.1.0", world: "plugin", generate_all });

use std::cell::RefCell;

use exports::weir::plugin::{lifecycle, logs, samples, series};
use guests::{column, floats, setting, table};
use weir::plugin::types::{LabelEdit, LabelSets, LabelsWanted, Symbols};

struct Plugin;

thread_local! {
    static MODE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl lifecycle::Guest for Plugin {
    fn configure(json: String) -> Result<(), String> {
        MODE.set(setting(&json, "mode").unwrap_or_default().to_owned());
        Ok(())
    }
}

fn mode() -> String {
    MODE.with_borrow(Clone::clone)
}

fn edit(strings: &[&str], assigned: &[u32], removed: &[u32]) -> LabelEdit {
    let (text, ends) = table(strings);
    LabelEdit { added: Symbols { text, ends }, assigned: column(assigned), removed: column(removed) }
}

/// Rows that are none.
fn rows(mode: &str) -> Vec<u8> {
    match mode {
        "row" => column(&[0, 7_000_000]),
        "last row" => column(&[u32::MAX]),
        "order" => column(&[1, 0]),
        "twice" => column(&[0, 0]),
        "bytes" => vec![1, 2, 3],
        _ => vec![],
    }
}

/// An edit that is none. There are two rows, and two symbols: "a" and "not a name".
fn labels(mode: &str) -> Option<LabelEdit> {
    Some(match mode {
        "symbol" => edit(&["a"], &[0, 4_000_000_000, 0], &[]),
        "value" => edit(&["a"], &[0, 0, 3], &[]),
        "removed symbol" => edit(&["a"], &[], &[0, 3]),
        "name" => edit(&["not a name"], &[0, 2, 0], &[]),
        "assigned row" => edit(&[], &[2, 0, 0], &[]),
        "assigned order" => edit(&[], &[1, 0, 0, 0, 0, 0], &[]),
        "assigned bytes" => LabelEdit { assigned: vec![0; 11], ..edit(&[], &[], &[]) },
        "removed row" => edit(&[], &[], &[2, 0]),
        "removed order" => edit(&[], &[], &[1, 0, 0, 0]),
        "removed bytes" => LabelEdit { removed: vec![0; 9], ..edit(&[], &[], &[]) },
        "ends" => {
            let mut e = edit(&["abc"], &[], &[]);
            e.added.ends = column(&[2]);
            e
        }
        "ends order" => {
            let mut e = edit(&["abc"], &[], &[]);
            e.added.ends = column(&[2, 1, 3]);
            e
        }
        "inside a character" => {
            let mut e = edit(&["é"], &[], &[]);
            e.added.ends = column(&[1, 2]);
            e
        }
        "utf-8" => {
            let mut e = edit(&["abc"], &[], &[]);
            // SAFETY: there is none: finding this out is the host's part.
            unsafe { e.added.text.as_bytes_mut() }.fill(0xff);
            e
        }
        _ => return None,
    })
}

impl series::Guest for Plugin {
    fn wants() -> LabelsWanted {
        LabelsWanted::Everything
    }

    fn relabel(_: u32, _: Symbols, _: LabelSets) -> Result<series::Verdicts, String> {
        Ok(series::Verdicts { dropped: rows(&mode()), labels: labels(&mode()) })
    }
}

impl samples::Guest for Plugin {
    fn wants() -> samples::Wanted {
        samples::Wanted { labels: LabelsWanted::Everything, timestamps: false, start_timestamps: false }
    }

    fn process(_: samples::Batch) -> Result<samples::Edit, String> {
        let mode = mode();
        let (changed, values) = match mode.as_str() {
            "kind" => (column(&[1]), floats(&[1.0])),
            "count" => (column(&[0]), vec![]),
            "half a value" => (column(&[0]), vec![0; 7]),
            "changed row" => (column(&[2]), floats(&[1.0])),
            "changed order" => (column(&[1, 0]), floats(&[1.0, 1.0])),
            _ => (vec![], vec![]),
        };
        Ok(samples::Edit::Patch(samples::Patch { dropped: rows(&mode), labels: labels(&mode), changed, values }))
    }
}

impl logs::Guest for Plugin {
    fn wants() -> logs::Wanted {
        logs::Wanted {
            labels: LabelsWanted::Everything,
            metadata: LabelsWanted::Everything,
            timestamps: false,
            lines: true,
        }
    }

    fn process(_: logs::Batch) -> Result<logs::Edit, String> {
        let mode = mode();
        let (text, ends) = table(&["one"]);
        let one = Symbols { text, ends };
        let none = || Symbols { text: String::new(), ends: vec![] };
        let (changed, lines) = match mode.as_str() {
            "count" => (column(&[0]), none()),
            "lines without rows" => (vec![], one),
            "changed row" => (column(&[2]), one),
            "changed order" => (column(&[1, 0]), one),
            "line ends" => (column(&[0]), Symbols { text: "abc".to_owned(), ends: column(&[4]) }),
            _ => (vec![], none()),
        };
        let stamp = 1_i64.to_le_bytes();
        let times = match mode.as_str() {
            "time row" => Some((column(&[2]), stamp.to_vec())),
            "time order" => Some((column(&[1, 0]), [stamp, stamp].concat())),
            "time count" => Some((column(&[0]), vec![])),
            "half a time" => Some((column(&[0]), vec![0; 7])),
            _ => None,
        };
        Ok(logs::Edit::Patch(logs::Patch {
            dropped: rows(&mode),
            labels: labels(&mode),
            metadata: mode.strip_prefix("metadata ").and_then(labels),
            times: times.map(|(rows, timestamps)| logs::NewTimes { rows, timestamps }),
            changed,
            lines,
        }))
    }
}

export!(Plugin);
