//! All three interfaces, each changing all that it can: what comes back is checked by the host's tests.

wit_bindgen::generate!({ path: "../../../../wit/v0.1.0", world: "plugin", generate_all });

use std::collections::HashMap;

use exports::weir::plugin::{lifecycle, logs, samples, series};
use guests::{column, f64s, floats, strings, table, u32s};
use weir::plugin::types::{LabelEdit, LabelSets, LabelsWanted, Symbols};

struct Plugin;

impl lifecycle::Guest for Plugin {
    fn configure(_json: String) -> Result<(), String> {
        // Pulls in the seed and the environment, as any program may.
        let seen: HashMap<&str, u32> = [("a", 1), ("b", 2)].into();
        assert_eq!(seen.len(), 2);
        assert_eq!(std::env::vars().count() + std::env::args().count(), 0);
        assert_eq!(std::io::read_to_string(std::io::stdin()).unwrap(), "");
        Ok(())
    }
}

impl series::Guest for Plugin {
    fn wants() -> LabelsWanted {
        LabelsWanted::Nothing
    }

    fn relabel(rows: u32, symbols: Symbols, sets: LabelSets) -> Result<series::Verdicts, String> {
        assert!(symbols.text.is_empty() && sets.pairs.is_empty() && sets.ends.is_empty());
        let odd: Vec<u32> = (0..rows).filter(|r| r % 2 == 1).collect();
        Ok(series::Verdicts { dropped: column(&odd), labels: None })
    }
}

impl samples::Guest for Plugin {
    fn wants() -> samples::Wanted {
        samples::Wanted { labels: LabelsWanted::Everything, timestamps: true, start_timestamps: false }
    }

    /// Doubles floats, drops negative ones, names the unit of row 0.
    fn process(b: samples::Batch) -> Result<samples::Edit, String> {
        if b.rows == 0 {
            return Ok(samples::Edit::Unchanged);
        }
        assert_eq!(b.timestamps.len(), b.rows as usize * 8);
        assert!(b.start_timestamps.is_empty());
        let (mut dropped, mut changed, mut values) = (vec![], vec![], vec![]);
        for ((row, value), kind) in (0..).zip(f64s(&b.values)).zip(&b.kinds) {
            match kind {
                0 if value < 0.0 => dropped.push(row),
                0 => {
                    changed.push(row);
                    values.push(value * 2.0);
                }
                _ => {}
            }
        }
        let (text, ends) = table(&["unit", "s"]);
        let first = u32s(&b.symbols.ends).count() as u32;
        let labels =
            LabelEdit { added: Symbols { text, ends }, assigned: column(&[0, first, first + 1]), removed: vec![] };
        Ok(samples::Edit::Patch(samples::Patch {
            dropped: column(&dropped),
            labels: Some(labels),
            changed: column(&changed),
            values: floats(&values),
        }))
    }
}

impl logs::Guest for Plugin {
    fn wants() -> logs::Wanted {
        logs::Wanted {
            labels: LabelsWanted::Named(vec!["job".to_owned()]),
            metadata: LabelsWanted::Everything,
            timestamps: true,
            lines: true,
        }
    }

    /// Drops empty lines, shouts the others, and gives each the level, a stream label and the time 1.
    fn process(b: logs::Batch) -> Result<logs::Edit, String> {
        let (mut dropped, mut changed, mut new, mut assigned) = (vec![], vec![], vec![], vec![]);
        let first = u32s(&b.symbols.ends).count() as u32;
        for (row, line) in (0..).zip(strings(&b.lines.text, &b.lines.ends)) {
            if line.is_empty() {
                dropped.push(row);
            } else {
                changed.push(row);
                new.push(line.to_uppercase());
                assigned.extend([row, first, first + 1]);
            }
        }
        let edit = || {
            let (text, ends) = table(&["level", "info"]);
            Some(LabelEdit { added: Symbols { text, ends }, assigned: column(&assigned), removed: vec![] })
        };
        let (text, ends) = table(&new.iter().map(String::as_str).collect::<Vec<_>>());
        let stamps = changed.iter().flat_map(|_| 1_i64.to_le_bytes()).collect();
        Ok(logs::Edit::Patch(logs::Patch {
            dropped: column(&dropped),
            labels: edit(),
            metadata: edit(),
            times: Some(logs::NewTimes { rows: column(&changed), timestamps: stamps }),
            changed: column(&changed),
            lines: Symbols { text, ends },
        }))
    }
}

export!(Plugin);
