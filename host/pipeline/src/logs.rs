//! Pipelines of log lines.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::sync::Semaphore;
use weir_model::{LabelSet, Labels, LogBatch};
use weir_telemetry::{Account, Signal};

use crate::chain::{Chain, ChainSlot, Stage};
use crate::edit::{RowOps, SetKind, by_row, outcome};
use crate::guest::{CallError, Guest, LogsBatch, LogsEdit, LogsWanted, MAX_BYTES, MAX_ROWS, OnError, Symbols};
use crate::metrics::{processors, run_here, stages_of};
use crate::stats::PipelineStats;
use crate::target::lock;
use crate::verdict::{Candidate, Fate, Workspace, decide};

/// The most stream verdicts a pipeline keeps, over all its stages: some 30 MB where each stream has ten labels. Beyond,
/// it begins anew, which costs each stream one more call.
const MAX_VERDICTS: usize = 100_000;

/// How long a batch waits before it tries a stopped plugin again: short enough that a mended plugin goes on within a second,
/// long enough to cost nothing.
const STOP_PAUSE: Duration = Duration::from_millis(500);

/// Where a pipeline's batches go.
pub trait LogSinks: Send + Sync {
    /// Takes a batch and settles its acknowledgement in time; waits while a queue that blocks is full.
    fn accept(&self, batch: LogBatch) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A pipeline of log lines.
pub struct LogsPipeline {
    name: String,
    chain: ChainSlot,
    sinks: Arc<dyn LogSinks>,
    /// As for samples: one batch a processor at a time.
    permits: Semaphore,
    workspaces: Mutex<Vec<Workspace>>,
    verdicts: Mutex<Verdicts>,
    stats: PipelineStats,
    account: Account,
}

/// Kept verdicts on streams, of one chain.
#[derive(Default)]
struct Verdicts {
    generation: u64,
    /// By stage and the stream's labels before it: those after it, or `None` where it dropped the stream.
    kept: HashMap<(usize, LabelSet), Option<LabelSet>>,
}

/// A stage failed, and its policy is to wait.
struct Stopped;

impl LogsPipeline {
    /// A pipeline that runs `guests` in order.
    pub fn new(name: &str, guests: &[Arc<dyn Guest>], sinks: Arc<dyn LogSinks>, stats: &PipelineStats) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            chain: ChainSlot::new(stages_of(name, guests, stats, Signal::Lines)),
            sinks,
            permits: Semaphore::new(processors()),
            workspaces: Mutex::default(),
            verdicts: Mutex::default(),
            stats: stats.clone(),
            account: stats.account(name, Signal::Lines),
        })
    }

    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts other guests in force, from the next batch on. Says whether anything changed.
    pub fn set_guests(&self, guests: &[Arc<dyn Guest>]) -> bool {
        self.chain.replace(stages_of(&self.name, guests, &self.stats, Signal::Lines))
    }

    /// Takes a batch through the plugins to the sinks. Waits while a plugin is stopped or a sink blocks.
    pub async fn accept(&self, batch: LogBatch) {
        self.account.read.inc_by(batch.len() as u64);
        let mut batch = self.through_plugins(batch).await;
        if batch.is_empty() {
            if let Some(ack) = batch.ack.take() {
                ack.done();
            }
            return;
        }
        self.sinks.accept(batch).await;
    }

    async fn through_plugins(&self, mut batch: LogBatch) -> LogBatch {
        let mut whole: Option<LogBatch> = None;
        loop {
            let permit = self.permits.acquire().await;
            let chain = self.chain.load();
            if whole.is_none() && chain.stages.iter().any(|s| s.guest.on_error() == OnError::Stop) {
                // A stopped batch goes through the chain anew, from what was read.
                whole = Some(copy(&batch));
            }
            let mut work = lock(&self.workspaces).pop().unwrap_or_default();
            let result = run_here(chain.is_slow(), || self.run(&chain, &mut batch, &mut work));
            lock(&self.workspaces).push(work);
            drop(permit);
            match (result, &whole) {
                (Err(Stopped), Some(original)) => {
                    let ack = batch.ack.take();
                    batch = LogBatch { ack, ..copy(original) };
                    tokio::time::sleep(STOP_PAUSE).await;
                }
                (Err(Stopped), None) | (Ok(()), _) => return batch,
            }
        }
    }

    fn run(&self, chain: &Chain, batch: &mut LogBatch, work: &mut Workspace) -> Result<(), Stopped> {
        for (number, stage) in chain.stages.iter().enumerate() {
            if batch.is_empty() {
                break;
            }
            let wants = stage.guest.wants();
            if wants.series.is_some() {
                self.judge_streams(chain, number, stage, batch, work)?;
            }
            if let Some(wanted) = &wants.logs
                && !batch.is_empty()
            {
                run_logs(stage, wanted, batch, work)?;
            }
        }
        Ok(())
    }

    /// Verdicts on the batch's streams, kept ones where there are.
    fn judge_streams(
        &self,
        chain: &Chain,
        number: usize,
        stage: &Stage,
        batch: &mut LogBatch,
        work: &mut Workspace,
    ) -> Result<(), Stopped> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.streams.len());
        let mut candidates = vec![];
        {
            let mut verdicts = lock(&self.verdicts);
            if verdicts.generation != chain.generation || verdicts.kept.len() > MAX_VERDICTS {
                *verdicts = Verdicts { generation: chain.generation, kept: HashMap::new() };
            }
            for (i, labels) in batch.streams.iter().enumerate() {
                outcomes.push(match verdicts.kept.get(&(number, labels.clone())) {
                    Some(Some(labels)) => Outcome::Labels(labels.clone()),
                    Some(None) => Outcome::Ends("verdict"),
                    None => {
                        candidates.push(Candidate::new(i as u32, labels.clone()));
                        Outcome::Ends("verdict")
                    }
                });
            }
        }
        if !candidates.is_empty() {
            decide(std::slice::from_ref(stage), number as u16, SetKind::Stream, &mut candidates, work);
            let mut verdicts = lock(&self.verdicts);
            for candidate in candidates {
                let index = candidate.key as usize;
                let after = match candidate.fate {
                    Fate::Live => Some(candidate.labels),
                    Fate::Dropped { .. } => None,
                    Fate::Failed { stop: true, .. } => return Err(Stopped),
                    Fate::Failed { reason, .. } => {
                        outcomes[index] = Outcome::Ends(reason);
                        continue;
                    }
                };
                if candidate.keep && verdicts.generation == chain.generation {
                    verdicts.kept.insert((number, batch.streams[index].clone()), after.clone());
                }
                outcomes[index] = after.map_or(Outcome::Ends("verdict"), Outcome::Labels);
            }
        }
        let counts_itself = stage.guest.wants().logs.is_none();
        settle_streams(stage, batch, outcomes, counts_itself);
        Ok(())
    }
}

