//! Calling a stage's `logs` with a batch, in calls of bounded size.

use weir_model::LogBatch;

use super::Stopped;
use super::edits::{rebuild, relabel_lines};
use crate::chain::Stage;
use crate::guest::{CallError, LogsBatch, LogsEdit, LogsWanted, MAX_BYTES, MAX_ROWS, OnError, Symbols};
use crate::verdict::Workspace;

/// Runs a batch through a stage's `logs`, in calls of bounded size.
pub(super) fn run_logs(
    stage: &Stage,
    wanted: &LogsWanted,
    batch: &mut LogBatch,
    work: &mut Workspace,
) -> Result<(), Stopped> {
    let mut edits: Vec<(u32, LogsEdit)> = vec![];
    let mut start = 0;
    while start < batch.len() {
        let end = chunk_end(batch, start);
        let rows = (end - start) as u64;
        stage.stats.came_in(rows);
        let streams_before = batch.streams.len();
        let answer = call(stage, wanted, batch, start, end, work).and_then(|(edit, symbols)| {
            relabel_lines(&edit, &symbols, batch, start, work).map_err(|e| {
                batch.streams.truncate(streams_before);
                stage.guest.reject(&e);
                CallError::Answer(e)
            })?;
            Ok(edit)
        });
        match (answer, stage.guest.on_error()) {
            (Ok(edit), _) => {
                let dropped = edit.dropped.len() as u64;
                stage.stats.ended(dropped, "filtered", &mut work.losses);
                stage.stats.went_on(rows - dropped.min(rows));
                stage.stats.changed.inc_by(edit.changed.len() as u64);
                edits.push((start as u32, edit));
            }
            (Err(_), OnError::Pass) => stage.stats.went_on(rows),
            (Err(error), OnError::Drop) => {
                stage.stats.ended(rows, error.reason(), &mut work.losses);
                let dropped = (0..rows as u32).collect();
                edits.push((start as u32, LogsEdit { dropped, ..LogsEdit::default() }));
            }
            (Err(_), OnError::Stop) => return Err(Stopped),
        }
        start = end;
    }
    rebuild(batch, &edits);
    Ok(())
}

fn chunk_end(batch: &LogBatch, start: usize) -> usize {
    let first = if start == 0 { 0 } else { batch.ends[start - 1] as usize };
    let most = (start + MAX_ROWS).min(batch.len());
    let fits = batch.ends[start..most].partition_point(|&end| end as usize - first <= MAX_BYTES);
    start + fits.max(1)
}

/// Calls the guest with rows `start..end`; the symbols it saw come back with its answer.
fn call(
    stage: &Stage,
    wanted: &LogsWanted,
    batch: &LogBatch,
    start: usize,
    end: usize,
    work: &mut Workspace,
) -> Result<(LogsEdit, Symbols), CallError> {
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
    let answer = stage.guest.logs(&LogsBatch {
        rows: (end - start) as u32,
        symbols: &columns.symbols,
        sets: &sets,
        set_of_row: &set_of_row,
        metadata: &metadata,
        timestamps: if wanted.timestamps { &batch.times[start..end] } else { &[] },
        lines,
        line_ends,
    });
    answer.map(|edit| {
        let needed = edit.labels.is_some() || edit.metadata.is_some();
        (edit, if needed { std::mem::take(&mut columns.symbols) } else { Symbols::default() })
    })
}
