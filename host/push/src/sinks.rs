//! All sinks: opened, routed to, reloaded, shut down.

mod open;
mod outlet;
mod queues;
mod reload;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::hash::RandomState;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use weir_client::BuildError;
use weir_model::TargetSink;
use weir_queue::{Health, OpenError};
use weir_telemetry::{Ledger, Metrics, PipelineAccount};

use crate::intake::Intake;
use crate::metrics::Families;
use crate::scratch::ScratchPool;
use crate::send::Sender;
use crate::settings::{LokiSettings, RemoteWriteSettings};
use crate::sink::Sink;
use crate::{loki, remote_write};
use open::{Encode, Spec};

pub use outlet::{Destinations, LokiOutlet};
pub use queues::{SinkQueue, queues_dir};

/// How often buffers are looked at and gauges set: a quarter of the usual deadline, so that nothing waits much longer.
const TICK: Duration = Duration::from_millis(250);

/// How many ticks pass between two looks for idle streams: about a minute.
const IDLE_TICKS: u64 = 240;

/// Why sinks cannot be opened or changed. All are fatal for the settings given; what runs keeps running.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Fatal: two sinks of a kind share a name, and so would share a queue.
    #[error("two sinks are named {component}")]
    Duplicate {
        /// The sink, as in the ledger.
        component: String,
    },
    /// Fatal: a header that tells the receiver how to read the body.
    #[error("{component}: header {header} is weir's to set")]
    Header {
        /// The sink, as in the ledger.
        component: String,
        /// The header.
        header: String,
    },
    /// Fatal: the tenant cannot stand in a header.
    #[error("{component}: the tenant is no header value")]
    Tenant {
        /// The sink, as in the ledger.
        component: String,
    },
    /// Fatal: the client's settings do not work.
    #[error("{component}: {source}")]
    Client {
        /// The sink, as in the ledger.
        component: String,
        /// Why.
        source: BuildError,
    },
    /// Fatal: the queue cannot be opened.
    #[error("{component}: {source}")]
    Queue {
        /// The sink, as in the ledger.
        component: String,
        /// Why.
        source: OpenError,
    },
    /// Fatal: the runtime is going down.
    #[error("the disk was not reached: {0}")]
    Runtime(#[from] JoinError),
}

/// A sink's storage, for readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkHealth {
    /// The sink, as in the ledger.
    pub component: String,
    /// Whether its queue can keep what it is given.
    pub queue: Health,
}

/// All sinks. Share it in an `Arc`; end it with [`shutdown`](Self::shutdown).
pub struct Sinks {
    inner: Arc<Inner>,
    ticker: tokio::task::JoinHandle<()>,
}

struct Inner {
    data_dir: PathBuf,
    families: Families,
    ledger: Ledger,
    scratch: Arc<ScratchPool>,
    generation: AtomicU64,
    /// Of labels as they are sent.
    hasher: RandomState,
    /// Held through a whole reload: there is one at a time.
    reloading: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By component.
    running: BTreeMap<String, Running>,
    /// By the components that share them.
    remote_write: Vec<(Vec<String>, Arc<remote_write::Group>)>,
    loki: Vec<(Vec<String>, Arc<loki::Group>)>,
    /// Groups that have a successor, until nobody holds them and nothing is in them.
    retired: (Vec<Arc<remote_write::Group>>, Vec<Arc<loki::Group>>),
    /// Components whose queue this process has had open: what is in it is in the ledger already.
    known: HashSet<String>,
}

struct Running {
    spec: Spec,
    encode: Encode,
    sink: Arc<Sink>,
    sender: Option<Sender>,
}

impl Sinks {
    /// Opens the queues below `data_dir` and starts to send what is in them. Needs a tokio runtime.
    pub async fn open(
        remote_writes: Vec<RemoteWriteSettings>,
        lokis: Vec<LokiSettings>,
        data_dir: &Path,
        metrics: &Metrics,
        ledger: &Ledger,
    ) -> Result<Self, SinkError> {
        let inner = Arc::new(Inner {
            data_dir: data_dir.to_owned(),
            families: Families::new(metrics),
            ledger: ledger.clone(),
            scratch: Arc::default(),
            generation: AtomicU64::new(1),
            hasher: RandomState::default(),
            reloading: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        });
        inner.apply(open::specs(remote_writes, lokis)?).await?;
        let shown = Arc::downgrade(&inner);
        ledger.before_look(move || {
            if let Some(inner) = shown.upgrade() {
                inner.sinks().iter().for_each(|sink| sink.show());
            }
        });
        let ticker = tokio::spawn(tick(Arc::downgrade(&inner)));
        Ok(Self { inner, ticker })
    }

