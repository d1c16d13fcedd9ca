//! Series: the label `cluster` from the configuration for all, `debug` for none, and series named `drop_me` are dropped.

wit_bindgen::generate!({ path: "../../../../wit/v0.1.0", world: "series-plugin", generate_all });

use std::cell::RefCell;

use exports::weir::plugin::{lifecycle, series};
use guests::{column, setting, strings, table, u32s};
use weir::plugin::host::{self, Level};
use weir::plugin::types::{Label, LabelEdit, LabelSets, LabelsWanted, Symbols};

struct Plugin;

thread_local! {
    static CLUSTER: RefCell<String> = const { RefCell::new(String::new()) };
}

impl lifecycle::Guest for Plugin {
    fn configure(json: String) -> Result<(), String> {
        let cluster = setting(&json, "cluster").ok_or("cluster is missing")?;
        CLUSTER.set(cluster.to_owned());
        host::log(Level::Info, &format!("configured for {cluster}"));
        println!("written to standard output");
        Ok(())
    }
}

impl series::Guest for Plugin {
    fn wants() -> LabelsWanted {
        LabelsWanted::Named(vec!["__name__".to_owned()])
    }

    fn relabel(rows: u32, symbols: Symbols, sets: LabelSets) -> Result<series::Verdicts, String> {
        let texts: Vec<&str> = strings(&symbols.text, &symbols.ends).collect();
        let pairs: Vec<u32> = u32s(&sets.pairs).collect();
        let first = texts.len() as u32;
        let (mut dropped, mut assigned, mut removed, mut start) = (vec![], vec![], vec![], 0);
        for (row, end) in (0..rows).zip(u32s(&sets.ends)) {
            let set = &pairs[start * 2..end as usize * 2];
            start = end as usize;
            if set.chunks(2).any(|p| texts[p[0] as usize] == "__name__" && texts[p[1] as usize] == "drop_me") {
                dropped.push(row);
            } else {
                assigned.extend([row, first, first + 1]);
                removed.extend([row, first + 2]);
            }
        }
        let kind = Label { name: "kind".to_owned(), value: "series".to_owned() };
        host::counter_add("relabelled", std::slice::from_ref(&kind), f64::from(rows));
        host::gauge_set("last_rows", &[], f64::from(rows));
        let (text, ends) = CLUSTER.with_borrow(|c| table(&["cluster", c, "debug"]));
        let labels =
            LabelEdit { added: Symbols { text, ends }, assigned: column(&assigned), removed: column(&removed) };
        Ok(series::Verdicts { dropped: column(&dropped), labels: Some(labels) })
    }
}

export!(Plugin);
