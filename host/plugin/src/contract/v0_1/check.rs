//! A guest's raw answers, checked against the batch, as the pipeline's edits. Pure; whatever the bytes are, the worst that
//! comes out is an error.

use bytemuck::AnyBitPattern;
use weir_model::page::NORMAL_NAN;
use weir_pipeline::guest::{self, LabelsWanted, LogsWanted, SamplesWanted};

use super::bindings::exports::weir::plugin::{logs, samples, series};
use super::bindings::weir::plugin::types;
use crate::contract::is_label_name;
use crate::guest_log::is_obeyed;

/// The most bytes of names and values that an edit may give to the labels of one row. They are kept as long as the series or stream
/// lives; backends take some 30 labels of 2 KiB, and few real sets have 1 KiB.
pub(super) const MAX_LABELS: usize = 16 << 10;

/// The same of structured metadata, which goes with its line: as long as the longest line that Loki takes.
pub(super) const MAX_METADATA: usize = 256 << 10;

/// Labels that are handed over by name: one that reads more gets all.
const MAX_WANTED: usize = 64;

/// The longest name of a label that is: Loki takes 1 KiB.
const MAX_NAME: usize = 1 << 10;

/// Changes to one row: looking for a name among many takes time that is not the guest's.
pub(super) const MAX_CHANGES: usize = 1024;

/// The most bytes that all rows of an answer may be given: a symbol is handed over once and may be written into every row, so a few
/// bytes of an answer could fill any memory.
fn most_bytes(rows: u32) -> usize {
    (1 << 20) + rows as usize * (4 << 10)
}

/// An answer, or what is wrong with it in words for the plugin's author.
pub(super) type Checked<T> = Result<T, String>;

/// Checks the answer of `series.relabel`.
pub(super) fn verdicts(answer: series::Verdicts, batch: &guest::SeriesBatch) -> Checked<guest::Verdicts> {
    Ok(guest::Verdicts {
        dropped: rows(&answer.dropped, batch.rows, "dropped")?,
        labels: answer.labels.map(|e| label_edit(e, batch.rows, &batch.symbols, "labels", MAX_LABELS)).transpose()?,
        ..guest::Verdicts::default()
    })
}

/// Checks the answer of `samples.process`.
pub(super) fn samples_edit(answer: samples::Edit, batch: &guest::SamplesBatch) -> Checked<guest::SamplesEdit> {
    let samples::Edit::Patch(patch) = answer else { return Ok(guest::SamplesEdit::default()) };
    let changed = rows(&patch.changed, batch.rows, "changed")?;
    if let Some(row) = changed.iter().find(|row| batch.kinds.get(**row as usize) != Some(&0)) {
        return Err(format!("changed: row {row} is not of kind 0, and only those have a value to change"));
    }
    let mut values: Vec<f64> = column(&patch.values, "values")?;
    same_count(changed.len(), values.len(), "changed", "values")?;
    // Among the bits of a NaN could be a staleness marker's, which only the host makes.
    for value in &mut values {
        if value.is_nan() {
            *value = NORMAL_NAN;
        }
    }
    Ok(guest::SamplesEdit {
        dropped: rows(&patch.dropped, batch.rows, "dropped")?,
        labels: patch.labels.map(|e| label_edit(e, batch.rows, &batch.symbols, "labels", MAX_LABELS)).transpose()?,
        changed,
        values,
        ..guest::SamplesEdit::default()
    })
}

/// Checks the answer of `logs.process`.
pub(super) fn logs_edit(answer: logs::Edit, batch: &guest::LogsBatch<'_>) -> Checked<guest::LogsEdit> {
    let logs::Edit::Patch(patch) = answer else { return Ok(guest::LogsEdit::default()) };
    let changed = rows(&patch.changed, batch.rows, "changed")?;
    let lines = symbols(patch.lines, "lines")?;
    same_count(changed.len(), lines.len(), "changed", "lines")?;
    Ok(guest::LogsEdit {
        dropped: rows(&patch.dropped, batch.rows, "dropped")?,
        labels: patch.labels.map(|e| label_edit(e, batch.rows, batch.symbols, "labels", MAX_LABELS)).transpose()?,
        metadata: patch
            .metadata
            .map(|e| label_edit(e, batch.rows, batch.symbols, "metadata", MAX_METADATA))
            .transpose()?,
        times: patch.times.map_or(Ok(Vec::new()), |t| times(&t, batch.rows))?,
        changed,
        lines,
        ..guest::LogsEdit::default()
    })
}

