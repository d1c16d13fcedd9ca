//! What an answer does to a batch.

use std::ops::Range;

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
        for ops in by_row(labels).filter(|o| !is_dropped(o.row)) {
            let row = start + ops.row as usize;
            let from = batch.stream_of(row);
            if let Some((.., to)) = seen.iter().find(|(s, o, _)| *s == from && o.same_as(&ops)) {
                moves.push((row, *to));
                continue;
            }
            let before = batch.streams.get(from).cloned().unwrap_or_default();
            let after = outcome(&ops, labels, symbols, SetKind::Stream, before.as_labels(), &mut work.labels)?;
            let to = stream_index(batch, after);
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

fn stream_index(batch: &mut LogBatch, labels: Labels<'_>) -> u32 {
    if let Some(known) = batch.streams.iter().position(|s| s.as_labels() == labels) {
        known as u32
    } else {
        batch.streams.push(labels.to_owned());
        batch.streams.len() as u32 - 1
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
