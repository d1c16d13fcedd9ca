//! The loop of one target: wait, fetch, walk, hand on.

use std::sync::Arc;
use std::time::Duration;

use rapidhash::v3::RapidSecrets;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tracing::{debug, info, warn};
use weir_client::Client;
use weir_discovery::DiscoveryMetrics;
use weir_telemetry::SourceAccount;

use crate::body::{self, Body, BodyPool};
use crate::clock::{self, Grid};
use crate::error::ScrapeError;
use crate::memory::{Counts, Memory, PageRules, ScratchPool};
use crate::metrics::ScrapeMetrics;
use crate::outlet::{End, TargetOutlet};
use crate::report::{Extra, Report};
use crate::series_labels::SeriesRules;
use crate::settings::JobSettings;
use crate::status::{Health, StatusCell};
use crate::target::Target;

/// What all loops share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) metrics: ScrapeMetrics,
    pub(crate) discovery: DiscoveryMetrics,
    pub(crate) bodies: BodyPool,
    pub(crate) scratches: ScratchPool,
    /// The seed of the memories' hashes: random, for pages are written by strangers.
    pub(crate) secrets: RapidSecrets,
}

/// What a loop scrapes, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) settings: Arc<JobSettings>,
    pub(crate) target: Target,
    pub(crate) client: Client,
    pub(crate) account: SourceAccount,
    /// How many targets the job has, when they are too many.
    pub(crate) too_many: Option<usize>,
}

/// What a loop is told to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Run(Arc<Plan>),
    /// The target is no longer there: its series end.
    Remove,
    /// weir stops: its series do not end.
    Shutdown,
}

/// The loop's state. It runs on a task of its own until it is told to end or its owner is gone.
pub(crate) struct Loop {
    shared: Arc<Shared>,
    orders: watch::Receiver<Order>,
    status: Arc<StatusCell>,
    outlet: Box<dyn TargetOutlet>,
    plan: Arc<Plan>,
    rules: SeriesRules,
    memory: Memory,
    /// Of the last page.
    generation: Option<u64>,
    grid: Grid,
    /// When the last scrape began: by the clock, in milliseconds since the epoch, and for measuring.
    last: Option<(i64, Instant)>,
}

impl Loop {
    pub(crate) fn new(
        shared: Arc<Shared>,
        plan: Arc<Plan>,
        orders: watch::Receiver<Order>,
        status: Arc<StatusCell>,
        outlet: Box<dyn TargetOutlet>,
    ) -> Self {
        Self {
            shared,
            orders,
            status,
            outlet,
            rules: SeriesRules::new(&plan.settings, plan.target.labels.clone()),
            plan,
            memory: Memory::default(),
            generation: None,
            grid: Grid::default(),
            last: None,
        }
    }

    /// Scrapes until the end. An order to end cuts a fetch short; a page that has been fetched is handed on whole.
    pub(crate) async fn run(mut self) {
        let mut ticks = self.ticks();
        let mut orders = self.orders.clone();
        let removed = loop {
            tokio::select! {
                biased;
                changed = orders.changed() => {
                    let order = orders.borrow_and_update().clone();
                    match order {
                        Order::Run(plan) if changed.is_ok() => {
                            if self.follow(plan) {
                                ticks = self.ticks();
                            }
                        }
                        Order::Remove => break true,
                        Order::Run(_) | Order::Shutdown => break false,
                    }
                }
                due = ticks.tick() => {
                    self.outlet.due(due.into_std());
                    // a receiver of its own: one that has seen an order to run would keep it from the loop
                    let mut stop = orders.clone();
                    tokio::select! {
                        biased;
                        _ = stop.wait_for(|o| !matches!(o, Order::Run(_))) => {}
                        () = self.scrape() => {}
                    }
                }
            }
        };
        let interval = self.plan.target.interval;
        self.outlet.close(if removed { End::Removed { interval } } else { End::Stopped });
    }