/// What `series.wants` answered.
pub(super) fn labels_wanted(wanted: types::LabelsWanted) -> LabelsWanted {
    match wanted {
        types::LabelsWanted::Nothing => LabelsWanted::Nothing,
        types::LabelsWanted::Everything => LabelsWanted::Everything,
        // each label is compared with each of them
        types::LabelsWanted::Named(names) if names.len() > MAX_WANTED => LabelsWanted::Everything,
        types::LabelsWanted::Named(mut names) => {
            // they are shown to operators, and no label that weir takes in has such a name
            names.retain(|name| name.len() <= MAX_NAME && !name.contains(is_obeyed));
            LabelsWanted::Named(names)
        }
    }
}

/// What `samples.wants` answered.
pub(super) fn samples_wanted(wanted: samples::Wanted) -> SamplesWanted {
    SamplesWanted {
        labels: labels_wanted(wanted.labels),
        timestamps: wanted.timestamps,
        start_timestamps: wanted.start_timestamps,
    }
}

/// What `logs.wants` answered.
pub(super) fn logs_wanted(wanted: logs::Wanted) -> LogsWanted {
    LogsWanted {
        labels: labels_wanted(wanted.labels),
        metadata: labels_wanted(wanted.metadata),
        timestamps: wanted.timestamps,
        lines: wanted.lines,
    }
}

fn times(times: &logs::NewTimes, count: u32) -> Checked<Vec<(u32, i64)>> {
    let rows = rows(&times.rows, count, "times.rows")?;
    let stamps: Vec<i64> = column(&times.timestamps, "times.timestamps")?;
    same_count(rows.len(), stamps.len(), "times.rows", "times.timestamps")?;
    Ok(rows.into_iter().zip(stamps).collect())
}

/// `most` bytes may come to one row.
fn label_edit(
    edit: types::LabelEdit,
    count: u32,
    batch: &guest::Symbols,
    what: &str,
    most: usize,
) -> Checked<guest::LabelEdit> {
    let added = symbols(edit.added, what)?;
    let assigned: Vec<[u32; 3]> = column(&edit.assigned, what)?;
    let removed: Vec<[u32; 2]> = column(&edit.removed, what)?;
    ascending(assigned.iter().map(|[row, ..]| *row), count, what)?;
    ascending(removed.iter().map(|[row, _]| *row), count, what)?;
    let table = Table { batch, added: &added };
    for [_, name, value] in &assigned {
        table.exists(*value, what)?;
        table.exists(*name, what)?;
    }
    for [_, name] in &removed {
        table.exists(*name, what)?;
    }
    for changes in removed.chunk_by(|[a, _], [b, _]| a == b) {
        few_changes(changes.len(), changes.first().map(|c| c[0]), what)?;
    }
    let mut all = 0;
    for changes in assigned.chunk_by(|[a, ..], [b, ..]| a == b) {
        let row = changes.first().map(|c| c[0]);
        few_changes(changes.len(), row, what)?;
        let bytes: usize = changes.iter().map(|[_, name, value]| table.bytes(*name) + table.bytes(*value)).sum();
        if bytes > most {
            let row = row.unwrap_or_default();
            return Err(format!("{what}: row {row} gets {bytes} bytes of names and values, and may get {most}"));
        }
        all += bytes;
    }
    if all > most_bytes(count) {
        let most = most_bytes(count);
        return Err(format!("{what}: {count} rows get {all} bytes of names and values, and may get {most}"));
    }
    // Last, for each is read to its end, and there are no more bytes of them than that now.
    let mut names = LegalNames::default();
    for [_, name, _] in &assigned {
        names.check(&table, *name, what)?;
    }
    Ok(guest::LabelEdit { assigned, removed, added })
}

fn few_changes(changes: usize, row: Option<u32>, what: &str) -> Checked<()> {
    if changes <= MAX_CHANGES {
        return Ok(());
    }
    let row = row.unwrap_or_default();
    Err(format!("{what}: row {row} has {changes} changes, and may have {MAX_CHANGES}"))
}

