//! The stages that look at samples: they run on every page, and what they do to labels holds for that page.

use hashbrown::HashMap;
use rapidhash::fast::RandomState;
use weir_model::page::NORMAL_NAN;
use weir_model::{LabelSet, Labels, LabelsBuilder, STALE_NAN, Sample, Slot};

use crate::chain::{Chain, Stage, Stamp};
use crate::columns::ColumnBuilder;
use crate::edit::{EditedSets, SetKind, apply_label_edit};
use crate::guest::{CallError, Interface, MAX_BYTES, MAX_ROWS, OnError, SamplesBatch, SamplesEdit, SamplesWanted};
use crate::parts::{Parts, Unserved};
use crate::verdict::{Candidate, Fate, Workspace, decide, note};

/// A sample on its way through the stages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) sample: Sample,
    pub(crate) alive: bool,
}

impl Row {
    pub(crate) fn new(sample: Sample) -> Self {
        Self { sample, alive: true }
    }
}

/// A kept verdict of a label-deciding stage behind a stage that looks at samples.
#[derive(Debug)]
enum Verdict {
    Unchanged,
    Changed(LabelSet),
    Dropped,
}

/// How many more verdicts a late label-deciding stage keeps than its target has rows: a plugin that makes new label sets
/// on every page would fill it without end.
const VERDICTS_PER_ROW: usize = 4;

/// What one target keeps for the stages that look at samples.
#[derive(Debug, Default)]
pub(crate) struct SampleStages {
    /// By slot: the hash of the labels before the first of these stages.
    hashes: Vec<u64>,
    /// Kept verdicts by stage number, then by hash of the labels; of this chain only.
    verdicts: HashMap<usize, HashMap<u64, Verdict, RandomState>>,
    hasher: RandomState,
    stamp: Stamp,
}

impl SampleStages {
    pub(crate) fn set_hash(&mut self, slot: Slot, hash: u64) {
        let index = slot as usize;
        if self.hashes.len() <= index {
            self.hashes.resize(index + 1, 0);
        }
        self.hashes[index] = hash;
    }

    pub(crate) fn hash(&self, slot: Slot) -> u64 {
        self.hashes.get(slot as usize).copied().unwrap_or(0)
    }

