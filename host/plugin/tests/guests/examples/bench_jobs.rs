//! The jobs of `benches/contract.rs`. Series: by `mode`, `filter` drops `env="debug"` and reads nothing else; `relabel` sets
//! `cluster` and renames `pod`. Logs: lines with `DEBUG` are dropped, mail addresses are blotted out.

wit_bindgen::generate!({ path: "../../../../wit/v0.1.0", world: "plugin", generate_all });

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use exports::weir::plugin::{lifecycle, logs, samples, series};
use guests::{strings, table, u32s};
use memchr::{memchr, memmem};
use weir::plugin::types::{LabelEdit, LabelSets, LabelsWanted, Symbols};

struct Plugin;

static FILTER: AtomicBool = AtomicBool::new(false);

impl lifecycle::Guest for Plugin {
    fn configure(json: String) -> Result<(), String> {
        FILTER.store(json.contains("filter"), Relaxed);
        Ok(())
    }
}

fn symbol(symbols: &Symbols, wanted: &str) -> u32 {
    strings(&symbols.text, &symbols.ends).position(|s| s == wanted).map_or(u32::MAX, |i| i as u32)
}

fn filter(symbols: &Symbols, sets: &LabelSets) -> Vec<u8> {
    let pair = [symbol(symbols, "env"), symbol(symbols, "debug")];
    let pairs = sets.pairs.as_chunks::<8>().0;
    let wanted = u64::from(pair[1]) << 32 | u64::from(pair[0]);
    let (mut dropped, mut start) = (Vec::new(), 0);
    for (row, end) in (0_u32..).zip(u32s(&sets.ends)) {
        let set = &pairs[start..end as usize];
        start = end as usize;
        if set.iter().any(|p| u64::from_le_bytes(*p) == wanted) {
            dropped.extend(row.to_le_bytes());
        }
    }
    dropped
}

fn relabel(symbols: &Symbols, sets: &LabelSets) -> LabelEdit {
    let first = (symbols.ends.len() / 4) as u32;
    let pod = symbol(symbols, "pod");
    let (text, ends) = table(&["cluster", "eu-1", "pod_name"]);
    let rows = sets.ends.len() / 4;
    let (mut assigned, mut removed) = (Vec::with_capacity(rows * 24), Vec::with_capacity(rows * 8));
    let pairs = sets.pairs.as_chunks::<8>().0;
    let mut start = 0;
    for (row, end) in (0_u32..).zip(u32s(&sets.ends)) {
        assigned.extend(column3(row, first, first + 1));
        let set = &pairs[start..end as usize];
        start = end as usize;
        let of_pod = set.iter().map(|p| u64::from_le_bytes(*p)).find(|p| *p as u32 == pod);
        if let Some(pair) = of_pod {
            assigned.extend(column3(row, first + 2, (pair >> 32) as u32));
            removed.extend((u64::from(pod) << 32 | u64::from(row)).to_le_bytes());
        }
    }
    LabelEdit { added: Symbols { text, ends }, assigned, removed }
}

fn column3(a: u32, b: u32, c: u32) -> [u8; 12] {
    let mut out = [0; 12];
    out[..4].copy_from_slice(&a.to_le_bytes());
    out[4..8].copy_from_slice(&b.to_le_bytes());
    out[8..].copy_from_slice(&c.to_le_bytes());
    out
}

impl series::Guest for Plugin {
    fn wants() -> LabelsWanted {
        if FILTER.load(Relaxed) { LabelsWanted::Named(vec!["env".to_owned()]) } else { LabelsWanted::Everything }
    }

    fn relabel(_: u32, symbols: Symbols, sets: LabelSets) -> Result<series::Verdicts, String> {
        Ok(if FILTER.load(Relaxed) {
            series::Verdicts { dropped: filter(&symbols, &sets), labels: None }
        } else {
            series::Verdicts { dropped: vec![], labels: Some(relabel(&symbols, &sets)) }
        })
    }
}

impl samples::Guest for Plugin {
    fn wants() -> samples::Wanted {
        samples::Wanted { labels: LabelsWanted::Nothing, timestamps: false, start_timestamps: false }
    }

    fn process(_: samples::Batch) -> Result<samples::Edit, String> {
        Ok(samples::Edit::Unchanged)
    }
}

fn word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+')
}

/// Appends `line` with its mail addresses replaced; false, and nothing appended, where there is none.
fn redact(line: &str, out: &mut String) -> bool {
    let bytes = line.as_bytes();
    let (mut from, mut at, mut hit) = (0, 0, false);
    while let Some(i) = memchr(b'@', &bytes[at..]) {
        let sign = at + i;
        let start = bytes[from..sign].iter().rposition(|c| !word(*c)).map_or(from, |i| from + i + 1);
        let end = bytes[sign + 1..].iter().position(|c| !word(*c)).map_or(bytes.len(), |i| sign + 1 + i);
        if start < sign && bytes[sign + 1..end].contains(&b'.') {
            out.push_str(&line[from..start]);
            out.push_str("<email>");
            from = end;
            hit = true;
        }
        at = end;
    }
    if hit {
        out.push_str(&line[from..]);
    }
    hit
}

impl logs::Guest for Plugin {
    fn wants() -> logs::Wanted {
        logs::Wanted { labels: LabelsWanted::Nothing, metadata: LabelsWanted::Nothing, timestamps: false, lines: true }
    }

    fn process(b: logs::Batch) -> Result<logs::Edit, String> {
        let debug = memmem::Finder::new("DEBUG");
        let (mut dropped, mut changed, mut text, mut ends) = (vec![], vec![], String::new(), vec![]);
        for (row, line) in (0_u32..).zip(strings(&b.lines.text, &b.lines.ends)) {
            if debug.find(line.as_bytes()).is_some() {
                dropped.extend(row.to_le_bytes());
            } else if redact(line, &mut text) {
                changed.extend(row.to_le_bytes());
                ends.extend((text.len() as u32).to_le_bytes());
            }
        }
        let lines = Symbols { text, ends };
        Ok(logs::Edit::Patch(logs::Patch { dropped, labels: None, metadata: None, times: None, changed, lines }))
    }
}

export!(Plugin);
