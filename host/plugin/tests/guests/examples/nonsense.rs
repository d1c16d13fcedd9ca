//! Answers against the contract, in the way that `mode` says. (`check.rs` on the host's side has far more of them; these come
//! all the way through the component model.)

wit_bindgen::generate!({ path: "../../../../wit/v0.1.0", world: "samples-plugin", generate_all });

use std::cell::RefCell;

use exports::weir::plugin::{lifecycle, samples};
use guests::{column, floats, setting, table};
use weir::plugin::types::{LabelEdit, LabelsWanted, Symbols};

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

fn edit(strings: &[&str], assigned: &[u32]) -> Option<LabelEdit> {
    let (text, ends) = table(strings);
    Some(LabelEdit { added: Symbols { text, ends }, assigned: column(assigned), removed: vec![] })
}

impl samples::Guest for Plugin {
    fn wants() -> samples::Wanted {
        samples::Wanted { labels: LabelsWanted::Everything, timestamps: false, start_timestamps: false }
    }

    fn process(_: samples::Batch) -> Result<samples::Edit, String> {
        let mut p = samples::Patch { dropped: vec![], labels: None, changed: vec![], values: vec![] };
        MODE.with_borrow(|mode| match mode.as_str() {
            "row" => p.dropped = column(&[0, 7_000_000]),
            "order" => p.dropped = column(&[1, 0]),
            "bytes" => p.dropped = vec![1, 2, 3],
            "kind" => {
                p.changed = column(&[1]);
                p.values = floats(&[1.0]);
            }
            "count" => p.changed = column(&[0]),
            "symbol" => p.labels = edit(&["a"], &[0, 4_000_000_000, 0]),
            "name" => p.labels = edit(&["not a name"], &[0, 0, 0]),
            "ends" => {
                p.labels = edit(&["abc"], &[]);
                if let Some(l) = &mut p.labels {
                    l.added.ends = column(&[2]);
                }
            }
            "utf-8" => {
                p.labels = edit(&["abc"], &[]);
                if let Some(l) = &mut p.labels {
                    // SAFETY: there is none: finding this out is the host's part.
                    unsafe { l.added.text.as_bytes_mut() }.fill(0xff);
                }
            }
            _ => {}
        });
        Ok(samples::Edit::Patch(p))
    }
}

export!(Plugin);
