//! One target in one pipeline: verdicts at a series' birth, sample plugins on each page, staleness behind them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weir_model::{LabelStore, Labels, Metadata, Page, Slot, TargetSink};
use weir_telemetry::Passage;

use crate::chain::Chain;
use crate::edit::SetKind;
use crate::metrics::MetricsPipeline;
use crate::outputs::Outputs;
use crate::samples::{Row, SampleStages};
use crate::stats::Losses;
use crate::verdict::{Candidate, Fate, Workspace, decide, emit_all};
use crate::writers::Writers;

/// Where a slot's samples go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// No such slot.
    Free,
    /// To this output; in a pipeline with sample plugins, to whatever output the last page led to.
    Output(Slot),
    /// In a pipeline with sample plugins: alive, not written yet.
    Unwritten,
    /// Nowhere: the stage of this number dropped the series.
    Dropped(u16),
    /// Nowhere on this page; asked again on the next.
    Undecided,
}

/// A series without a verdict that may be kept.
struct Pending {
    labels: weir_model::LabelSet,
    metadata: Option<Arc<Metadata>>,
    /// The stage and the reason that this page's samples are counted under, where they end here.
    counted: Option<(Option<u16>, &'static str)>,
}

/// See the [module](self).
pub(crate) struct TargetPipeline {
    pipeline: Arc<MetricsPipeline>,
    /// What the next page passes through. Let go of behind it: a plugin that was replaced ends when no page is under way any
    /// more, not when the last target has been scraped again.
    chain: Option<Arc<Chain>>,
    /// The plugin whose place the pages begin behind.
    behind: Option<Arc<str>>,
    sink_generation: u64,
    /// That of the sinks for the next page.
    pinned_generation: u64,
    /// The chain or the sinks changed: slots start over with the next page.
    restart: bool,
    sink: Box<dyn TargetSink>,
    outputs: Arc<Mutex<Outputs>>,
    routes: Vec<Route>,
    pending: BTreeMap<Slot, Pending>,
    /// Labels behind the label-deciding stages; kept only where sample plugins read them on each page.
    inputs: LabelStore,
    /// What is known of each series, by slot; kept where the labels are.
    known: Vec<Option<Arc<Metadata>>>,
    samples: SampleStages,
    last_time: i64,
}

impl TargetPipeline {
    pub(crate) fn new(pipeline: Arc<MetricsPipeline>, target: u64, behind: Option<Arc<str>>) -> Self {
        let (sink_generation, sink) = pipeline.open_sink(target);
        let outputs = pipeline.writers.new_outputs(sink.sinks());
        Self {
            chain: None,
            behind,
            sink_generation,
            pinned_generation: sink_generation,
            restart: false,
            sink,
            outputs,
            routes: vec![],
            pending: BTreeMap::new(),
            inputs: LabelStore::default(),
            known: vec![],
            samples: SampleStages::default(),
            last_time: 0,
            pipeline,
        }
    }

    /// Settles what the next page passes through. The number changes when slots start over.
    pub(crate) fn pin(&mut self) -> u64 {
        let chain = self.pipeline.chain.load();
        let chain = chain.behind(self.behind.as_deref());
        let stamp = chain.stamp();
        self.chain = Some(chain);
        self.pinned_generation = self.pipeline.sink_generation();
        stamp.mixed().wrapping_add(self.pinned_generation << 32)
    }

    pub(crate) fn writers(&self) -> &Arc<Writers> {
        &self.pipeline.writers
    }

    /// Slots start over with the next page.
    pub(crate) fn restart(&mut self) {
        self.restart = true;
    }

    /// Takes a page, whose samples are in `passage`.
    pub(crate) fn accept(
        &mut self,
        page: &Page<'_>,
        mut passage: Passage,
        work: &mut Workspace,
        scratch: &mut Vec<u8>,
    ) {
        let pinned = self.chain.take();
        let chain = pinned.unwrap_or_else(|| self.pipeline.chain.load().behind(self.behind.as_deref()));
        let shared = self.outputs.clone();
        let outputs = &mut *lock(&shared);
        // Other sinks know no output of before: a new table, whose every output is born to them.
        let former = (self.pinned_generation != self.sink_generation).then(|| {
            self.sink_generation = self.pinned_generation;
            std::mem::replace(outputs, self.pipeline.writers.empty_outputs())
        });
        outputs.lend(&mut work.page);
        if std::mem::take(&mut self.restart) {
            outputs.release_all();
            self.routes.clear();
            self.pending.clear();
            self.inputs.clear();
            self.known = vec![];
        }
        self.bury(page.deaths, outputs);
        self.describe(page, outputs);
        self.decide_births(&chain, page, outputs, work, scratch);
        if chain.samples_from() < chain.stages.len() {
            self.write_through_samples(&chain, page, outputs, work, scratch);
        } else {
            self.write_directly(&chain, page, outputs, &mut work.losses);
        }
        work.losses.settle(&mut passage);
        emit_all(&mut work.emissions);
        let (sink, writers) = (&mut self.sink, &self.pipeline.writers);
        let renewed = former.is_some();
        let finished = outputs.finish_page(page.time, |page| {
            writers.page(page, sink.as_mut(), |sink| match &former {
                None => sink.accept(page),
                Some(former) => sink.renew(page, &|slot| former.is_unmarked(slot)),
            })
        });
        if renewed {
            outputs.sinks = sink.sinks();
        }
        finished.book(&mut passage);
        outputs.lend(&mut work.page);
        passage.end();
        self.last_time = page.time;
    }