/// The way of one source's batches through all the pipelines it feeds.
#[derive(Clone, Default)]
pub struct LogsRoute(Vec<Arc<LogsPipeline>>);

impl LogsRoute {
    /// A route through these pipelines.
    pub fn new(pipelines: Vec<Arc<LogsPipeline>>) -> Self {
        Self(pipelines)
    }

    /// Hands a batch to every pipeline; done when all have taken it. Its acknowledgement settles when each has.
    pub async fn accept(&self, mut batch: LogBatch) {
        let Some((last, others)) = self.0.split_last() else { return };
        for pipeline in others {
            let mut twin = copy(&batch);
            twin.ack.clone_from(&batch.ack);
            pipeline.accept(twin).await;
        }
        last.accept(std::mem::take(&mut batch)).await;
    }
}

/// What a stream's verdict comes to.
enum Outcome {
    Labels(LabelSet),
    /// Its lines end, for this reason.
    Ends(&'static str),
}

fn settle_streams(stage: &Stage, batch: &mut LogBatch, outcomes: Vec<Outcome>, counts_itself: bool) {
    let rows = batch.len() as u64;
    let mut ended: Vec<(&'static str, u64)> = vec![];
    if outcomes.iter().any(|o| matches!(o, Outcome::Ends(_))) {
        let dropped: Vec<u32> = (0..batch.len() as u32)
            .filter(|&row| match outcomes.get(batch.stream_of(row as usize)) {
                Some(Outcome::Ends(reason)) => {
                    match ended.iter_mut().find(|(r, _)| r == reason) {
                        Some((_, n)) => *n += 1,
                        None => ended.push((reason, 1)),
                    }
                    true
                }
                _ => false,
            })
            .collect();
        rebuild(batch, &[(0, LogsEdit { dropped, ..LogsEdit::default() })]);
    }
    let mut changed = 0;
    for (labels, outcome) in batch.streams.iter_mut().zip(outcomes) {
        if let Outcome::Labels(new) = outcome
            && *labels != new
        {
            *labels = new;
            changed += 1;
        }
    }
    stage.stats.changed.inc_by(changed);
    let lost: u64 = ended.iter().map(|e| e.1).sum();
    for (reason, n) in ended {
        stage.stats.ended(n, reason);
    }
    let came = if counts_itself { rows } else { lost };
    stage.stats.came_in(came);
    stage.stats.went_on(came - lost);
}

/// Runs a batch through a stage's `logs`, in calls of bounded size.
fn run_logs(stage: &Stage, wanted: &LogsWanted, batch: &mut LogBatch, work: &mut Workspace) -> Result<(), Stopped> {
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
                stage.stats.ended(dropped, "filtered");
                stage.stats.went_on(rows - dropped.min(rows));
                stage.stats.changed.inc_by(edit.changed.len() as u64);
                edits.push((start as u32, edit));
            }
            (Err(_), OnError::Pass) => stage.stats.went_on(rows),
            (Err(error), OnError::Drop) => {
                stage.stats.ended(rows, error.reason());
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

/// Applies an answer's label edits to rows from `start`: new streams are appended, rows point to them.
fn relabel_lines(
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
fn rebuild(batch: &mut LogBatch, edits: &[(u32, LogsEdit)]) {
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

/// A copy without the acknowledgement.
fn copy(batch: &LogBatch) -> LogBatch {
    LogBatch {
        streams: batch.streams.clone(),
        stream_of_line: batch.stream_of_line.clone(),
        times: batch.times.clone(),
        text: batch.text.clone(),
        ends: batch.ends.clone(),
        metadata: batch.metadata.clone(),
        ack: None,
    }
}
