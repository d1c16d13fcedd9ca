//! What plugins emit: a source of its own for each plugin, `plugin.NAME`, whose records pass the pipelines that take from it.
//!
//! A call's emission comes here once its answer has been accepted. It is booked at once, waits in a bounded buffer, and goes
//! on in tasks of the plugin's own: samples as pages of one target, so that staleness, verdicts and lanes are those of any
//! target; lines as batches. In a pipeline that the plugin itself stands in, its records begin behind it.

mod lines;
mod samples;
mod series;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use weir_telemetry::{Ledger, Signal, SourceAccount};

use crate::guest::{Emission, EmittedLines, EmittedSamples, Emitter};
use crate::target::lock;
use crate::{LogsRoute, MetricsPipeline};

/// Records of one signal that wait at most: a burst of the default budget. They wait only while pipelines are slower than
/// plugins emit.
const MAX_WAITING: u64 = 100_000;

/// How long a plugin must have been gone before its series end: its last tick comes within that.
const GONE: Duration = Duration::from_secs(5);

/// How often a source looks for series that have ended: a tenth of [`series::SILENCE`].
const LOOK: Duration = Duration::from_secs(30);

/// Which pipelines take what a plugin emits.
pub trait EmitRoutes: Send + Sync {
    /// Changes whenever an answer of the others may have changed.
    fn generation(&self) -> u64;

    /// The pipelines that take a plugin's samples.
    fn samples(&self, plugin: &str) -> Vec<Arc<MetricsPipeline>>;

    /// The pipelines that take a plugin's lines.
    fn lines(&self, plugin: &str) -> LogsRoute;
}

