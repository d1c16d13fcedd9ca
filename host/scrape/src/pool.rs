//! The pool of one job: keeps a loop for each of its targets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;
use weir_client::Client;
use weir_discovery::TargetGroup;
use weir_telemetry::SourceAccount;

use crate::outlet::{Outlets, TargetInfo};
use crate::scrape_loop::{Loop, Order, Plan, Shared};
use crate::settings::JobSettings;
use crate::status::{DroppedTarget, StatusCell, TargetStatus};
use crate::target::{Discovered, Target, discover};

/// Dropped targets that are remembered for the API. Discovery in a large cluster finds tens of thousands, of which a job
/// keeps a few; their labels would be most of weir's memory.
const DROPPED_SHOWN: usize = 1000;

/// A job as the pool runs it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) settings: Arc<JobSettings>,
    pub(crate) client: Client,
}

/// What a pool is told to do.
#[derive(Clone, Debug)]
pub(crate) enum PoolOrder {
    Run(Job),
    /// The job is no longer there.
    Remove,
    /// weir stops.
    Shutdown,
}

/// What there is to show of a pool.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    active: Vec<Arc<StatusCell>>,
    dropped: Vec<DroppedTarget>,
}

impl Board {
    pub(crate) fn active(&self) -> Vec<TargetStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).active.iter().map(|s| s.get()).collect()
    }

    pub(crate) fn dropped(&self) -> Vec<DroppedTarget> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).dropped.clone()
    }
}

/// The pool's state. It runs on a task of its own until it is told to end or its owner is gone.
pub(crate) struct Pool {
    pub(crate) shared: Arc<Shared>,
    pub(crate) outlets: Arc<dyn Outlets>,
    pub(crate) account: SourceAccount,
    pub(crate) board: Arc<Board>,
    pub(crate) job: Job,
    pub(crate) orders: watch::Receiver<PoolOrder>,
    pub(crate) loops: BTreeMap<u64, Running>,
    /// The loops' tasks, those that are ending included.
    pub(crate) tasks: JoinSet<()>,
}

/// A loop under way.
pub(crate) struct Running {
    plan: Arc<Plan>,
    orders: watch::Sender<Order>,
    status: Arc<StatusCell>,
}

impl Pool {
    /// Keeps up with discovery and with orders until the end; then ends the loops and waits for them.
    pub(crate) async fn run(mut self) {
        let mut discovery = self.discover();
        let mut ended = false;
        let last = loop {
            let groups = Arc::clone(&discovery.groups.borrow_and_update());
            self.sync(&groups);
            while self.tasks.try_join_next().is_some() {}
            tokio::select! {
                biased;
                changed = self.orders.changed() => {
                    let order = self.orders.borrow_and_update().clone();
                    match order {
                        PoolOrder::Run(job) if changed.is_ok() => {
                            let moved = job.settings.discovery != self.job.settings.discovery;
                            self.job = job;
                            if moved {
                                discovery = self.discover();
                                ended = false;
                            }
                        }
                        PoolOrder::Remove => break Order::Remove,
                        PoolOrder::Run(_) | PoolOrder::Shutdown => break Order::Shutdown,
                    }
                }
                changed = discovery.groups.changed(), if !ended => ended = changed.is_err(),
            }
        };
        // before waiting: a job of the same name may begin while this one ends
        self.shared.metrics.removed(&self.job.settings.job_name);
        for running in self.loops.values() {
            running.orders.send_replace(last.clone());
        }
        while self.tasks.join_next().await.is_some() {}
    }

    fn discover(&self) -> weir_discovery::Running {
        weir_discovery::start(self.job.settings.discovery.clone(), Some(self.shared.discovery.clone()))
    }

    /// Makes the loops those of the targets that the groups hold now.
    fn sync(&mut self, groups: &[TargetGroup]) {
        let settings = Arc::clone(&self.job.settings);
        let (mut targets, mut dropped, mut invalid) = (BTreeMap::new(), Vec::new(), 0);
        for found in discover(groups, &settings) {
            match found {
                Discovered::Target(target) => _ = targets.entry(target.hash).or_insert(*target),
                Discovered::Dropped(labels) => dropped.push((labels, None)),
                Discovered::Invalid(labels, error) => {
                    invalid += 1;
                    if invalid == 1 {
                        // one of them will do: it is most often the same mistake, and all are shown by the API
                        warn!(job = settings.job_name, %labels, %error, "not a target");
                    }
                    dropped.push((labels, Some(error)));
                }
            }
        }
        if invalid > 1 {
            warn!(job = settings.job_name, invalid, "more discovered addresses are not targets");
        }
        let count = targets.len();
        let too_many = Some(count).filter(|n| settings.target_limit > 0 && *n > settings.target_limit);
        self.loops.retain(|hash, running| {
            let stays = targets.contains_key(hash);
            if !stays {
                running.orders.send_replace(Order::Remove);
            }
            stays
        });
        for (hash, target) in targets {
            self.keep(hash, target, too_many);
        }
        self.shared.metrics.synced(&settings.job_name, count, too_many.is_some());
        let job = &settings.job_name;
        let mut shown = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.active = self.loops.values().map(|r| Arc::clone(&r.status)).collect();
        shown.dropped = dropped
            .into_iter()
            .take(DROPPED_SHOWN)
            .map(|(discovered, error)| DroppedTarget { job: job.clone(), discovered, error })
            .collect();
    }

    /// Sees to it that a target has a loop that follows the present settings.
    fn keep(&mut self, hash: u64, target: Target, too_many: Option<usize>) {
        let settings = Arc::clone(&self.job.settings);
        if let Some(running) = self.loops.get_mut(&hash) {
            let plan = &running.plan;
            if !Arc::ptr_eq(&plan.settings, &settings) || plan.target != target || plan.too_many != too_many {
                let plan = Arc::new(self.job.plan(&self.account, target, too_many));
                running.plan = Arc::clone(&plan);
                running.orders.send_replace(Order::Run(plan));
            }
            return;
        }
        let status = Arc::new(StatusCell::new(&settings.job_name, &target));
        let outlet = self.outlets.open(&TargetInfo {
            job: settings.job_name.clone(),
            url: target.url.to_string(),
            labels: target.labels.clone(),
            hash,
            interval: target.interval,
        });
        let plan = Arc::new(self.job.plan(&self.account, target, too_many));
        let (orders, receiver) = watch::channel(Order::Run(Arc::clone(&plan)));
        let one = Loop::new(Arc::clone(&self.shared), Arc::clone(&plan), receiver, Arc::clone(&status), outlet);
        self.tasks.spawn(one.run());
        self.loops.insert(hash, Running { plan, orders, status });
    }
}

impl Job {
    fn plan(&self, account: &SourceAccount, target: Target, too_many: Option<usize>) -> Plan {
        Plan {
            settings: Arc::clone(&self.settings),
            target,
            client: self.client.clone(),
            account: account.clone(),
            too_many,
        }
    }
}