    /// No more pages come. The series are held from now on, see [`Writers`](crate::Writers); the number is that of
    /// [`Writers::hold`](crate::Writers). `interval` is what the target was scraped at.
    pub(crate) fn leave(self, interval: Duration) -> Option<u64> {
        if self.last_time == 0 {
            return None;
        }
        let Self { pipeline, outputs, sink, last_time, .. } = self;
        pipeline.writers.hold(&outputs, sink, last_time + interval.as_millis() as i64)
    }

    fn bury(&mut self, deaths: &[Slot], outputs: &mut Outputs) {
        for &slot in deaths {
            self.go_over(slot, Route::Free, outputs);
            self.pending.remove(&slot);
            self.inputs.remove(slot);
            if let Some(known) = self.known.get_mut(slot as usize) {
                *known = None;
            }
        }
    }

    /// Takes in what the page says of series that live already.
    fn describe(&mut self, page: &Page<'_>, outputs: &mut Outputs) {
        for (slot, metadata) in page.births.described() {
            if let Route::Output(output) = self.route(*slot) {
                outputs.describe(output, metadata);
            }
            if let Some(pending) = self.pending.get_mut(slot) {
                pending.metadata = Some(metadata.clone());
            }
            if let Some(known) = self.known.get_mut(*slot as usize) {
                *known = Some(metadata.clone());
            }
        }
    }

    fn decide_births(
        &mut self,
        chain: &Chain,
        page: &Page<'_>,
        outputs: &mut Outputs,
        work: &mut Workspace,
        scratch: &mut Vec<u8>,
    ) {
        let again =
            std::mem::take(&mut self.pending).into_iter().map(|(slot, p)| (Candidate::new(slot, p.labels), p.metadata));
        let births = page.births.iter().zip(page.births.metadata());
        let born = births.map(|((slot, labels), known)| (Candidate::new(slot, labels.to_owned()), known.cloned()));
        let (mut candidates, known): (Vec<Candidate>, Vec<_>) = again.chain(born).unzip();
        if candidates.is_empty() {
            return;
        }
        let inputs: Vec<_> = candidates.iter().map(|c| c.labels.clone()).collect();
        decide(&chain.stages[..chain.series_until()], 0, SetKind::Series, &mut candidates, work);
        let reads_labels = chain.samples_from() < chain.stages.len();
        for ((candidate, input), metadata) in candidates.into_iter().zip(inputs).zip(known) {
            self.place(&candidate, input, metadata, reads_labels, outputs);
        }
        if reads_labels {
            self.inputs.settle(scratch);
        }
    }

    /// Gives a decided series its route.
    fn place(
        &mut self,
        decided: &Candidate,
        input: weir_model::LabelSet,
        metadata: Option<Arc<Metadata>>,
        reads_labels: bool,
        outputs: &mut Outputs,
    ) {
        let slot = decided.key;
        let labels = decided.labels.as_labels();
        let mut counted = None;
        let route = match decided.fate {
            Fate::Live if reads_labels => {
                self.inputs.insert(slot, labels);
                if self.known.len() <= slot as usize {
                    self.known.resize(slot as usize + 1, None);
                }
                self.known[slot as usize].clone_from(&metadata);
                self.samples.set_hash(slot, outputs.hash(labels));
                match self.route(slot) {
                    kept @ Route::Output(_) => kept,
                    _ => Route::Unwritten,
                }
            }
            Fate::Live => {
                if let Ok(output) = outputs.claim(slot, outputs.hash(labels), labels, metadata.as_ref()) {
                    Route::Output(output)
                } else {
                    counted = Some((None, "duplicate"));
                    Route::Undecided
                }
            }
            Fate::Dropped { stage } => Route::Dropped(stage),
            Fate::Failed { stage, reason, stop } => {
                counted = Some((Some(stage), if stop { "stopped" } else { reason }));
                Route::Undecided
            }
        };
        if !decided.keep || counted.is_some() {
            self.pending.insert(slot, Pending { labels: input, metadata, counted });
        }
        self.go_over(slot, route, outputs);
    }

    /// Changes a slot's route; the output it leaves is released.
    fn go_over(&mut self, slot: Slot, to: Route, outputs: &mut Outputs) {
        let index = slot as usize;
        if self.routes.len() <= index {
            self.routes.resize(index + 1, Route::Free);
        }
        let from = std::mem::replace(&mut self.routes[index], to);
        if let Route::Output(output) = from
            && from != to
        {
            outputs.release(output);
        }
    }

