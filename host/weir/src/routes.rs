//! Which source feeds which pipelines, now; what connects scraping and tailing with them.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use weir_config::PipelinePlan;
use weir_model::{LogBatch, Page};
use weir_pipeline::{EmitRoutes, LogsPipeline, LogsRoute, MetricsPipeline, TargetRoute};
use weir_scrape::{End, Outlets, TargetInfo, TargetOutlet};
use weir_tail::LogOutlet;
use weir_telemetry::{Ledger, Signal, SourceAccount};

/// The table of one configuration.
#[derive(Default)]
pub(crate) struct Table {
    /// Differs between any two tables of a process.
    pub(crate) generation: u64,
    /// By job.
    pub(crate) jobs: HashMap<String, Vec<Arc<MetricsPipeline>>>,
    /// By `file_logs` name.
    pub(crate) logs: HashMap<String, LogsRoute>,
    /// Pipelines of samples, with what says which plugins' samples they take.
    pub(crate) emitted_samples: Vec<(PipelinePlan, Arc<MetricsPipeline>)>,
    /// Pipelines of lines, likewise.
    pub(crate) emitted_lines: Vec<(PipelinePlan, Arc<LogsPipeline>)>,
}

/// The table in force. Targets look at each page, sources at each batch.
#[derive(Clone)]
pub(crate) struct Routes {
    table: Arc<RwLock<Arc<Table>>>,
    ledger: Ledger,
}

impl Routes {
    /// An empty table. What comes from sources goes on in their accounts in `ledger`.
    pub(crate) fn new(ledger: &Ledger) -> Self {
        Self { table: Arc::default(), ledger: ledger.clone() }
    }

    /// The table in force.
    pub(crate) fn load(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another table in force; its generation is set here.
    pub(crate) fn replace(&self, mut table: Table) {
        let mut slot = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.generation = slot.generation + 1;
        *slot = Arc::new(table);
    }

    /// The outlet of a source of lines.
    pub(crate) fn lines(&self, source: &str) -> Arc<dyn LogOutlet> {
        let account = self.ledger.source(&format!("file_logs.{source}"), Signal::Lines);
        Arc::new(Lines { routes: self.clone(), source: source.to_owned(), account })
    }
}

impl EmitRoutes for Routes {
    fn generation(&self) -> u64 {
        self.load().generation
    }

    fn samples(&self, plugin: &str) -> Vec<Arc<MetricsPipeline>> {
        let table = self.load();
        let taking = table.emitted_samples.iter().filter(|(plan, _)| plan.takes_from_plugin(plugin));
        taking.map(|(_, pipeline)| pipeline.clone()).collect()
    }

    fn lines(&self, plugin: &str) -> LogsRoute {
        let table = self.load();
        let taking = table.emitted_lines.iter().filter(|(plan, _)| plan.takes_from_plugin(plugin));
        LogsRoute::new(taking.map(|(_, pipeline)| pipeline.clone()).collect())
    }
}

impl Outlets for Routes {
    fn open(&self, target: &TargetInfo) -> Box<dyn TargetOutlet> {
        let table = self.load();
        let pipelines = table.jobs.get(&target.job).map(Vec::as_slice).unwrap_or_default();
        let account = self.ledger.source(&format!("scrape.{}", target.job), Signal::Samples);
        Box::new(Outlet {
            routes: self.clone(),
            job: target.job.clone(),
            seen: table.generation,
            route: Some(TargetRoute::new(pipelines, target.hash, target.interval, account)),
        })
    }
}

/// One target's outlet: follows the table.
struct Outlet {
    routes: Routes,
    job: String,
    seen: u64,
    /// `None` once closed.
    route: Option<TargetRoute>,
}

impl TargetOutlet for Outlet {
    fn begin(&mut self) -> Pin<Box<dyn Future<Output = u64> + Send + '_>> {
        Box::pin(async move {
            let Some(route) = &mut self.route else { return 0 };
            let table = self.routes.load();
            if table.generation != self.seen {
                self.seen = table.generation;
                // A job that the table no longer has is about to be closed by the scraper: it keeps its way till then.
                if let Some(pipelines) = table.jobs.get(&self.job) {
                    route.set_pipelines(pipelines);
                }
            }
            route.begin().await
        })
    }

    fn due(&mut self, at: Instant) {
        if let Some(route) = &mut self.route {
            route.due(at);
        }
    }

    fn page(&mut self, page: &Page<'_>) {
        if let Some(route) = &mut self.route {
            route.page(page);
        }
    }

    fn close(&mut self, end: End) {
        if let (Some(route), End::Removed { interval }) = (self.route.take(), end) {
            route.leave(interval);
        }
    }
}

/// One source's outlet: looks the way up for each batch.
struct Lines {
    routes: Routes,
    source: String,
    account: SourceAccount,
}

impl LogOutlet for Lines {
    fn accept(&self, batch: LogBatch) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            // Without a way the batch is dropped unacknowledged: the source is about to stop, and will be read again.
            let route = self.routes.load().logs.get(&self.source).cloned();
            route.unwrap_or_default().accept(batch, &self.account).await;
        })
    }
}