    /// Runs `rows` through the stages. Rows that end are no longer alive (and are counted); the result has the labels of
    /// rows that changed, and belongs back into the workspace.
    pub(crate) fn run<'a>(
        &mut self,
        chain: &Chain,
        rows: &mut [Row],
        input: impl Fn(Slot) -> Labels<'a> + Copy,
        work: &mut Workspace,
    ) -> EditedSets {
        let mut edited = std::mem::take(&mut work.edited);
        edited.reset(rows.len());
        let stamp = chain.stamp();
        if self.stamp != stamp {
            self.verdicts.clear();
            self.stamp = stamp;
        }
        for (number, stage) in chain.stages.iter().enumerate().skip(chain.samples_from()) {
            let wants = stage.guest.wants();
            if wants.series.is_some() && number >= chain.series_until() {
                self.late_verdicts(stage, number, rows, &mut edited, input, work);
            }
            if let Some(wanted) = &wants.samples {
                look_at_samples(stage, wanted, rows, &mut edited, input, work);
            }
        }
        edited
    }

    fn late_verdicts<'a>(
        &mut self,
        stage: &Stage,
        number: usize,
        rows: &mut [Row],
        edited: &mut EditedSets,
        input: impl Fn(Slot) -> Labels<'a>,
        work: &mut Workspace,
    ) {
        use std::hash::BuildHasher;
        let kept = self.verdicts.entry(number).or_default();
        if kept.len() > rows.len() * VERDICTS_PER_ROW {
            kept.clear();
        }
        let labels_of = |i: usize, row: &Row, edited: &EditedSets| -> LabelSet {
            edited.get(i).unwrap_or_else(|| input(row.sample.slot)).to_owned()
        };
        let mut hashes = Vec::with_capacity(rows.len());
        let mut asked: HashMap<u64, usize, RandomState> = HashMap::default();
        let mut candidates = vec![];
        for (i, row) in rows.iter().enumerate() {
            let hash = match edited.get(i) {
                Some(labels) => self.hasher.hash_one(labels.as_bytes()),
                None => self.hasher.hash_one(input(row.sample.slot).as_bytes()),
            };
            hashes.push(hash);
            if row.alive && !kept.contains_key(&hash) && !asked.contains_key(&hash) {
                asked.insert(hash, candidates.len());
                candidates.push(Candidate::new(i as u32, labels_of(i, row, edited)));
            }
        }
        let inputs: Vec<LabelSet> = candidates.iter().map(|c| c.labels.clone()).collect();
        decide(std::slice::from_ref(stage), number as u16, SetKind::Series, &mut candidates, work);
        let (mut came, mut dropped, mut failed) = (0, 0, 0);
        let mut failure = "error";
        for (i, row) in rows.iter_mut().enumerate().filter(|(_, r)| r.alive) {
            came += 1;
            let hash = hashes.get(i).copied().unwrap_or_default();
            if let Some(&at) = asked.get(&hash) {
                match candidates[at].fate {
                    Fate::Live if candidates[at].labels == inputs[at] => {}
                    Fate::Live => edited.set(i, candidates[at].labels.as_labels()),
                    Fate::Dropped { .. } => {
                        row.alive = false;
                        dropped += 1;
                    }
                    Fate::Failed { reason, stop, .. } => {
                        row.alive = false;
                        failure = if stop { "stopped" } else { reason };
                        failed += 1;
                    }
                }
                continue;
            }
            match kept.get(&hash) {
                Some(Verdict::Changed(labels)) => edited.set(i, labels.as_labels()),
                Some(Verdict::Dropped) => {
                    row.alive = false;
                    dropped += 1;
                }
                Some(Verdict::Unchanged) | None => {}
            }
        }
        for (hash, at) in asked {
            let candidate = &candidates[at];
            if !candidate.keep {
                continue;
            }
            let verdict = match candidate.fate {
                Fate::Live if candidate.labels == inputs[at] => Verdict::Unchanged,
                Fate::Live => Verdict::Changed(candidate.labels.clone()),
                _ => Verdict::Dropped,
            };
            kept.insert(hash, verdict);
        }
        stage.stats.came_in(came);
        stage.stats.went_on(came - dropped - failed);
        stage.stats.ended(dropped, "verdict", &mut work.losses);
        stage.stats.ended(failed, failure, &mut work.losses);
    }
}

fn look_at_samples<'a>(
    stage: &Stage,
    wanted: &SamplesWanted,
    rows: &mut [Row],
    edited: &mut EditedSets,
    input: impl Fn(Slot) -> Labels<'a>,
    work: &mut Workspace,
) {
    let mut batch = std::mem::take(&mut work.batch);
    let alive: Vec<u32> = (0..rows.len() as u32).filter(|&i| rows[i as usize].alive).collect();
    let mut rest = alive.as_slice();
    let mut parts = Parts::new(&*stage.guest, Interface::Samples);
    while !rest.is_empty() {
        let n = fill(&mut batch, &mut work.columns, wanted, rest, rows, |i, slot| {
            edited.get(i).unwrap_or_else(|| input(slot))
        });
        let (now, later) = rest.split_at(n);
        rest = later;
        stage.stats.came_in(n as u64);
        let (mut filled, mut dropped) = (true, 0);
        let unserved = parts.serve(0..n, |part, time| {
            let part = now.get(part).unwrap_or_default();
            if !std::mem::take(&mut filled) {
                let labels = |i, slot| edited.get(i).unwrap_or_else(|| input(slot));
                fill(&mut batch, &mut work.columns, wanted, part, rows, labels);
            }
            let answer = stage.guest.try_samples(&batch, time).and_then(|mut edit| {
                let ended = apply(&edit, &batch, part, rows, edited, &input, &mut work.labels, stage).map_err(|e| {
                    stage.guest.reject();
                    CallError::Answer(e)
                })?;
                note(&mut work.emissions, stage, &mut edit.emitted);
                Ok(ended)
            });
            work.columns.symbols = std::mem::take(&mut batch.symbols);
            work.columns.sets = std::mem::take(&mut batch.sets);
            answer.map(|ended| dropped += ended)
        });
        let mut lost = 0;
        for Unserved { rows: part, error } in unserved {
            let part = now.get(part).unwrap_or_default();
            stage.stats.unserved(part.len(), &error);
            let reason = match stage.guest.on_error() {
                OnError::Pass => continue,
                OnError::Stop => "stopped",
                OnError::Drop => error.reason(),
            };
            for &i in part {
                rows[i as usize].alive = false;
            }
            lost += part.len() as u64;
            stage.stats.ended(part.len() as u64, reason, &mut work.losses);
        }
        stage.stats.ended(dropped, "filtered", &mut work.losses);
        stage.stats.went_on(n as u64 - dropped - lost);
    }
    work.batch = batch;
}