    fn route(&self, slot: Slot) -> Route {
        self.routes.get(slot as usize).copied().unwrap_or(Route::Free)
    }

    /// The common way: every plugin decides by labels, so a sample is a look-up of its output.
    fn write_directly(&mut self, chain: &Chain, page: &Page<'_>, outputs: &mut Outputs, losses: &mut Losses) {
        let mut tally = Tally::new(chain.stages.len());
        for sample in page.samples {
            match self.route(sample.slot) {
                Route::Output(output) => outputs.write(output, sample),
                Route::Dropped(stage) => tally.dropped(stage),
                Route::Undecided => tally.undecided(self.pending.get(&sample.slot)),
                Route::Free | Route::Unwritten => tally.unknown += 1,
            }
        }
        tally.count(chain, page.samples.len() as u64, losses);
    }

    fn write_through_samples(
        &mut self,
        chain: &Chain,
        page: &Page<'_>,
        outputs: &mut Outputs,
        work: &mut Workspace,
        scratch: &mut Vec<u8>,
    ) {
        let mut tally = Tally::new(chain.stages.len());
        let mut rows = std::mem::take(&mut work.rows);
        rows.clear();
        for sample in page.samples {
            match self.route(sample.slot) {
                Route::Output(_) | Route::Unwritten => rows.push(Row::new(*sample)),
                Route::Dropped(stage) => tally.dropped(stage),
                Route::Undecided => tally.undecided(self.pending.get(&sample.slot)),
                Route::Free => tally.unknown += 1,
            }
        }
        tally.count(chain, page.samples.len() as u64, &mut work.losses);
        let inputs = self.inputs.unpack(scratch);
        let written = self.samples.run(chain, &mut rows, |slot| inputs.get(slot), work);
        let mut duplicates = 0;
        for (i, row) in rows.iter().enumerate().filter(|(_, r)| r.alive) {
            let slot = row.sample.slot;
            let (hash, edited): (u64, Option<Labels<'_>>) = match written.get(i) {
                Some(labels) => (outputs.hash(labels), Some(labels)),
                None => (self.samples.hash(slot), None),
            };
            let now = self.routes.get(slot as usize).copied().unwrap_or(Route::Free);
            let output = match now {
                Route::Output(o) if outputs.hash_of(o) == Some(hash) => o,
                _ => {
                    let labels = edited.unwrap_or_else(|| inputs.get(slot));
                    let known = self.known.get(slot as usize).and_then(Option::as_ref);
                    let Ok(output) = outputs.claim(slot, hash, labels, known) else {
                        duplicates += 1;
                        continue;
                    };
                    if let Route::Output(old) = now {
                        outputs.release(old);
                    }
                    if let Some(route) = self.routes.get_mut(slot as usize) {
                        *route = Route::Output(output);
                    }
                    output
                }
            };
            outputs.write(output, &row.sample);
        }
        work.losses.add("duplicate", duplicates);
        work.edited = written;
        work.rows = rows;
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A table left by a panic is at worst short of a page.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of a page's samples at the label-deciding stages.
struct Tally {
    dropped: Vec<u64>,
    failed: Vec<(u16, &'static str, u64)>,
    duplicates: u64,
    unknown: u64,
}

impl Tally {
    fn new(stages: usize) -> Self {
        Self { dropped: vec![0; stages], failed: vec![], duplicates: 0, unknown: 0 }
    }

    #[inline]
    fn dropped(&mut self, stage: u16) {
        if let Some(count) = self.dropped.get_mut(stage as usize) {
            *count += 1;
        }
    }

    fn undecided(&mut self, pending: Option<&Pending>) {
        match pending.and_then(|p| p.counted) {
            Some((Some(stage), reason)) => match self.failed.iter_mut().find(|(s, r, _)| *s == stage && *r == reason) {
                Some((_, _, count)) => *count += 1,
                None => self.failed.push((stage, reason, 1)),
            },
            Some((None, _)) => self.duplicates += 1,
            None => self.unknown += 1,
        }
    }

    fn count(&self, chain: &Chain, samples: u64, losses: &mut Losses) {
        let mut left = samples;
        for (i, stage) in chain.stages[..chain.series_until()].iter().enumerate() {
            let wants = stage.guest.wants();
            if wants.series.is_none() {
                continue;
            }
            let dropped = self.dropped.get(i).copied().unwrap_or(0);
            let failed: u64 = self.failed.iter().filter(|f| f.0 as usize == i).map(|f| f.2).sum();
            // a plugin that looks at samples as well counts them once, there
            let incoming = if wants.samples.is_some() { dropped + failed } else { left };
            stage.stats.came_in(incoming);
            stage.stats.went_on(incoming - (dropped + failed).min(incoming));
            stage.stats.ended(dropped, "verdict", losses);
            for (_, reason, count) in self.failed.iter().filter(|f| f.0 as usize == i) {
                stage.stats.ended(*count, reason, losses);
            }
            left = left.saturating_sub(dropped + failed);
        }
        losses.add("duplicate", self.duplicates);
        losses.add("unknown_slot", self.unknown);
    }
}