/// The batch's symbols, and after them those that the answer adds.
pub(super) struct Table<'a> {
    pub(super) batch: &'a guest::Symbols,
    pub(super) added: &'a guest::Symbols,
}

impl Table<'_> {
    pub(super) fn exists(&self, symbol: u32, what: &str) -> Checked<()> {
        let count = self.batch.len() + self.added.len();
        if (symbol as usize) < count {
            return Ok(());
        }
        Err(format!("{what}: symbol {symbol}, and there are {count}"))
    }

    /// How many bytes a symbol has; none that there is not.
    pub(super) fn bytes(&self, symbol: u32) -> usize {
        let i = symbol as usize;
        let (table, i) = i.checked_sub(self.batch.len()).map_or((self.batch, i), |i| (self.added, i));
        table.bytes(i as u32).map_or(0, <[u8]>::len)
    }

    pub(super) fn get(&self, symbol: u32) -> Option<&str> {
        let i = symbol as usize;
        i.checked_sub(self.batch.len()).map_or_else(|| self.batch.get(i), |i| self.added.get(i))
    }
}

/// Remembers which symbols have been found to be label names: an answer uses few, in thousands of rows.
#[derive(Default)]
pub(super) struct LegalNames([Option<u32>; 16]);

impl LegalNames {
    pub(super) fn check(&mut self, table: &Table<'_>, symbol: u32, what: &str) -> Checked<()> {
        let Some(seen) = self.0.get_mut(symbol as usize % 16) else { return Ok(()) };
        if *seen == Some(symbol) {
            return Ok(());
        }
        table.exists(symbol, what)?;
        let name = table.get(symbol).unwrap_or_default();
        if name.len() > MAX_NAME || !is_label_name(name) {
            let name = crate::guest_log::tidy(name);
            return Err(format!("{what}: {name:?} is no label name"));
        }
        *seen = Some(symbol);
        Ok(())
    }
}

/// Strings end to end: ends ascend, lie on character boundaries, and the last is the text's.
pub(super) fn symbols(raw: types::SymbolsResult, what: &str) -> Checked<guest::Symbols> {
    let ends: Vec<u32> = column(&raw.ends, what)?;
    let mut last = 0;
    for end in &ends {
        if *end < last || !raw.text.is_char_boundary(*end as usize) {
            return Err(format!("{what}: end {end} after {last} in a text of {} bytes", raw.text.len()));
        }
        last = *end;
    }
    if last as usize != raw.text.len() {
        return Err(format!("{what}: the last end is {last}, and the text has {} bytes", raw.text.len()));
    }
    Ok(guest::Symbols { text: raw.text, ends })
}

/// Rows below `count`, each once, ascending.
fn rows(bytes: &[u8], count: u32, what: &str) -> Checked<Vec<u32>> {
    let rows: Vec<u32> = column(bytes, what)?;
    if let Some([a, b]) = rows.array_windows().find(|[a, b]| a >= b) {
        return Err(format!("{what}: row {b} after row {a}"));
    }
    match rows.last() {
        Some(last) if *last >= count => Err(format!("{what}: row {last}, and there are {count}")),
        _ => Ok(rows),
    }
}

/// Rows below `count`, ascending, any number of times each.
fn ascending(rows: impl Iterator<Item = u32>, count: u32, what: &str) -> Checked<()> {
    let mut last = None;
    for row in rows {
        if last.is_some_and(|last| row < last) {
            return Err(format!("{what}: row {row} after row {}", last.unwrap_or_default()));
        }
        last = Some(row);
    }
    match last {
        Some(last) if last >= count => Err(format!("{what}: row {last}, and there are {count}")),
        _ => Ok(()),
    }
}

pub(super) fn same_count(a: usize, b: usize, what_a: &str, what_b: &str) -> Checked<()> {
    if a == b { Ok(()) } else { Err(format!("{what_a} has {a} rows, and {what_b} {b}")) }
}

/// A column's elements, in one copy. Its bytes come unaligned out of the guest.
pub(super) fn column<T: AnyBitPattern + bytemuck::NoUninit>(bytes: &[u8], what: &str) -> Checked<Vec<T>> {
    if !bytes.len().is_multiple_of(size_of::<T>()) {
        return Err(format!("{what}: {} bytes are no multiple of {}", bytes.len(), size_of::<T>()));
    }
    Ok(bytemuck::pod_collect_to_vec(bytes))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