/// Fills a batch with as many of the rows as one call takes and returns how many that is.
fn fill<'a>(
    batch: &mut SamplesBatch,
    columns: &mut ColumnBuilder,
    wanted: &SamplesWanted,
    alive: &[u32],
    rows: &[Row],
    labels: impl Fn(usize, Slot) -> Labels<'a>,
) -> usize {
    columns.clear();
    batch.kinds.clear();
    batch.values.clear();
    batch.timestamps.clear();
    batch.start_timestamps.clear();
    batch.set_of_row.clear();
    let mut n = 0;
    for &i in alive.iter().take(MAX_ROWS) {
        if n > 0 && columns.symbols.text.len() > MAX_BYTES {
            break;
        }
        let sample = rows[i as usize].sample;
        columns.add(labels(i as usize, sample.slot), &wanted.labels);
        batch.kinds.push(0);
        batch.values.push(sample.value);
        if wanted.timestamps {
            batch.timestamps.push(sample.time);
        }
        if wanted.start_timestamps {
            batch.start_timestamps.push(0);
        }
        n += 1;
    }
    batch.rows = n as u32;
    batch.symbols = std::mem::take(&mut columns.symbols);
    batch.sets = std::mem::take(&mut columns.sets);
    n
}

/// Applies an answer to the rows `now` that it is about, whole or not at all. Returns how many it drops.
#[allow(clippy::too_many_arguments)] // the parts of one page, each borrowed on its own
fn apply<'a>(
    edit: &SamplesEdit,
    batch: &SamplesBatch,
    now: &[u32],
    rows: &mut [Row],
    edited: &mut EditedSets,
    input: impl Fn(Slot) -> Labels<'a>,
    builder: &mut LabelsBuilder,
    stage: &Stage,
) -> Result<u64, String> {
    let place = |row: u32| now.get(row as usize).map_or(0, |&i| i as usize);
    if let Some(labels) = &edit.labels {
        let mut changed: Vec<(usize, LabelSet)> = vec![];
        apply_label_edit(
            labels,
            &batch.symbols,
            SetKind::Series,
            |row| {
                let i = place(row);
                edited.get(i).unwrap_or_else(|| input(rows[i].sample.slot))
            },
            |row| edit.dropped.binary_search(&row).is_ok(),
            builder,
            |row, labels| changed.push((place(row), labels.to_owned())),
        )?;
        stage.stats.changed.inc_by(changed.len() as u64);
        for (i, labels) in changed {
            edited.set(i, labels.as_labels());
        }
    }
    for (&row, &value) in edit.changed.iter().zip(&edit.values) {
        // A guest's NaN never ends a series.
        let value = if value.to_bits() == STALE_NAN.to_bits() { NORMAL_NAN } else { value };
        if let Some(row) = rows.get_mut(place(row)) {
            row.sample.value = value;
        }
    }
    stage.stats.changed.inc_by(edit.changed.len() as u64);
    for &row in &edit.dropped {
        if let Some(row) = rows.get_mut(place(row)) {
            row.alive = false;
        }
    }
    Ok(edit.dropped.len() as u64)
}