/// The sources `plugin.NAME` of a process.
pub struct EmitSources {
    ledger: Ledger,
    routes: Arc<dyn EmitRoutes>,
    runtime: Handle,
    sources: Mutex<BTreeMap<String, Arc<Source>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// One plugin's.
struct Source {
    plugin: Arc<str>,
    routes: Arc<dyn EmitRoutes>,
    samples: Way<EmittedSamples>,
    lines: Way<EmittedLines>,
    /// How many series it may have alive.
    most_series: AtomicUsize,
    /// Since when the plugin does not run any more.
    gone: Mutex<Option<Instant>>,
    stop: AtomicBool,
}

/// What waits of one signal, and the account it is in.
struct Way<T> {
    account: SourceAccount,
    waiting: Mutex<(Vec<(i64, T)>, u64)>,
    wake: Notify,
    /// Whether nothing waits and nothing is on its way to the sinks.
    idle: watch::Sender<bool>,
    /// Whether it was said that nobody takes what comes.
    is_warned: AtomicBool,
}

/// Records that do not even wait.
struct Refused {
    over_budget: u64,
    backlog: u64,
}

impl EmitSources {
    /// No source yet. Must be called within the runtime that is to do the work.
    pub fn new(ledger: &Ledger, routes: Arc<dyn EmitRoutes>) -> Self {
        Self {
            ledger: ledger.clone(),
            routes,
            runtime: Handle::current(),
            sources: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    /// Which plugins run now: the series of any other end.
    pub fn set_plugins(&self, names: &[&str]) {
        for (name, source) in &*lock(&self.sources) {
            let mut gone = lock(&source.gone);
            *gone = if names.contains(&name.as_str()) { None } else { gone.or(Some(Instant::now())) };
            source.samples.wake.notify_one();
        }
    }

    /// Takes everything that waits through the pipelines and ends, within a time; what has not passed by then is booked as
    /// abandoned. Nothing ends as a series: weir stops, its plugins do not.
    pub async fn stop(&self, within: Duration) {
        for source in lock(&self.sources).values() {
            source.stop.store(true, Ordering::Release);
            source.samples.wake.notify_one();
            source.lines.wake.notify_one();
        }
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        let until = tokio::time::Instant::now() + within;
        for mut task in tasks {
            match tokio::time::timeout_at(until, &mut task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a source of emitted records ended by itself"),
                // a queue that blocks is full
                Err(_) => {
                    task.abort();
                    let _ = task.await;
                }
            }
        }
        for source in lock(&self.sources).values() {
            source.samples.abandon();
            source.lines.abandon();
        }
    }

    /// Waits until everything that was emitted before is in the pipelines' sinks, for so long at most.
    pub async fn settled(&self, within: Duration) {
        let sources: Vec<_> = lock(&self.sources).values().cloned().collect();
        let until = tokio::time::Instant::now() + within;
        for source in sources {
            for idle in [&source.samples.idle, &source.lines.idle] {
                let mut idle = idle.subscribe();
                let _ = tokio::time::timeout_at(until, idle.wait_for(|idle| *idle)).await;
            }
        }
    }

    fn source(&self, plugin: &str) -> Arc<Source> {
        let mut sources = lock(&self.sources);
        if let Some(source) = sources.get(plugin) {
            return source.clone();
        }
        let name = format!("plugin.{plugin}");
        let source = Arc::new(Source {
            plugin: plugin.into(),
            routes: self.routes.clone(),
            samples: Way::new(self.ledger.source(&name, Signal::Samples)),
            lines: Way::new(self.ledger.source(&name, Signal::Lines)),
            most_series: AtomicUsize::new(0),
            gone: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let tasks = [self.runtime.spawn(samples::run(source.clone())), self.runtime.spawn(lines::run(source.clone()))];
        lock(&self.tasks).extend(tasks);
        sources.insert(plugin.to_owned(), source.clone());
        source
    }
}

impl Emitter for EmitSources {
    fn emit(&self, plugin: &str, emission: Emission) {
        let source = self.source(plugin);
        let now = since_epoch();
        let millis = now.as_millis() as i64;
        if !emission.samples.is_empty() {
            source.most_series.store(emission.most_series, Ordering::Release);
        }
        source.samples.put(millis, emission.samples, |s| s.values.len() as u64, emission.samples_over_budget);
        let nanos = now.as_nanos() as i64;
        source.lines.put(nanos, emission.lines, |l| l.ends.len() as u64, emission.lines_over_budget);
    }
}

impl std::fmt::Debug for EmitSources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(lock(&self.sources).keys()).finish()
    }
}

impl Source {
    fn is_gone(&self) -> bool {
        lock(&self.gone).is_some_and(|since| since.elapsed() >= GONE)
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

impl<T> Way<T> {
    fn new(account: SourceAccount) -> Self {
        Self {
            account,
            waiting: Mutex::default(),
            wake: Notify::new(),
            idle: watch::Sender::new(true),
            is_warned: AtomicBool::new(false),
        }
    }

    /// Books what was emitted, and keeps it for the task as far as there is room.
    fn put(&self, time: i64, emitted: Vec<T>, count: impl Fn(&T) -> u64, over_budget: u64) {
        let records: u64 = emitted.iter().map(count).sum();
        if records + over_budget == 0 {
            return;
        }
        let mut waiting = lock(&self.waiting);
        let has_room = waiting.1 + records <= MAX_WAITING || waiting.1 == 0;
        let counts = Refused { over_budget, backlog: if has_room { 0 } else { records } };
        let dropped = [("emit_budget", counts.over_budget), ("emit_backlog", counts.backlog)];
        self.account.book(0, records + over_budget, &dropped);
        if has_room {
            waiting.1 += records;
            self.idle.send_replace(false);
            waiting.0.extend(emitted.into_iter().map(|e| (time, e)));
            drop(waiting);
            self.wake.notify_one();
        }
    }

    /// What waits. Whoever asks has handed on what it took before.
    fn take(&self) -> Vec<(i64, T)> {
        let mut waiting = lock(&self.waiting);
        self.idle.send_if_modified(|idle| {
            let was = std::mem::replace(idle, waiting.0.is_empty());
            was != *idle
        });
        std::mem::take(&mut *waiting).0
    }

    /// Says it once where no pipeline takes what comes, which is then dropped and counted (`no_route`), and again only when there
    /// has been one in between.
    fn finds_takers(&self, plugin: &str, what: &str, takers: bool) {
        let was_warned = self.is_warned.swap(!takers, Ordering::Relaxed);
        if !takers && !was_warned {
            tracing::warn!(
                plugin,
                reason = "no_route",
                "a plugin emits {what}, and no pipeline takes them: add \"plugin.{plugin}\" to the `from` of one of {what}"
            );
        }
    }

    /// Books what still waits as abandoned.
    fn abandon(&self) {
        let (_, records) = std::mem::take(&mut *lock(&self.waiting));
        drop(self.account.passage(records));
    }
}

fn since_epoch() -> Duration {
    // a clock before 1970 is one that is not set
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