    fn ticks(&self) -> Interval {
        let Target { hash, interval, .. } = self.plan.target;
        let mut ticks = interval_at(Instant::now() + clock::offset(hash, interval, clock::now()), interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks
    }

    /// Goes over to a new plan for the same target; whether the ticks change. Its series go on without a gap: only those
    /// whose labels the new rules change end.
    fn follow(&mut self, plan: Arc<Plan>) -> bool {
        let old = std::mem::replace(&mut self.plan, plan);
        let (new, settings) = (&self.plan.target, &self.plan.settings);
        if !Arc::ptr_eq(&old.settings, settings) {
            self.rules = SeriesRules::new(settings, new.labels.clone());
            self.memory.new_rules();
        }
        self.status.update(|s| {
            s.discovered.clone_from(&new.discovered);
            (s.interval, s.timeout) = (new.interval, new.timeout);
        });
        if old.target.interval != new.interval {
            self.grid = Grid::default();
            return true;
        }
        false
    }

    async fn scrape(&mut self) {
        let plan = Arc::clone(&self.plan);
        let started = Instant::now();
        let time = self.grid.align(clock::now(), plan.target.interval) / 1_000_000;
        if let Some((last, at)) = self.last {
            if time <= last {
                self.shared.metrics.skipped(&plan.settings.job_name, "clock");
                return;
            }
            self.shared.metrics.interval(plan.target.interval, started - at);
        }
        let mut body = self.shared.bodies.take();
        let fetched = match fetch(&plan, &mut body).await {
            Ok(()) => Ok(body),
            Err(error) => {
                // what is of no use does not stay while a pipeline is waited for, and is gone when its failure is counted
                self.shared.bodies.give_back(body);
                Err(error)
            }
        };
        let generation = self.outlet.begin().await;
        self.last = Some((time, started));
        if self.generation.replace(generation) != Some(generation) {
            self.memory.new_generation();
        }
        match fetched {
            Ok(body) => {
                self.page(&plan, time, started, Ok(&body.bytes));
                self.shared.bodies.give_back(body);
            }
            Err(error) => self.page(&plan, time, started, Err(error)),
        }
    }

    /// Makes a page of a fetched body, or of none, and hands it on.
    fn page(&mut self, plan: &Plan, time: i64, started: Instant, body: Result<&[u8], ScrapeError>) {
        let settings = &plan.settings;
        let rules = PageRules {
            series: &self.rules,
            honor_timestamps: settings.honor_timestamps,
            sample_limit: settings.sample_limit,
            extra: settings.extra_scrape_metrics,
            secrets: &self.shared.secrets,
            time,
        };
        let mut counts = Counts::default();
        let mut scratch = self.shared.scratches.take();
        self.memory.begin(rules, &mut scratch);
        let body_size = match &body {
            Ok(body) => body.len() as i64,
            Err(ScrapeError::BodySizeLimit { .. }) => -1,
            Err(_) => 0,
        };
        let outcome = body.and_then(|body| self.memory.walk(body, rules, &mut scratch, &mut counts));
        if outcome.is_err() {
            self.memory.fail(rules, &mut scratch);
        }
        let extra = Extra { timeout: plan.target.timeout, sample_limit: settings.sample_limit, body_size };
        let report = Report {
            up: outcome.is_ok(),
            duration: started.elapsed(),
            counts,
            extra: settings.extra_scrape_metrics.then_some(extra),
        };
        self.memory.finish(&report, time, &mut scratch);
        self.account(plan, &report, outcome.as_ref().err());
        self.outlet.page(&scratch.page(time));
        self.shared.scratches.give_back(scratch);
        self.show(plan, time, &report, outcome.err());
    }

    /// Books what became of the samples; those of the page to be handed on are in flight from here.
    fn account(&self, plan: &Plan, report: &Report, error: Option<&ScrapeError>) {
        let (account, counts) = (&plan.account, &report.counts);
        let generated = report.values().count() as u64;
        if let Some(error) = error {
            account.book(counts.scraped, generated, &[(error.reason(), counts.scraped)]);
            self.shared.metrics.failed(&plan.settings.job_name, error);
            return;
        }
        let dropped = [
            ("metric_relabel", counts.scraped - counts.relabelled),
            ("duplicate", counts.duplicates),
            ("out_of_order", counts.out_of_order),
            ("out_of_bounds", counts.out_of_bounds),
        ];
        account.book(counts.scraped, generated, &dropped);
        self.shared.metrics.rejected(counts);
    }

    /// Shows how the scrape went; logs it when that is news.
    fn show(&self, plan: &Plan, time: i64, report: &Report, error: Option<ScrapeError>) {
        let (job, url) = (&plan.settings.job_name, &plan.target.url);
        let message = error.map(|e| e.to_string());
        let memory_bytes = self.memory.heap_bytes();
        self.status.update(|status| {
            match (&message, status.health) {
                (None, Health::Down) => info!(%job, %url, "target is up again"),
                (None, _) => {}
                (Some(error), Health::Down) => debug!(%job, %url, %error, "scrape failed again"),
                (Some(error), _) => warn!(%job, %url, %error, "scrape failed; the target is down"),
            }
            status.health = if report.up { Health::Up } else { Health::Down };
            status.last_error = message;
            status.last_scrape = Some(time);
            status.last_duration = report.duration;
            status.last_samples = report.counts.scraped;
            status.memory_bytes = memory_bytes;
        });
    }
}

async fn fetch(plan: &Plan, body: &mut Body) -> Result<(), ScrapeError> {
    let Plan { settings, target, client, .. } = plan;
    if let Some(targets) = plan.too_many {
        return Err(ScrapeError::TargetLimit { targets, limit: settings.target_limit });
    }
    let timeout: Duration = target.timeout;
    let headers = body::headers(timeout, settings.enable_compression);
    body::fetch(client, &target.url, headers, timeout, settings.body_size_limit, body).await
}