    /// Whether [`open`](Self::open) would take these settings, but for their queues; reads the files that they name.
    pub fn check(remote_writes: Vec<RemoteWriteSettings>, lokis: Vec<LokiSettings>) -> Result<(), SinkError> {
        open::specs(remote_writes, lokis)?.iter().try_for_each(|(spec, _)| spec.endpoint().map(drop))
    }

    /// Brings the sinks to new settings. A sink whose settings are as before is not touched; a changed one keeps its
    /// queue, for a queue belongs to the name; a removed one leaves its queue on disk. On an error all is as before, unless it is that of a queue which could neither
    /// be opened with its new settings nor with its old ones: that sink then stands still until the next call.
    pub async fn apply(
        &self,
        remote_writes: Vec<RemoteWriteSettings>,
        lokis: Vec<LokiSettings>,
    ) -> Result<(), SinkError> {
        self.inner.apply(open::specs(remote_writes, lokis)?).await
    }

    /// Changes whenever encoders and outlets made before no longer write for the sinks as they are now: make new ones
    /// then. The old ones stay usable until they are replaced.
    pub fn generation(&self) -> u64 {
        self.inner.generation.load(Ordering::Acquire)
    }

    /// An encoder for one target, to the remote write sinks that `to` names, now and whenever it is renewed. `target_hash`
    /// must be the same in every process: it decides the lane, and a lane's records may still be on disk. The sinks take
    /// the samples over from the account `from`.
    pub fn remote_write_target(
        &self,
        to: &Arc<Destinations>,
        target_hash: u64,
        from: &PipelineAccount,
    ) -> Box<dyn TargetSink> {
        Box::new(outlet::TargetOutlet::new(self.inner.clone(), to.clone(), target_hash, from))
    }

    /// Where samples and lines are routed has changed: what was written by the old routes comes before what is written by
    /// new ones, and the [`generation`](Self::generation) changes. Call it when new routes are made and before they are used.
    pub fn reroute(&self) {
        self.inner.regroup();
    }

    /// An outlet for log batches, to the Loki sinks of these names.
    pub fn loki(&self, names: &[String]) -> LokiOutlet {
        LokiOutlet::new(lock(&self.inner.state).loki_groups(names))
    }

    /// The sinks' storage, for readiness.
    pub fn health(&self) -> Vec<SinkHealth> {
        let health = |sink: Arc<Sink>| SinkHealth { component: sink.component().to_owned(), queue: sink.health() };
        self.inner.sinks().into_iter().map(health).collect()
    }

    /// Brings the sinks' metrics up to this moment; otherwise they are up to a quarter of a second old. (A look at the ledger
    /// does that by itself.)
    pub fn refresh(&self) {
        self.inner.refresh();
    }

    /// Puts what waits in buffers into the queues now.
    pub fn flush(&self) {
        self.inner.flush();
    }

    /// Queues what is in the buffers, sends what is queued as long as that goes well and `drain` has not passed, and
    /// closes the queues. What is unsent stays in them. Afterwards nothing is taken any more.
    pub async fn shutdown(&self, drain: Duration) {
        let _reload = self.inner.reloading.lock().await;
        self.ticker.abort();
        self.inner.flush();
        let mut senders = JoinSet::new();
        let running: Vec<_> = lock(&self.inner.state).running.values_mut().filter_map(|r| r.sender.take()).collect();
        for sender in running {
            senders.spawn(sender.drain(drain));
        }
        while senders.join_next().await.is_some() {}
        for sink in self.inner.sinks() {
            reload::close(&sink).await;
            sink.abandon();
            let (queued, in_flight) = (sink.account().queued(), sink.account().in_flight.get());
            tracing::info!(sink = sink.component(), queued, in_flight, "sink is closed, its queue stays on disk");
        }
    }
}

impl Inner {
    fn sinks(&self) -> Vec<Arc<Sink>> {
        lock(&self.state).running.values().map(|r| r.sink.clone()).collect()
    }

    fn is_running(&self, component: &str) -> bool {
        lock(&self.state).running.contains_key(component)
    }

    fn refresh(&self) {
        for sink in self.sinks() {
            sink.refresh();
        }
    }

    fn flush(&self) {
        let (remote_write, loki) = lock(&self.state).all_groups();
        for group in &remote_write {
            group.flush();
        }
        for group in &loki {
            group.flush();
        }
    }

