//! `weir run`: load, start, serve signals, stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{RwLock, mpsc};
use weir_config::{Config, Environment, LogFormat, System, Warning};
use weir_plugin::PluginSource;
use weir_telemetry::{Metrics, logging};

use crate::collector::Collector;
use crate::failure::Failure;
use crate::reloads::ReloadStats;
use crate::serve;

/// A reload asked for over HTTP, and where its outcome goes.
pub(crate) type ReloadRequest = weir_admin::ReloadRequest;

/// Runs the collector with the configuration in `path` until SIGTERM or SIGINT.
pub(crate) async fn run(path: &Path) -> Result<(), Failure> {
    let (config, warnings) = weir_config::load(path).map_err(|d| Failure::config(&d))?;
    let format = match config.log.format {
        LogFormat::Text => logging::Format::Text,
        LogFormat::Json => logging::Format::Json,
    };
    let level = logging::init(config.log.level.name(), format)?;
    warn(&warnings);
    let listener = serve::listen(config.admin.listen).await?;
    let mut running = Running::start(config, Some(path.to_owned()), vec![], listener, Metrics::new()).await?;
    running.level = Some(level);
    running.until_told().await
}

fn warn(warnings: &[Warning]) {
    for warning in warnings {
        tracing::warn!("{}", warning.message);
    }
}

/// A running weir: the collector and its admin server.
pub(crate) struct Running {
    collector: Arc<RwLock<Collector>>,
    /// The file to read again at a reload.
    path: Option<PathBuf>,
    reloads: mpsc::Receiver<ReloadRequest>,
    level: Option<logging::Level>,
    stats: ReloadStats,
    admin: serve::AdminServer,
    signals: Signals,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Running {
    /// Starts the collector and serves its admin pages on `listener`.
    pub(crate) async fn start(
        config: Config,
        path: Option<PathBuf>,
        embedded: Vec<PluginSource>,
        listener: TcpListener,
        metrics: Metrics,
    ) -> Result<Self, Failure> {
        // before anything that takes time: a SIGTERM during start must not kill the process half-way
        let signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        };
        let stats = ReloadStats::new(&metrics);
        let collector = Collector::start(config, embedded, &metrics).await?;
        let ledger = collector.ledger().clone();
        let collector = Arc::new(RwLock::new(collector));
        stats.succeeded();
        // reloads are rare and serialised: a second one waits in the channel, a third waits to get in
        let (requests, reloads) = mpsc::channel(1);
        let admin = serve::start(listener, metrics, ledger, collector.clone(), requests)?;
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "weir is running");
        Ok(Self { collector, path, reloads, level: None, stats, admin, signals })
    }

    /// Serves until SIGTERM or SIGINT, then stops in order.
    pub(crate) async fn until_told(self) -> Result<(), Failure> {
        self.until(std::future::pending()).await
    }

    /// Serves until SIGTERM, SIGINT or `end`, then stops in order.
    pub(crate) async fn until(mut self, end: impl Future<Output = ()>) -> Result<(), Failure> {
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                _ = self.signals.terminate.recv() => break,
                _ = self.signals.interrupt.recv() => break,
                _ = self.signals.hangup.recv() => {
                    let _ = self.reload().await;
                }
                Some(request) = self.reloads.recv() => {
                    let outcome = self.reload().await;
                    // who asked may have gone; the outcome is in the log as well
                    let _ = request.reply.send(outcome);
                }
            }
        }
        tracing::info!("stopping: sources first, then the queues drain");
        let Self { collector, admin, .. } = self;
        admin.stop().await;
        match Arc::try_unwrap(collector) {
            Ok(collector) => collector.into_inner().stop().await,
            // an admin request that outlived its server still holds it: its answer goes nowhere, but the data must
            Err(collector) => tracing::error!(holders = Arc::strong_count(&collector), "the collector is still in use"),
        }
        tracing::info!("stopped");
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), String> {
        let Some(path) = &self.path else {
            return Err("weir runs on an embedded configuration: there is nothing to read again".to_owned());
        };
        let mut collector = self.collector.write().await;
        let outcome = match weir_config::load_with(path, &WithRunning(collector.plugin_names())) {
            Ok((config, warnings)) => {
                warn(&warnings);
                let level = config.log.level.name();
                let outcome = collector.reload(config).await.map_err(|e| e.to_string());
                if let (Ok(()), Some(log)) = (&outcome, &self.level)
                    && let Err(error) = log.set(level)
                {
                    tracing::error!(%error, "the log's level stays as it was");
                }
                outcome
            }
            Err(diagnostics) => Err(diagnostics.to_string()),
        };
        match &outcome {
            Ok(()) => {
                self.stats.succeeded();
                tracing::info!(path = %path.display(), "configuration reloaded");
            }
            Err(error) => {
                self.stats.failed();
                tracing::warn!(path = %path.display(), error, "the reload failed; the running configuration stays");
            }
        }
        outcome
    }
}

/// The process' surroundings at a reload: a plugin that runs counts as present, though its file may have gone.
struct WithRunning(Vec<String>);

impl Environment for WithRunning {
    fn var(&self, name: &str) -> Option<String> {
        System.var(name)
    }

    fn read(&self, path: &Path) -> std::io::Result<String> {
        System.read(path)
    }

    fn list(&self, folder: &Path) -> std::io::Result<Vec<String>> {
        System.list(folder)
    }

    fn plugins(&self) -> Vec<String> {
        self.0.clone()
    }
}
