//! Pipelines of samples: what all targets of one pipeline share, and a target's way through all its pipelines.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weir_model::{Page, TargetSink};
use weir_telemetry::{PipelineAccount, Signal, SourceAccount};

use crate::chain::{ChainSlot, Stage, Stages};
use crate::guest::Guest;
use crate::stats::PipelineStats;
use crate::target::{TargetPipeline, lock};
use crate::verdict::Workspace;
use crate::writers::Writers;

/// Where a pipeline's pages go.
pub trait SampleSinks: Send + Sync {
    /// Changes when what was opened before must be renewed.
    fn generation(&self) -> u64;

    /// An encoder of one target's pages into all the pipeline's sinks, each of which takes its samples over from the
    /// account `from`. `target` says which target; it decides the lane.
    fn open(&self, target: u64, from: &PipelineAccount) -> Box<dyn TargetSink>;
}

/// A pipeline of samples.
pub struct MetricsPipeline {
    name: String,
    pub(crate) chain: ChainSlot,
    sinks: Arc<dyn SampleSinks>,
    /// Pages processed at a time: as many as there are processors, so that each plugin has at most that many instances
    /// at work and a page never waits for one.
    permits: Arc<Semaphore>,
    /// Looked up once: the system answers from files, which costs more than a page.
    processors: usize,
    workspaces: Mutex<Vec<(Workspace, Vec<u8>)>>,
    stats: PipelineStats,
    seconds: Histogram,
    pub(crate) account: PipelineAccount,
    pub(crate) writers: Arc<Writers>,
}

impl MetricsPipeline {
    /// A pipeline that runs `guests` in order. All pipelines of a process share their `writers`.
    pub fn new(
        name: &str,
        guests: &[Arc<dyn Guest>],
        sinks: Arc<dyn SampleSinks>,
        writers: &Arc<Writers>,
        stats: &PipelineStats,
    ) -> Arc<Self> {
        let account = stats.account(name, Signal::Samples);
        let processors = processors();
        Arc::new(Self {
            chain: ChainSlot::new(stages(name, guests, stats)),
            name: name.to_owned(),
            sinks,
            permits: Arc::new(Semaphore::new(processors)),
            processors,
            workspaces: Mutex::default(),
            stats: stats.clone(),
            seconds: stats.seconds(name, Signal::Samples),
            account,
            writers: writers.clone(),
        })
    }

    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts other guests in force, from each target's next page on. Says whether anything changed.
    pub fn set_guests(&self, guests: &[Arc<dyn Guest>]) -> bool {
        self.chain.replace(stages(&self.name, guests, &self.stats))
    }

    pub(crate) fn sink_generation(&self) -> u64 {
        self.sinks.generation()
    }

    pub(crate) fn open_sink(&self, target: u64) -> (u64, Box<dyn TargetSink>) {
        // the number first: a change between the two is then seen at the next page
        let generation = self.sinks.generation();
        (generation, self.sinks.open(target, &self.account))
    }
}

pub(crate) fn stages(pipeline: &str, guests: &[Arc<dyn Guest>], stats: &PipelineStats) -> Stages {
    stages_of(pipeline, guests, stats, Signal::Samples)
}

pub(crate) fn stages_of(pipeline: &str, guests: &[Arc<dyn Guest>], stats: &PipelineStats, signal: Signal) -> Stages {
    let order = guests.iter().map(|g| g.name().to_owned()).collect();
    let stages = guests
        .iter()
        .enumerate()
        .filter(|(_, g)| {
            let wants = g.wants();
            wants.series.is_some()
                || match signal {
                    Signal::Samples => wants.samples.is_some(),
                    Signal::Lines => wants.logs.is_some(),
                }
        })
        .map(|(rank, g)| Stage {
            stats: stats.stage(g.name(), pipeline),
            guest: g.in_pipeline(pipeline).unwrap_or_else(|| g.clone()),
            rank,
        })
        .collect();
    (stages, order)
}

pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// One target's way through all the pipelines that its job feeds.
pub struct TargetRoute {
    pipelines: Vec<TargetPipeline>,
    owners: Vec<Arc<MetricsPipeline>>,
    permits: Vec<OwnedSemaphorePermit>,
    target: u64,
    /// The plugin whose place the pages begin behind.
    behind: Option<Arc<str>>,
    interval: Duration,
    /// What pipelines that the target was taken from hold of it.
    left: Vec<(Arc<Writers>, u64)>,
    /// How often a pipeline came in that knows no slot.
    joined: u64,
    /// What [`begin`](Self::begin) returned last.
    epoch: u64,
    /// When the page to come was due.
    due: Option<Instant>,
    source: SourceAccount,
}