    fn tick(&self, ticks: u64) {
        let now = Instant::now();
        let (remote_write, loki) = lock(&self.state).all_groups();
        for group in &remote_write {
            group.tick(now);
        }
        for group in &loki {
            group.tick(now);
        }
        if ticks.is_multiple_of(IDLE_TICKS) {
            for group in &loki {
                group.forget_idle(now);
            }
        }
        drop((remote_write, loki));
        self.forget_retired();
        self.refresh();
    }
}

impl Inner {
    /// Lets go of groups that nobody writes to any more. A reload under way may yet retire some.
    fn forget_retired(&self) {
        let mut state = lock(&self.state);
        state.forget_retired();
        let none_left = state.retired.0.is_empty() && state.retired.1.is_empty();
        drop(state);
        if none_left && let Ok(_no_reload) = self.reloading.try_lock() {
            for sink in self.sinks() {
                sink.former_writers_are_gone();
            }
        }
    }
}

impl State {
    fn all_groups(&self) -> (Vec<Arc<remote_write::Group>>, Vec<Arc<loki::Group>>) {
        let remote_write = self.remote_write.iter().map(|(_, g)| g).chain(&self.retired.0);
        let loki = self.loki.iter().map(|(_, g)| g).chain(&self.retired.1);
        (remote_write.cloned().collect(), loki.cloned().collect())
    }

    fn forget_retired(&mut self) {
        self.retired.0.retain(|g| Arc::strong_count(g) > 1 || !g.is_idle());
        self.retired.1.retain(|g| Arc::strong_count(g) > 1 || !g.is_idle());
    }

    /// Sorts the named sinks into groups of equal encoding, and gives those groups.
    fn remote_write_groups(&mut self, names: &[String]) -> Vec<(Vec<String>, Arc<remote_write::Group>)> {
        let mut parts: Vec<(remote_write::Encoding, Vec<String>)> = Vec::new();
        for component in components("remote_write", names) {
            if let Some(Encode::RemoteWrite(encoding)) = self.running.get(&component).map(|r| &r.encode) {
                join(&mut parts, encoding, component);
            } else {
                // as long as a reload takes to bring the routes behind the sinks
                tracing::debug!(sink = component, "routed to a sink that is no longer there");
            }
        }
        let make = |(encoding, members): (_, Vec<String>)| {
            if let Some((_, group)) = self.remote_write.iter().find(|(m, _)| *m == members) {
                return (members, group.clone());
            }
            let group = Arc::new(remote_write::Group::new(encoding, intakes(&self.running, &members)));
            self.remote_write.push((members.clone(), group.clone()));
            (members, group)
        };
        parts.into_iter().map(make).collect()
    }

    /// The same for Loki sinks.
    fn loki_groups(&mut self, names: &[String]) -> Vec<Arc<loki::Group>> {
        let mut parts: Vec<(loki::Encoding, Vec<String>)> = Vec::new();
        for component in components("loki", names) {
            if let Some(Encode::Loki(encoding)) = self.running.get(&component).map(|r| &r.encode) {
                join(&mut parts, encoding, component);
            } else {
                // as long as a reload takes to bring the routes behind the sinks
                tracing::debug!(sink = component, "routed to a sink that is no longer there");
            }
        }
        let make = |(encoding, members): (_, Vec<String>)| {
            if let Some((_, group)) = self.loki.iter().find(|(m, _)| *m == members) {
                return group.clone();
            }
            let group = Arc::new(loki::Group::new(encoding, intakes(&self.running, &members)));
            self.loki.push((members, group.clone()));
            group
        };
        parts.into_iter().map(make).collect()
    }
}

fn components(kind: &str, names: &[String]) -> Vec<String> {
    let mut components: Vec<_> = names.iter().map(|name| format!("{kind}.{name}")).collect();
    components.sort();
    components.dedup();
    components
}

fn join<E: Clone + PartialEq>(parts: &mut Vec<(E, Vec<String>)>, encoding: &E, component: String) {
    match parts.iter_mut().find(|(e, _)| e == encoding) {
        Some((_, members)) => members.push(component),
        None => parts.push((encoding.clone(), vec![component])),
    }
}

fn intakes(running: &BTreeMap<String, Running>, members: &[String]) -> Vec<Arc<dyn Intake>> {
    members.iter().filter_map(|m| running.get(m)).map(|r| r.sink.clone() as Arc<dyn Intake>).collect()
}

async fn tick(inner: Weak<Inner>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for ticks in 1.. {
        interval.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        inner.tick(ticks);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // no holder leaves it half changed: each change is one insertion or removal
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Sinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.inner.sinks().iter().map(|s| s.component().to_owned())).finish()
    }
}
