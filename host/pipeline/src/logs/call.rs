//! Calling a stage's `logs` with a batch, in calls of bounded size.

use std::ops::Range;

use weir_model::LogBatch;

use super::Stopped;
use super::edits::{rebuild, relabel_lines};
use crate::chain::Stage;
use crate::guest::{
    Allowance, CallError, Interface, LogsBatch, LogsEdit, LogsWanted, MAX_BYTES, MAX_ROWS, OnError, Symbols,
};
use crate::parts::{Parts, Unserved};
use crate::verdict::{Workspace, note};

/// Runs a batch through a stage's `logs`, in calls of bounded size.
pub(super) fn run_logs(
    stage: &Stage,
    wanted: &LogsWanted,
    batch: &mut LogBatch,
    work: &mut Workspace,
) -> Result<(), Stopped> {
    let mut edits: Vec<(u32, LogsEdit)> = vec![];
    let mut start = 0;
    let mut parts = Parts::new(&*stage.guest, Interface::Logs);
    if stage.guest.on_error() == OnError::Stop {
        parts = parts.all_or_none();
    }
    while start < batch.len() {
        let end = chunk_end(batch, start);
        stage.stats.came_in((end - start) as u64);
        let mut dropped = 0;
        let unserved = parts.serve(start..end, |rows, time| {
            let streams_before = batch.streams.len();
            let (first, count) = (rows.start, rows.len() as u64);
            let (mut edit, symbols) = call(stage, wanted, batch, rows, work, time)?;
            relabel_lines(&edit, &symbols, batch, first, work).map_err(|e| {
                batch.streams.truncate(streams_before);
                stage.guest.reject();
                CallError::Answer(e)
            })?;
            note(&mut work.emissions, stage, &mut edit.emitted);
            dropped += (edit.dropped.len() as u64).min(count);
            stage.stats.changed.inc_by(edit.changed.len() as u64);
            edits.push((first as u32, edit));
            Ok(())
        });
        let mut lost = 0;
        for Unserved { rows, error } in unserved {
            stage.stats.unserved(rows.len(), &error);
            match stage.guest.on_error() {
                OnError::Pass => {}
                OnError::Drop => {
                    lost += rows.len() as u64;
                    stage.stats.ended(rows.len() as u64, error.reason(), &mut work.losses);
                    let dropped = (0..rows.len() as u32).collect();
                    edits.push((rows.start as u32, LogsEdit { dropped, ..LogsEdit::default() }));
                }
                OnError::Stop => return Err(Stopped),
            }
        }
        stage.stats.ended(dropped, "filtered", &mut work.losses);
        stage.stats.went_on((end - start) as u64 - dropped - lost);
        start = end;
    }
    edits.sort_by_key(|(start, _)| *start);
    rebuild(batch, &edits);
    Ok(())
}

fn chunk_end(batch: &LogBatch, start: usize) -> usize {
    let first = if start == 0 { 0 } else { batch.ends[start - 1] as usize };
    let most = (start + MAX_ROWS).min(batch.len());
    let fits = batch.ends[start..most].partition_point(|&end| end as usize - first <= MAX_BYTES);
    start + fits.max(1)
}

/// Calls the guest with these rows; the symbols it saw come back with its answer.
fn call(
    stage: &Stage,
    wanted: &LogsWanted,
    batch: &LogBatch,
    rows: Range<usize>,
    work: &mut Workspace,
    time: &mut Allowance,
) -> Result<(LogsEdit, Symbols), CallError> {
    let Range { start, end } = rows;
    let columns = &mut work.columns;
    columns.clear();
    for labels in &batch.streams {
        columns.add(labels.as_labels(), &wanted.labels);
    }
    let sets = std::mem::take(&mut columns.sets);
    if !batch.metadata.is_empty() {
        for labels in &batch.metadata[start..end] {
            columns.add(labels.as_labels(), &wanted.metadata);
        }
    }
    let metadata = std::mem::take(&mut columns.sets);
    let mut set_of_row = vec![];
    if !sets.ends.is_empty() {
        set_of_row.extend((start..end).map(|row| batch.stream_of(row) as u32));
    }
    let first = if start == 0 { 0 } else { batch.ends[start - 1] };
    let (lines, rebased);
    let line_ends: &[u32] = if wanted.lines {
        let last = batch.ends[end - 1];
        lines = batch.text.get(first as usize..last as usize).unwrap_or_default();
        if first == 0 {
            &batch.ends[..end]
        } else {
            rebased = batch.ends[start..end].iter().map(|e| e - first).collect::<Vec<_>>();
            &rebased
        }
    } else {
        lines = "";
        &[]
    };
    let lines = LogsBatch {
        rows: (end - start) as u32,
        symbols: &columns.symbols,
        sets: &sets,
        set_of_row: &set_of_row,
        metadata: &metadata,
        timestamps: if wanted.timestamps { &batch.times[start..end] } else { &[] },
        lines,
        line_ends,
    };
    stage.guest.try_logs(&lines, time).map(|edit| {
        let needed = edit.labels.is_some() || edit.metadata.is_some();
        (edit, if needed { std::mem::take(&mut columns.symbols) } else { Symbols::default() })
    })
}
