//! What an answer does to a batch.

use std::ops::Range;

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rapidhash::fast::RandomState;
use weir_model::{LabelSet, Labels, LogBatch};

use crate::edit::{RowOps, SetKind, by_row, outcome};
use crate::guest::{LogsEdit, Symbols};
use crate::verdict::Workspace;

/// Applies an answer's label edits to rows from `start`: new streams are appended, rows point to them.
pub(super) fn relabel_lines(
    edit: &LogsEdit,
    symbols: &Symbols,
    batch: &mut LogBatch,
    start: usize,
    work: &mut Workspace,
) -> Result<(), String> {
    let is_dropped = |row: u32| edit.dropped.binary_search(&row).is_ok();
    if let Some(labels) = &edit.labels {
        let mut moves: Vec<(usize, u32)> = vec![];
        // Neighbouring lines mostly get the same change: its outcome is looked for among the last few.
        let mut seen: Vec<(usize, RowOps<'_>, u32)> = vec![];
        let mut known = Known::default();
        for ops in by_row(labels).filter(|o| !is_dropped(o.row)) {
            let row = start + ops.row as usize;
            let from = batch.stream_of(row);
            if let Some((.., to)) = seen.iter().find(|(s, o, _)| *s == from && o.same_as(&ops)) {
                moves.push((row, *to));
                continue;
            }
            let before = batch.streams.get(from).cloned().unwrap_or_default();
            let after = outcome(&ops, labels, symbols, SetKind::Stream, before.as_labels(), &mut work.labels)?;
            let to = known.index(batch, after);
            if seen.len() < 16 {
                seen.push((from, ops, to));
            }
            moves.push((row, to));
        }
        if !moves.is_empty() && batch.stream_of_line.is_empty() {
            batch.stream_of_line.resize(batch.len(), 0);
        }
        for (row, to) in moves {
            batch.stream_of_line[row] = to;
        }
    }
    if let Some(metadata) = &edit.metadata {
        let mut changed: Vec<(usize, LabelSet)> = vec![];
        for ops in by_row(metadata).filter(|o| !is_dropped(o.row)) {
            let row = start + ops.row as usize;
            let before = batch.metadata.get(row).cloned().unwrap_or_default();
            let after = outcome(&ops, metadata, symbols, SetKind::Metadata, before.as_labels(), &mut work.labels)?;
            changed.push((row, after.to_owned()));
        }
        if !changed.is_empty() && batch.metadata.is_empty() {
            batch.metadata.resize(batch.len(), LabelSet::default());
        }
        for (row, labels) in changed {
            batch.metadata[row] = labels;
        }
    }
    Ok(())
}

/// Streams among which one is found sooner by looking at each.
const FEW: usize = 16;

/// Where the streams of a batch are, once they are many: a plugin may make one of each line, and looking at each of them for each takes the
/// square of their number, on a thread of weir's.
#[derive(Default)]
struct Known {
    /// Indexes of the first streams, by their labels' hash.
    table: HashTable<u32>,
    hasher: RandomState,
    /// How many are in the table.
    first: usize,
}

impl Known {
    /// The stream of these labels, made where there is none.
    fn index(&mut self, batch: &mut LogBatch, labels: Labels<'_>) -> u32 {
        let streams = &mut batch.streams;
        let found = if streams.len() <= FEW {
            streams.iter().position(|s| s.as_labels() == labels).map(|i| i as u32)
        } else {
            let Self { table, hasher, first } = self;
            let hash_of = |i: &u32| streams.get(*i as usize).map_or(0, |s| hasher.hash_one(s.as_labels()));
            for i in *first..streams.len() {
                let i = i as u32;
                table.insert_unique(hash_of(&i), i, hash_of);
            }
            *first = streams.len();
            let is_it = |i: &u32| streams.get(*i as usize).is_some_and(|s| s.as_labels() == labels);
            table.find(hasher.hash_one(labels), is_it).copied()
        };
        found.unwrap_or_else(|| {
            streams.push(labels.to_owned());
            streams.len() as u32 - 1
        })
    }
}

/// Applies the drops, new lines and new times of edits, each with the row it begins at, ascending.
pub(super) fn rebuild(batch: &mut LogBatch, edits: &[(u32, LogsEdit)]) {
    for (start, edit) in edits {
        for &(row, time) in &edit.times {
            if let Some(t) = batch.times.get_mut((start + row) as usize) {
                *t = time;
            }
        }
    }
    if edits.iter().all(|(_, e)| e.dropped.is_empty() && e.changed.is_empty()) {
        return;
    }
    let mut old = std::mem::take(batch);
    let mut new = LogBatch {
        streams: std::mem::take(&mut old.streams),
        ack: old.ack.take(),
        text: String::with_capacity(old.text.len() + 256),
        ends: Vec::with_capacity(old.len()),
        times: Vec::with_capacity(old.len()),
        ..LogBatch::default()
    };
    let mut dropped = edits.iter().flat_map(|(s, e)| e.dropped.iter().map(move |r| s + r)).peekable();
    let mut changed = edits
        .iter()
        .flat_map(|(s, e)| e.changed.iter().enumerate().map(move |(i, r)| (s + r, e.lines.get(i).unwrap_or_default())))
        .peekable();
    // Lines between two that change go over in one piece.
    let mut untouched = 0;
    loop {
        let next_dropped = dropped.peek().map_or(old.len(), |&row| row as usize);
        let next_changed = changed.peek().map_or(old.len(), |&(row, _)| row as usize);
        let row = next_dropped.min(next_changed).min(old.len());
        append(&mut new, &mut old, untouched..row);
        if row == old.len() {
            break;
        }
        let replaced = changed.next_if(|&(r, _)| r as usize == row).map(|(_, line)| line);
        if dropped.next_if(|&r| r as usize == row).is_none() {
            match replaced {
                Some(line) => append_replaced(&mut new, &mut old, row, line),
                None => append(&mut new, &mut old, row..row + 1),
            }
        }
        untouched = row + 1;
    }
    *batch = new;
}

/// Moves lines to the end of another batch.
fn append(to: &mut LogBatch, from: &mut LogBatch, rows: Range<usize>) {
    let Some((first, last)) = rows
        .start
        .checked_sub(1)
        .map_or(Some(0), |row| from.ends.get(row).copied())
        .zip(rows.end.checked_sub(1).and_then(|row| from.ends.get(row).copied()))
    else {
        return;
    };
    let start = to.text.len() as u32;
    to.text.push_str(from.text.get(first as usize..last as usize).unwrap_or_default());
    to.ends.extend(from.ends[rows.clone()].iter().map(|end| end - first + start));
    append_columns(to, from, rows);
}

/// Moves a line whose text is now another.
fn append_replaced(to: &mut LogBatch, from: &mut LogBatch, row: usize, line: &str) {
    to.text.push_str(line);
    to.ends.push(to.text.len() as u32);
    append_columns(to, from, row..row + 1);
}

fn append_columns(to: &mut LogBatch, from: &mut LogBatch, rows: Range<usize>) {
    to.times.extend_from_slice(&from.times[rows.clone()]);
    if !from.stream_of_line.is_empty() {
        to.stream_of_line.extend_from_slice(&from.stream_of_line[rows.clone()]);
    }
    if !from.metadata.is_empty() {
        to.metadata.extend(from.metadata[rows].iter_mut().map(std::mem::take));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_found_among_few_and_among_many() {
        let set = |n: usize| -> LabelSet { [("line", n.to_string().as_str())].iter().collect() };
        let (mut batch, mut known) = (LogBatch::default(), Known::default());
        for n in 0..500 {
            assert_eq!(known.index(&mut batch, set(n).as_labels()), n as u32);
            for before in [0, n / 2, n] {
                assert_eq!(known.index(&mut batch, set(before).as_labels()), before as u32);
            }
        }
        assert_eq!(batch.streams.len(), 500);
        // another call finds those of the one before
        assert_eq!(Known::default().index(&mut batch, set(321).as_labels()), 321);
    }
}
