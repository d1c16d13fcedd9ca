//! The manager: a pool for each job.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rapidhash::v3::RapidSecrets;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;
use weir_client::{BuildError, Client};
use weir_discovery::DiscoveryMetrics;
use weir_telemetry::{Ledger, Metrics, Signal};

use crate::body::BodyPool;
use crate::memory::ScratchPool;
use crate::metrics::ScrapeMetrics;
use crate::outlet::Outlets;
use crate::pool::{Board, Job, Pool, PoolOrder};
use crate::scrape_loop::Shared;
use crate::settings::JobSettings;
use crate::status::{DroppedTarget, TargetStatus};

/// How long [`ScrapeManager::stop`] waits. Loops drop what they fetch and end at once, so this is for an outlet that hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why settings cannot be followed. Fatal for them; what ran before runs on.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The settings make no HTTP client.
    #[error("scrape job {job:?}: {source}")]
    Client {
        /// The job.
        job: String,
        /// Why not.
        source: BuildError,
    },
    /// Two jobs with one name.
    #[error("two scrape jobs are named {job:?}; a job_name may occur once")]
    Twice {
        /// The name.
        job: String,
    },
    /// The manager has been stopped.
    #[error("scraping has been stopped")]
    Stopped,
}

/// Runs all scrape jobs.
pub struct ScrapeManager {
    shared: Arc<Shared>,
    outlets: Arc<dyn Outlets>,
    ledger: Ledger,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pools: BTreeMap<String, Running>,
    /// The pools' tasks, those that are ending included.
    tasks: JoinSet<()>,
    stopped: bool,
}

struct Running {
    job: Job,
    orders: watch::Sender<PoolOrder>,
    board: Arc<Board>,
}

impl ScrapeManager {
    /// A manager without jobs. Each target's pages go to what `outlets` opens for it.
    pub fn new(outlets: Arc<dyn Outlets>, metrics: &Metrics, ledger: Ledger) -> Self {
        let shared = Shared {
            metrics: ScrapeMetrics::register(metrics),
            discovery: DiscoveryMetrics::register(metrics),
            bodies: BodyPool::default(),
            scratches: ScratchPool::default(),
            secrets: RapidSecrets::seed(RandomState::new().hash_one(0)),
        };
        Self { shared: Arc::new(shared), outlets, ledger, state: Mutex::default() }
    }

    /// Makes the jobs these. Jobs and targets that stay are scraped on without a gap, with the new settings; their series
    /// go on, but for those that other rules give other labels. The rest end or begin.
    ///
    /// Must be called within a tokio runtime. On an error nothing has changed.
    pub fn apply(&self, jobs: Vec<JobSettings>) -> Result<(), ApplyError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return Err(ApplyError::Stopped);
        }
        let mut wanted = BTreeMap::new();
        for settings in jobs {
            let job = Self::prepare(settings, &state)?;
            let name = job.settings.job_name.clone();
            if wanted.insert(name.clone(), job).is_some() {
                return Err(ApplyError::Twice { job: name });
            }
        }
        state.pools.retain(|name, running| {
            let stays = wanted.contains_key(name);
            if !stays {
                running.orders.send_replace(PoolOrder::Remove);
            }
            stays
        });
        while state.tasks.try_join_next().is_some() {}
        for (name, job) in wanted {
            match state.pools.get_mut(&name) {
                Some(running) if Arc::ptr_eq(&running.job.settings, &job.settings) => {}
                Some(running) => {
                    running.job = job.clone();
                    running.orders.send_replace(PoolOrder::Run(job));
                }
                None => {
                    let running = self.start(job, &mut state.tasks);
                    state.pools.insert(name, running);
                }
            }
        }
        Ok(())
    }

    /// All targets that are being scraped, by job.
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.boards().iter().flat_map(|b| b.active()).collect()
    }

    /// Addresses that `relabel_configs` dropped or that make no target, by job; of each job the first thousand.
    pub fn dropped_targets(&self) -> Vec<DroppedTarget> {
        self.boards().iter().flat_map(|b| b.dropped()).collect()
    }

    /// Ends all loops without ending their series: what is being fetched is dropped, outlets are closed. Takes at most a
    /// few seconds, whatever an outlet does.
    pub async fn stop(&self) {
        let mut tasks = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.stopped = true;
            for running in std::mem::take(&mut state.pools).into_values() {
                running.orders.send_replace(PoolOrder::Shutdown);
            }
            std::mem::take(&mut state.tasks)
        };
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            warn!("scraping did not end in {PATIENCE:?}; what was under way is dropped");
            tasks.shutdown().await;
        }
    }

    /// The job as it is running when nothing about it has changed; else with its settings, and its client where that one
    /// still fits.
    fn prepare(settings: JobSettings, state: &State) -> Result<Job, ApplyError> {
        let running = state.pools.get(&settings.job_name).map(|r| &r.job);
        if let Some(job) = running.filter(|j| *j.settings == settings) {
            return Ok(job.clone());
        }
        let client = match running.filter(|j| j.settings.client == settings.client) {
            Some(job) => job.client.clone(),
            None => Client::new(&settings.client)
                .map_err(|source| ApplyError::Client { job: settings.job_name.clone(), source })?,
        };
        Ok(Job { settings: Arc::new(settings), client })
    }

    fn start(&self, job: Job, tasks: &mut JoinSet<()>) -> Running {
        let (orders, receiver) = watch::channel(PoolOrder::Run(job.clone()));
        let board = Arc::new(Board::default());
        let pool = Pool {
            shared: Arc::clone(&self.shared),
            outlets: Arc::clone(&self.outlets),
            account: self.ledger.source(&format!("scrape.{}", job.settings.job_name), Signal::Samples),
            board: Arc::clone(&board),
            job: job.clone(),
            orders: receiver,
            loops: BTreeMap::new(),
            tasks: JoinSet::new(),
        };
        tasks.spawn(pool.run());
        Running { job, orders, board }
    }

    fn boards(&self) -> Vec<Arc<Board>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pools.values().map(|r| Arc::clone(&r.board)).collect()
    }
}

impl std::fmt::Debug for ScrapeManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScrapeManager")
    }
}