impl TargetRoute {
    /// A route for the target of this stable hash, scraped at this interval, whose pages `source` has booked.
    pub fn new(pipelines: &[Arc<MetricsPipeline>], target: u64, interval: Duration, source: SourceAccount) -> Self {
        let mut route = Self {
            pipelines: vec![],
            owners: vec![],
            permits: vec![],
            target,
            behind: None,
            interval,
            left: vec![],
            joined: 0,
            epoch: 0,
            due: None,
            source,
        };
        route.set_pipelines(pipelines);
        route
    }

    /// The same for what a plugin emits: in the pipelines that are set from now on, pages begin behind its place.
    pub(crate) fn behind(self, plugin: Arc<str>) -> Self {
        Self { behind: Some(plugin), ..self }
    }

    /// Sends the target through these pipelines from its next page on. Those it leaves end its series there.
    pub fn set_pipelines(&mut self, pipelines: &[Arc<MetricsPipeline>]) {
        let mut former: Vec<_> = self.owners.drain(..).zip(self.pipelines.drain(..)).map(Some).collect();
        for owner in pipelines {
            let kept = former.iter_mut().find(|f| f.as_ref().is_some_and(|(o, _)| Arc::ptr_eq(o, owner)));
            let pipeline = if let Some((_, pipeline)) = kept.and_then(Option::take) {
                pipeline
            } else {
                self.joined += 1;
                TargetPipeline::new(owner.clone(), self.target, self.behind.clone())
            };
            self.owners.push(owner.clone());
            self.pipelines.push(pipeline);
        }
        for (_, pipeline) in former.into_iter().flatten() {
            let writers = pipeline.writers().clone();
            self.left.extend(pipeline.leave(self.interval).map(|number| (writers, number)));
        }
    }

    /// The page to come was due to be scraped at this time; what it takes until the sinks have it is counted from here.
    pub fn due(&mut self, at: Instant) {
        self.due = Some(at);
    }

    /// Waits until the pipelines can take a page, and settles what it will pass through. The number it returns changes
    /// when slots must start over.
    pub async fn begin(&mut self) -> u64 {
        self.permits.clear();
        for owner in &self.owners {
            // The semaphore is never closed.
            if let Ok(permit) = owner.permits.clone().acquire_owned().await {
                self.permits.push(permit);
            }
        }
        // never 0, which is that of no page
        let epoch =
            self.pipelines.iter_mut().fold(self.joined, |sum, pipeline| {
                sum.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ pipeline.pin()
            }) | 1 << 63;
        if epoch != self.epoch {
            // Slots start over for all of them, whichever it was that changed.
            self.pipelines.iter_mut().for_each(TargetPipeline::restart);
            self.epoch = epoch;
        }
        epoch
    }

    /// Takes a page.
    pub fn page(&mut self, page: &Page<'_>) {
        let samples = page.samples.len() as u64;
        let due = self.due.take();
        let mut from = self.source.passage(samples);
        from.copied(self.pipelines.len(), samples);
        if self.pipelines.is_empty() {
            from.dropped("no_route", samples);
        }
        for (pipeline, owner) in self.pipelines.iter_mut().zip(&self.owners) {
            let passage = owner.account.take(&mut from, samples);
            let (mut work, mut scratch) = lock(&owner.workspaces).pop().unwrap_or_default();
            pipeline.accept(page, passage, &mut work, &mut scratch);
            if let Some(due) = due {
                owner.seconds.observe(due.elapsed().as_secs_f64());
            }
            let mut kept = lock(&owner.workspaces);
            if kept.len() < owner.processors {
                kept.push((work, scratch));
            }
        }
        from.end();
        self.permits.clear();
        // what the present pipelines do not write to the sinks of those that were left ends with this page
        for (writers, number) in self.left.drain(..) {
            writers.end(number, Some(page.time));
        }
    }

    /// The target is gone; it was last scraped at this interval. Dropping a route instead, as when weir stops, ends nothing.
    pub fn leave(mut self, interval: Duration) {
        for pipeline in self.pipelines {
            let writers = pipeline.writers().clone();
            self.left.extend(pipeline.leave(interval).map(|number| (writers, number)));
        }
        for (writers, number) in self.left {
            writers.end_later(number, interval.mul_f64(2.1));
        }
    }
}
