//! Pipelines of log lines.

mod call;
mod edits;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::Semaphore;
use weir_model::{LabelSet, LogBatch};
use weir_telemetry::{Passage, PipelineAccount, Signal, SourceAccount};

use call::run_logs;
use edits::rebuild;

use crate::chain::{Chain, ChainSlot, Stage, Stamp};
use crate::edit::SetKind;
use crate::guest::{Guest, LogsEdit, OnError};
use crate::metrics::{processors, stages_of};
use crate::stats::{Losses, PipelineStats};
use crate::target::lock;
use crate::verdict::{Candidate, Fate, Workspace, decide, emit_all};

/// The most stream verdicts a pipeline keeps, over all its stages: some 30 MB where each stream has ten labels. Beyond,
/// it begins anew, which costs each stream one more call.
const MAX_VERDICTS: usize = 100_000;

/// How long a batch waits before it tries a stopped plugin again: short enough that a mended plugin goes on within a second,
/// long enough to cost nothing.
const STOP_PAUSE: Duration = Duration::from_millis(500);

/// Where a pipeline's batches go.
pub trait LogSinks: Send + Sync {
    /// Takes a batch and settles its acknowledgement in time; waits while a queue that blocks is full. Gives how many sinks
    /// have each taken all of its lines over from the account `from`. Dropped before it is done, it has taken nothing.
    fn accept<'a>(
        &'a self,
        batch: LogBatch,
        from: &'a PipelineAccount,
    ) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>>;
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
    seconds: Histogram,
    account: PipelineAccount,
}

/// Kept verdicts on streams, of one chain.
#[derive(Default)]
struct Verdicts {
    stamp: Stamp,
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
            seconds: stats.seconds(name, Signal::Lines),
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

    /// Takes a batch through the plugins to the sinks. Waits while a plugin is stopped or a sink blocks. The batch's lines
    /// are in the passage `from`.
    pub async fn accept(&self, batch: LogBatch, from: &mut Passage) {
        self.accept_behind(batch, from, None).await;
    }

    /// The same for what a plugin has emitted: it begins behind that plugin's place.
    async fn accept_behind(&self, batch: LogBatch, from: &mut Passage, plugin: Option<&str>) {
        let begin = Instant::now();
        let mut passage = self.account.take(from, batch.len() as u64);
        let mut batch = self.through_plugins(batch, &mut passage, plugin).await;
        if batch.is_empty() {
            if let Some(ack) = batch.ack.take() {
                ack.done();
            }
        } else {
            let lines = batch.len() as u64;
            let takers = self.sinks.accept(batch, &self.account).await;
            passage.copied(takers, lines);
            passage.taken(takers, lines);
            if takers == 0 {
                passage.dropped("no_sink", lines);
            }
        }
        passage.end();
        self.seconds.observe(begin.elapsed().as_secs_f64());
    }

    async fn through_plugins(&self, mut batch: LogBatch, passage: &mut Passage, behind: Option<&str>) -> LogBatch {
        let mut whole: Option<LogBatch> = None;
        loop {
            let permit = self.permits.acquire().await;
            let chain = self.chain.load();
            if whole.is_none() && chain.stages.iter().any(|s| s.guest.on_error() == OnError::Stop) {
                // A stopped batch goes through the chain anew, from what was read.
                whole = Some(copy(&batch));
            }
            let mut work = lock(&self.workspaces).pop().unwrap_or_default();
            let result = self.run(&chain, behind, &mut batch, &mut work);
            if result.is_err() && whole.is_some() {
                work.losses.clear();
                work.emissions.clear();
            } else {
                work.losses.settle(passage);
                emit_all(&mut work.emissions);
            }
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

    fn run(
        &self,
        chain: &Chain,
        behind: Option<&str>,
        batch: &mut LogBatch,
        work: &mut Workspace,
    ) -> Result<(), Stopped> {
        for (number, stage) in chain.stages.iter().enumerate().skip(chain.stages_until(behind)) {
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
        let stamp = chain.stamp();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.streams.len());
        let mut candidates = vec![];
        {
            let mut verdicts = lock(&self.verdicts);
            if verdicts.stamp != stamp || verdicts.kept.len() > MAX_VERDICTS {
                *verdicts = Verdicts { stamp, kept: HashMap::new() };
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
                if candidate.keep && verdicts.stamp == stamp {
                    verdicts.kept.insert((number, batch.streams[index].clone()), after.clone());
                }
                outcomes[index] = after.map_or(Outcome::Ends("verdict"), Outcome::Labels);
            }
        }
        let counts_itself = stage.guest.wants().logs.is_none();
        settle_streams(stage, batch, outcomes, counts_itself, &mut work.losses);
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

    /// Whether it leads nowhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands a batch, which `source` has booked, to every pipeline; done when all have taken it. Its acknowledgement settles
    /// when each has; without a pipeline it fails.
    pub async fn accept(&self, batch: LogBatch, source: &SourceAccount) {
        self.accept_behind(batch, source, None).await;
    }

    /// The same for what a plugin has emitted: in a pipeline that it stands in, it begins behind its place.
    pub(crate) async fn accept_behind(&self, batch: LogBatch, source: &SourceAccount, plugin: Option<&str>) {
        let lines = batch.len() as u64;
        let mut from = source.passage(lines);
        from.copied(self.0.len(), lines);
        if let Some((last, others)) = self.0.split_last() {
            for pipeline in others {
                let mut twin = copy(&batch);
                twin.ack.clone_from(&batch.ack);
                pipeline.accept_behind(twin, &mut from, plugin).await;
            }
            last.accept_behind(batch, &mut from, plugin).await;
        } else {
            from.dropped("no_route", lines);
        }
        from.end();
    }
}

/// What a stream's verdict comes to.
enum Outcome {
    Labels(LabelSet),
    /// Its lines end, for this reason.
    Ends(&'static str),
}

fn settle_streams(
    stage: &Stage,
    batch: &mut LogBatch,
    outcomes: Vec<Outcome>,
    counts_itself: bool,
    losses: &mut Losses,
) {
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
        stage.stats.ended(n, reason, losses);
    }
    let came = if counts_itself { rows } else { lost };
    stage.stats.came_in(came);
    stage.stats.went_on(came - lost);
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
