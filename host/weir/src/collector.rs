//! The running collector: everything assembled, reloaded and stopped in one visible order.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use weir_client::Client;
use weir_config::{Config, PipelinePlan, Process, Signal};
use weir_model::{LogBatch, TargetSink};
use weir_pipeline::guest::Guest;
use weir_pipeline::{
    EmitSources, LogSinks, LogsPipeline, LogsRoute, MetricsPipeline, PipelineStats, SampleSinks, Writers,
};
use weir_plugin::{PluginSet, PluginSource, PluginStatus, Plugins};
use weir_push::{Destinations, LokiOutlet, Sinks};
use weir_scrape::ScrapeManager;
use weir_tail::Tails;
use weir_telemetry::ledger::Checker;
use weir_telemetry::{Ledger, Metrics, PipelineAccount};

use crate::books;
use crate::circles;
use crate::restart::{self, RestartNeeded};
use crate::routes::{Routes, Table};
use crate::translate;

/// Why the collector did not start, or did not take another configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectorError {
    /// Fatal at start, without effect at a reload: plugins that cannot be loaded, each with its reason.
    #[error("{}", lines(.0))]
    Plugins(Vec<weir_plugin::LoadError>),
    /// As above: the configuration names plugins that are not there.
    #[error("{}", lines(.0))]
    MissingPlugins(Vec<MissingPlugin>),
    /// As above: plugins would feed each other for ever.
    #[error(transparent)]
    Circle(#[from] circles::Circle),
    /// Without effect at a reload: settings that only a start can change.
    #[error(transparent)]
    Restart(#[from] RestartNeeded),
    /// As above: a value that a component does not take.
    #[error(transparent)]
    Untranslatable(#[from] translate::Untranslatable),
    /// As above: a sink cannot be set up.
    #[error(transparent)]
    Sinks(#[from] weir_push::SinkError),
    /// As above: a scrape job cannot be set up.
    #[error(transparent)]
    Scrape(#[from] weir_scrape::ApplyError),
    /// As above: a source of lines cannot be set up.
    #[error(transparent)]
    Tail(#[from] weir_tail::StartError),
}

/// A pipeline's plugin that is not there.
#[derive(Debug, thiserror::Error)]
#[error(
    "pipeline {pipeline:?} runs plugin {plugin:?}, and there is no {plugin}.wasm in the plugin directory (there: {there})"
)]
pub(crate) struct MissingPlugin {
    pipeline: String,
    plugin: String,
    there: String,
}

fn lines<E: std::fmt::Display>(errors: &[E]) -> String {
    errors.iter().map(E::to_string).collect::<Vec<_>>().join("\n")
}

/// What the pipelines are made of, whatever the configuration.
struct Parts {
    sinks: Arc<Sinks>,
    writers: Arc<Writers>,
    stats: PipelineStats,
}

/// The pipelines in force, by name.
#[derive(Default)]
struct Pipelines {
    metrics: BTreeMap<String, MetricsWay>,
    logs: BTreeMap<String, LogsWay>,
}

struct MetricsWay {
    plan: PipelinePlan,
    to: Arc<Destinations>,
    pipeline: Arc<MetricsPipeline>,
}

struct LogsWay {
    plan: PipelinePlan,
    to: Arc<Destinations>,
    pipeline: Arc<LogsPipeline>,
}

/// See the [module](self).
pub(crate) struct Collector {
    config: Config,
    embedded: Vec<PluginSource>,
    plugins: Plugins,
    parts: Arc<Parts>,
    pipelines: Arc<Mutex<Pipelines>>,
    routes: Routes,
    emitted: Arc<EmitSources>,
    scrape: ScrapeManager,
    tails: Tails,
    swaps: tokio::task::JoinHandle<()>,
    ledger: Ledger,
    checks: tokio::task::JoinHandle<()>,
}

impl Collector {
    /// Builds and starts everything: sinks first, so that there is somewhere to send to; sources last.
    pub(crate) async fn start(
        config: Config,
        embedded: Vec<PluginSource>,
        metrics: &Metrics,
    ) -> Result<Self, CollectorError> {
        let ledger = Ledger::new(metrics);
        let routes = Routes::new(&ledger);
        let emitted = Arc::new(EmitSources::new(&ledger, Arc::new(routes.clone())));
        let plugins = open_plugins(&config, &embedded, &emitted, metrics)?;
        check_named(&config, &names(&plugins.current()))?;
        circles::check(&config.pipelines, &plugins.status())?;
        let (remote_writes, lokis) = translate::sinks(&config)?;
        let sinks = Arc::new(Sinks::open(remote_writes, lokis, &config.data_dir, metrics, &ledger).await?);
        let stats = PipelineStats::new(metrics, &ledger);
        let parts = Arc::new(Parts { sinks, writers: Arc::default(), stats });
        let pipelines = Arc::new(Mutex::new(Pipelines::default()));
        routes.replace(lay(&config, &plugins.current(), &parts, &pipelines).0);
        let scrape = ScrapeManager::new(Arc::new(routes.clone()), metrics, ledger.clone());
        let lines = routes.clone();
        let mut tails = Tails::new(
            config.data_dir.join("checkpoints"),
            metrics,
            &ledger,
            translate::DRAIN,
            Box::new(move |source| lines.lines(source)),
        );
        scrape.apply(config.scrape_configs.iter().map(translate::job).collect())?;
        tails.apply(config.file_logs.iter().map(translate::file_logs).collect()).await?;
        let swaps = tokio::spawn(follow_swaps(plugins.subscribe(), pipelines.clone(), emitted.clone()));
        let checks = tokio::spawn(books::check(Checker::new(&ledger, metrics)));
        Ok(Self { config, embedded, plugins, parts, pipelines, routes, emitted, scrape, tails, swaps, ledger, checks })
    }

    /// Goes over to another configuration; on an error the old one stays in force. Sources, targets and sinks that did not
    /// change are not interrupted.
    pub(crate) async fn reload(&mut self, config: Config) -> Result<(), CollectorError> {
        restart::check(&self.config, &config)?;
        validate(&config)?;
        let set = self.apply_plugins(&config)?;
        let fits = check_named(&config, &names(&set))
            .and_then(|()| Ok(circles::check(&config.pipelines, &self.plugins.status())?));
        let outcome = match fits {
            Ok(()) => self.switch(&config, &set).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.back().await;
            return Err(error);
        }
        self.config = config;
        Ok(())
    }

    /// Puts all but the plugins in force, in the order in which nothing is lost: first what takes data, then the ways there,
    /// then what brings data.
    async fn switch(&mut self, config: &Config, set: &PluginSet) -> Result<(), CollectorError> {
        let (remote_writes, lokis) = translate::sinks(config)?;
        self.parts.sinks.apply(remote_writes, lokis).await?;
        let (table, changed) = lay(config, set, &self.parts, &self.pipelines);
        if changed {
            self.parts.sinks.reroute();
        }
        self.routes.replace(table);
        self.scrape.apply(config.scrape_configs.iter().map(translate::job).collect())?;
        self.tails.apply(config.file_logs.iter().map(translate::file_logs).collect()).await?;
        Ok(())
    }

    /// Back to the configuration of before a reload that failed on its way.
    async fn back(&mut self) {
        let old = self.config.clone();
        let set = self.apply_plugins(&old).unwrap_or_else(|error| {
            tracing::error!(%error, "the plugins of before the failed reload do not load again");
            self.plugins.current()
        });
        if let Err(error) = self.switch(&old, &set).await {
            tracing::error!(%error, "after a failed reload the configuration of before is not wholly in force again");
        }
    }

    fn apply_plugins(&self, config: &Config) -> Result<Arc<PluginSet>, CollectorError> {
        let settings = plugin_settings(config, &self.embedded, &self.emitted);
        tokio::task::block_in_place(|| self.plugins.apply(settings)).map_err(CollectorError::Plugins)
    }

    /// What keeps weir from being ready, if anything.
    pub(crate) fn problems(&self) -> Vec<String> {
        let unwell = |sink: weir_push::SinkHealth| match sink.queue {
            weir_push::Health::Ok => None,
            weir_push::Health::DiskFull => Some(format!("no space on the disk for the queue of {}", sink.component)),
            weir_push::Health::DiskLow { min_free } => Some(format!(
                "less than {min_free} bytes (min_free_disk) are left on the disk for the queue of {}",
                sink.component
            )),
            weir_push::Health::Failing(why) => {
                Some(format!("the queue of {} cannot be written: {why}", sink.component))
            }
        };
        let mut problems: Vec<String> = self.parts.sinks.health().into_iter().filter_map(unwell).collect();
        for plugin in self.plugins.status() {
            if plugin.state == weir_plugin::PluginState::Resting {
                problems.push(format!("plugin {:?} failed too often and rests for a while", plugin.name));
            }
        }
        let looking = |source| format!("file_logs {source:?} has not looked at all its files yet");
        problems.extend(self.tails.looking().map(looking));
        problems
    }

    /// The sinks' queues.
    pub(crate) fn queues(&self) -> Vec<weir_push::SinkQueue> {
        self.parts.sinks.queues()
    }

    /// How each plugin does.
    pub(crate) fn plugins(&self) -> Vec<PluginStatus> {
        self.plugins.status()
    }

    /// The plugins that run.
    pub(crate) fn plugin_names(&self) -> Vec<String> {
        names(&self.plugins.current()).into_iter().map(str::to_owned).collect()
    }

    /// Each target and how it does, as Prometheus' `/api/v1/targets` shows it.
    pub(crate) fn scrape(&self) -> &ScrapeManager {
        &self.scrape
    }

    /// The conservation ledger.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Ends in the order of the data: sources stop, what they read becomes durable, then the senders drain, all within
    /// bounds. What cannot be sent stays in the queues.
    pub(crate) async fn stop(self) {
        let Self { scrape, tails, parts, swaps, plugins, emitted, ledger, checks, .. } = self;
        swaps.abort();
        checks.abort();
        // Tails wait for what they have handed on to become durable; a flush now saves them the buffers' deadline.
        parts.sinks.flush();
        tokio::join!(scrape.stop(), tails.stop());
        // What plugins have gathered; it may come to others, which are behind them in every pipeline.
        for _ in 0..=plugins.current().guests.len() {
            emitted.settled(translate::DRAIN).await;
            if !tokio::task::block_in_place(|| plugins.end_ticks()) {
                break;
            }
        }
        emitted.stop(translate::DRAIN).await;
        parts.sinks.shutdown(translate::DRAIN).await;
        books::close(&ledger);
        drop(plugins);
    }
}

fn plugin_settings(config: &Config, embedded: &[PluginSource], emitted: &Arc<EmitSources>) -> weir_plugin::Settings {
    let emit_to = weir_plugin::EmitTo(Some(emitted.clone()));
    weir_plugin::Settings { emit_to, ..translate::plugins(config, embedded) }
}

fn open_plugins(
    config: &Config,
    embedded: &[PluginSource],
    emitted: &Arc<EmitSources>,
    metrics: &Metrics,
) -> Result<Plugins, CollectorError> {
    let settings = plugin_settings(config, embedded, emitted);
    tokio::task::block_in_place(|| Plugins::open(settings, metrics)).map_err(CollectorError::Plugins)
}

/// Everything about sources and sinks that can be found wrong without starting them; reads the files that they name.
pub(crate) fn validate(config: &Config) -> Result<(), CollectorError> {
    let (remote_writes, lokis) = translate::sinks(config)?;
    Sinks::check(remote_writes, lokis)?;
    for job in config.scrape_configs.iter().map(translate::job) {
        let failed = |source| weir_scrape::ApplyError::Client { job: job.job_name.clone(), source };
        Client::new(&job.client).map_err(failed)?;
    }
    for source in config.file_logs.iter().map(translate::file_logs) {
        let failed = |problem| weir_tail::StartError::Settings { name: source.name.clone(), source: problem };
        source.check().map_err(failed)?;
    }
    Ok(())
}

/// Every plugin that a pipeline names is there.
pub(crate) fn check_named(config: &Config, there: &[&str]) -> Result<(), CollectorError> {
    let mut missing = vec![];
    for plan in &config.pipelines {
        let Process::Named(names) = &plan.process else { continue };
        for plugin in names.iter().filter(|n| !there.contains(&n.as_str())) {
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            missing.push(MissingPlugin { pipeline: plan.name.clone(), plugin: plugin.clone(), there });
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(CollectorError::MissingPlugins(missing)) }
}

fn names(set: &PluginSet) -> Vec<&str> {
    set.guests.iter().map(|g| g.name()).collect()
}

/// Lays the pipelines of a configuration, keeping those that are there already, and says which source feeds which; and
/// whether anything about that has changed.
fn lay(config: &Config, set: &PluginSet, parts: &Arc<Parts>, pipelines: &Mutex<Pipelines>) -> (Table, bool) {
    let mut pipelines = pipelines.lock().unwrap_or_else(PoisonError::into_inner);
    let before = pipelines.plans();
    let mut former = std::mem::take(&mut *pipelines);
    for plan in &config.pipelines {
        // that all named ones are there was checked before
        let (name, guests) = (plan.name.clone(), guests(plan, set).unwrap_or_default());
        match plan.signal {
            Signal::Metrics => {
                let way = match former.metrics.remove(&plan.name) {
                    Some(way) => way.follow(plan, &guests),
                    None => MetricsWay::new(plan, &guests, parts),
                };
                pipelines.metrics.insert(name, way);
            }
            Signal::Logs => {
                let way = match former.logs.remove(&plan.name) {
                    Some(way) => way.follow(plan, &guests),
                    None => LogsWay::new(plan, &guests, parts),
                };
                pipelines.logs.insert(name, way);
            }
        }
    }
    let changed = before != pipelines.plans();
    (table(config, &pipelines), changed)
}

impl Pipelines {
    fn plans(&self) -> Vec<PipelinePlan> {
        let (metrics, logs) = (self.metrics.values().map(|w| &w.plan), self.logs.values().map(|w| &w.plan));
        metrics.chain(logs).cloned().collect()
    }
}

impl MetricsWay {
    fn new(plan: &PipelinePlan, guests: &[Arc<dyn Guest>], parts: &Arc<Parts>) -> Self {
        let to = Arc::new(Destinations::new(&bare(&plan.sinks)));
        let sinks = Arc::new(MetricsTo { parts: parts.clone(), to: to.clone() });
        let pipeline = MetricsPipeline::new(&plan.name, guests, sinks, &parts.writers, &parts.stats);
        Self { plan: plan.clone(), to, pipeline }
    }

    fn follow(self, plan: &PipelinePlan, guests: &[Arc<dyn Guest>]) -> Self {
        self.pipeline.set_guests(guests);
        self.to.set(&bare(&plan.sinks));
        Self { plan: plan.clone(), ..self }
    }
}

impl LogsWay {
    fn new(plan: &PipelinePlan, guests: &[Arc<dyn Guest>], parts: &Arc<Parts>) -> Self {
        let to = Arc::new(Destinations::new(&bare(&plan.sinks)));
        let sinks = Arc::new(LogsTo::new(parts.clone(), to.clone()));
        let pipeline = LogsPipeline::new(&plan.name, guests, sinks, &parts.stats);
        Self { plan: plan.clone(), to, pipeline }
    }

    fn follow(self, plan: &PipelinePlan, guests: &[Arc<dyn Guest>]) -> Self {
        self.pipeline.set_guests(guests);
        self.to.set(&bare(&plan.sinks));
        Self { plan: plan.clone(), ..self }
    }
}

fn table(config: &Config, pipelines: &Pipelines) -> Table {
    let mut jobs: HashMap<String, Vec<Arc<MetricsPipeline>>> =
        config.scrape_configs.iter().map(|job| (job.job_name.clone(), vec![])).collect();
    for way in pipelines.metrics.values() {
        for job in bare(&way.plan.sources) {
            jobs.entry(job).or_default().push(way.pipeline.clone());
        }
    }
    let mut logs: HashMap<String, Vec<Arc<LogsPipeline>>> = HashMap::new();
    for way in pipelines.logs.values() {
        for source in bare(&way.plan.sources) {
            logs.entry(source).or_default().push(way.pipeline.clone());
        }
    }
    let logs = logs.into_iter().map(|(source, pipelines)| (source, LogsRoute::new(pipelines))).collect();
    let emitted_samples = pipelines.metrics.values().map(|way| (way.plan.clone(), way.pipeline.clone())).collect();
    let emitted_lines = pipelines.logs.values().map(|way| (way.plan.clone(), way.pipeline.clone())).collect();
    Table { jobs, logs, emitted_samples, emitted_lines, ..Table::default() }
}

/// `remote_write.mimir` as `mimir`.
fn bare(names: &[String]) -> Vec<String> {
    names.iter().map(|n| n.split_once('.').map_or(n.as_str(), |(_, name)| name).to_owned()).collect()
}

/// A plan's plugins; `None` while one that it names is not in the set. Its pipeline then keeps what it has: data must not
/// pass without a plugin that takes secrets out of it.
fn guests(plan: &PipelinePlan, set: &PluginSet) -> Option<Vec<Arc<dyn Guest>>> {
    match &plan.process {
        Process::All => Some(set.guests.clone()),
        Process::Named(names) => names.iter().map(|n| set.guests.iter().find(|g| g.name() == n).cloned()).collect(),
    }
}

/// Puts each published set of plugins in force in every pipeline.
async fn follow_swaps(
    mut sets: tokio::sync::watch::Receiver<Arc<PluginSet>>,
    pipelines: Arc<Mutex<Pipelines>>,
    emitted: Arc<EmitSources>,
) {
    while sets.changed().await.is_ok() {
        let set = sets.borrow_and_update().clone();
        emitted.set_plugins(&names(&set));
        let pipelines = pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        for MetricsWay { plan, pipeline, .. } in pipelines.metrics.values() {
            if guests(plan, &set).is_some_and(|guests| pipeline.set_guests(&guests)) {
                tracing::info!(pipeline = pipeline.name(), "plugins changed: in force from each target's next page");
            }
        }
        for LogsWay { plan, pipeline, .. } in pipelines.logs.values() {
            if guests(plan, &set).is_some_and(|guests| pipeline.set_guests(&guests)) {
                tracing::info!(pipeline = pipeline.name(), "plugins changed: in force from the next batch");
            }
        }
    }
}

/// A pipeline's remote write sinks.
struct MetricsTo {
    parts: Arc<Parts>,
    to: Arc<Destinations>,
}

impl SampleSinks for MetricsTo {
    fn generation(&self) -> u64 {
        self.parts.sinks.generation()
    }

    fn open(&self, target: u64, from: &PipelineAccount) -> Box<dyn TargetSink> {
        self.parts.sinks.remote_write_target(&self.to, target, from)
    }
}

/// A pipeline's Loki sinks.
struct LogsTo {
    parts: Arc<Parts>,
    to: Arc<Destinations>,
    /// With the generation of the sinks that it was made for.
    outlet: RwLock<(u64, LokiOutlet)>,
}

impl LogsTo {
    fn new(parts: Arc<Parts>, to: Arc<Destinations>) -> Self {
        let outlet = RwLock::new((parts.sinks.generation(), parts.sinks.loki(&to.get())));
        Self { parts, to, outlet }
    }

    fn outlet(&self) -> LokiOutlet {
        let generation = self.parts.sinks.generation();
        let (of, outlet) = self.outlet.read().unwrap_or_else(PoisonError::into_inner).clone();
        if of == generation {
            return outlet;
        }
        let outlet = self.parts.sinks.loki(&self.to.get());
        *self.outlet.write().unwrap_or_else(PoisonError::into_inner) = (generation, outlet.clone());
        outlet
    }
}

impl LogSinks for LogsTo {
    fn accept<'a>(
        &'a self,
        batch: LogBatch,
        from: &'a PipelineAccount,
    ) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
        Box::pin(async move { self.outlet().accept(batch, from).await })
    }
}
