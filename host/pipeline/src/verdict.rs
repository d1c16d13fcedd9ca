//! Asking the label-deciding stages about label sets: each set once, in calls of bounded size.

use std::sync::Arc;

use weir_model::{LabelSet, LabelsBuilder};

use crate::chain::Stage;
use crate::columns::ColumnBuilder;
use crate::edit::{EditedSets, SetKind, apply_label_edit};
use crate::guest::{
    CallError, Emission, Guest, Interface, LabelsWanted, MAX_BYTES, MAX_ROWS, OnError, SamplesBatch, SeriesBatch,
    Verdicts,
};
use crate::outputs::PageBuffers;
use crate::parts::{Parts, Unserved};
use crate::samples::Row;
use crate::stats::Losses;

/// What became of a label set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on, with the candidate's labels as they are now.
    Live,
    /// A stage dropped it.
    Dropped {
        /// Which.
        stage: u16,
    },
    /// A stage failed and its policy lets nothing through.
    Failed {
        /// Which.
        stage: u16,
        /// The metrics' word for why.
        reason: &'static str,
        /// Whether records wait rather than end, where they can.
        stop: bool,
    },
}

/// A label set on its way through the stages.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The caller's number for it.
    pub key: u32,
    /// Its labels: at first the input's, then what the stages made of them.
    pub labels: LabelSet,
    /// What became of it.
    pub fate: Fate,
    /// Whether the answer may be kept; one that a failure policy gave may not.
    pub keep: bool,
}

impl Candidate {
    /// A set that no stage has seen.
    pub fn new(key: u32, labels: LabelSet) -> Self {
        Self { key, labels, fate: Fate::Live, keep: true }
    }
}

/// What a page or batch needs besides the stages; as many as are processed at a time, so that a target at rest holds none.
#[derive(Default)]
pub struct Workspace {
    pub(crate) page: PageBuffers,
    pub(crate) rows: Vec<Row>,
    pub(crate) batch: SamplesBatch,
    pub(crate) edited: EditedSets,
    pub(crate) columns: ColumnBuilder,
    pub(crate) labels: LabelsBuilder,
    pub(crate) losses: Losses,
    /// What accepted calls have emitted; it counts once the way through the plugins is over, for a batch may go it again.
    pub(crate) emissions: Vec<(Arc<dyn Guest>, Emission)>,
}

/// Keeps what an accepted call has emitted.
pub(crate) fn note(emissions: &mut Vec<(Arc<dyn Guest>, Emission)>, stage: &Stage, emission: &mut Emission) {
    if !emission.is_empty() {
        emissions.push((stage.guest.clone(), std::mem::take(emission)));
    }
}

/// Has all of it count.
pub(crate) fn emit_all(emissions: &mut Vec<(Arc<dyn Guest>, Emission)>) {
    for (guest, emission) in emissions.drain(..) {
        guest.emit(emission);
    }
}

/// Runs all candidates through `stages` (their numbers count from `first`).
pub fn decide(stages: &[Stage], first: u16, kind: SetKind, candidates: &mut [Candidate], work: &mut Workspace) {
    for (i, stage) in stages.iter().enumerate() {
        let Some(wanted) = &stage.guest.wants().series else { continue };
        decide_stage(stage, first + i as u16, wanted, kind, candidates, work);
    }
}

fn decide_stage(
    stage: &Stage,
    number: u16,
    wanted: &LabelsWanted,
    kind: SetKind,
    candidates: &mut [Candidate],
    work: &mut Workspace,
) {
    let mut live: Vec<&mut Candidate> = candidates.iter_mut().filter(|c| c.fate == Fate::Live).collect();
    let mut rest = live.as_mut_slice();
    let mut parts = Parts::new(&*stage.guest, Interface::Series);
    while !rest.is_empty() {
        let batch = fill(rest, wanted, &mut work.columns);
        let (now, later) = rest.split_at_mut(batch.rows as usize);
        rest = later;
        stage.stats.verdicts.inc_by(now.len() as u64);
        let mut whole = Some(batch);
        let unserved = parts.serve(0..now.len(), |rows, time| {
            let part = now.get_mut(rows).unwrap_or_default();
            let batch = whole.take().unwrap_or_else(|| fill(part, wanted, &mut work.columns));
            let answer = stage.guest.try_relabel(&batch, time);
            let outcome = answer.and_then(|mut v| {
                apply(&v, &batch, kind, part, number, &mut work.labels, stage).map_err(|e| {
                    stage.guest.reject();
                    CallError::Answer(e)
                })?;
                note(&mut work.emissions, stage, &mut v.emitted);
                Ok(())
            });
            work.columns.symbols = batch.symbols;
            work.columns.sets = batch.sets;
            outcome
        });
        for Unserved { rows, error } in unserved {
            stage.stats.unserved(rows.len(), &error);
            for candidate in now.get_mut(rows).unwrap_or_default() {
                candidate.keep = false;
                match stage.guest.on_error() {
                    OnError::Pass => {}
                    policy => {
                        let stop = policy == OnError::Stop;
                        candidate.fate = Fate::Failed { stage: number, reason: error.reason(), stop };
                    }
                }
            }
        }
    }
}

/// Columns for as many of the candidates as one call takes. The builder's buffers travel in the batch; give them back.
fn fill(candidates: &[&mut Candidate], wanted: &LabelsWanted, columns: &mut ColumnBuilder) -> SeriesBatch {
    columns.clear();
    let mut rows = 0;
    for candidate in candidates.iter().take(MAX_ROWS) {
        if rows > 0 && columns.symbols.text.len() > MAX_BYTES {
            break;
        }
        columns.add(candidate.labels.as_labels(), wanted);
        rows += 1;
    }
    SeriesBatch { rows, symbols: std::mem::take(&mut columns.symbols), sets: std::mem::take(&mut columns.sets) }
}

/// Applies an answer to the candidates it is about; all of it or, with an error, nothing.
fn apply(
    verdicts: &Verdicts,
    batch: &SeriesBatch,
    kind: SetKind,
    candidates: &mut [&mut Candidate],
    number: u16,
    builder: &mut LabelsBuilder,
    stage: &Stage,
) -> Result<(), String> {
    let mut changed: Vec<(u32, LabelSet)> = vec![];
    if let Some(edit) = &verdicts.labels {
        apply_label_edit(
            edit,
            &batch.symbols,
            kind,
            |row| candidates.get(row as usize).map(|c| c.labels.as_labels()).unwrap_or_default(),
            |row| verdicts.dropped.binary_search(&row).is_ok(),
            builder,
            |row, labels| changed.push((row, labels.to_owned())),
        )?;
    }
    stage.stats.changed.inc_by(changed.len() as u64);
    for (row, labels) in changed {
        if let Some(candidate) = candidates.get_mut(row as usize) {
            candidate.labels = labels;
        }
    }
    for &row in &verdicts.dropped {
        if let Some(candidate) = candidates.get_mut(row as usize) {
            candidate.fate = Fate::Dropped { stage: number };
        }
    }
    Ok(())
}
