//! The admin server over the running collector.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::{RwLock, mpsc, watch};
use tokio::task::JoinHandle;
use weir_admin::{ReloadRequest, Source};
use weir_model::Labels;
use weir_plugin::{Change, PluginState, PluginStatus};
use weir_scrape::Health;
use weir_telemetry::ledger::Snapshot;
use weir_telemetry::{Ledger, Metrics};

use crate::collector::Collector;
use crate::failure::Failure;
use crate::queues;

/// Listens on the admin address.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|e| Failure::new(format!("error: cannot listen on {address} (admin.listen): {e}")))
}

/// A running admin server.
pub(crate) struct AdminServer {
    stop: watch::Sender<bool>,
    task: JoinHandle<std::io::Result<()>>,
}

/// Serves the pages of `collector` on `listener`.
pub(crate) fn start(
    listener: TcpListener,
    metrics: Metrics,
    ledger: Ledger,
    collector: Arc<RwLock<Collector>>,
    reloads: mpsc::Sender<ReloadRequest>,
) -> Result<AdminServer, Failure> {
    let address = listener.local_addr()?;
    let (stop, mut stopping) = watch::channel(false);
    let until_stopped = async move {
        // an error means that the sender is gone, which is a stop as well
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let task = tokio::spawn(weir_admin::serve(listener, metrics, Pages { collector, ledger }, reloads, until_stopped));
    tracing::info!(%address, "the admin server listens");
    Ok(AdminServer { stop, task })
}

impl AdminServer {
    /// Ends it at once: nobody waits for a page of a collector that stops.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        self.task.abort();
        if let Ok(Err(error)) = self.task.await {
            tracing::warn!(%error, "the admin server ended badly");
        }
    }
}

/// What the admin server asks the collector.
struct Pages {
    collector: Arc<RwLock<Collector>>,
    /// Not asked of the collector: the ledger is there during a reload as well.
    ledger: Ledger,
}

impl Source for Pages {
    async fn problems(&self) -> Vec<String> {
        self.collector.read().await.problems()
    }

    async fn ledger(&self) -> Snapshot {
        self.ledger.look()
    }

    async fn targets(&self) -> Value {
        let collector = self.collector.read().await;
        let active: Vec<Value> = collector
            .scrape()
            .targets()
            .into_iter()
            .map(|target| {
                json!({
                    "labels": labels(target.labels.as_labels()),
                    "scrapePool": target.job,
                    "scrapeUrl": target.url,
                    "health": match target.health {
                        Health::Unknown => "unknown",
                        Health::Up => "up",
                        Health::Down => "down",
                    },
                    "lastError": target.last_error.unwrap_or_default(),
                })
            })
            .collect();
        let dropped: Vec<Value> = collector
            .scrape()
            .dropped_targets()
            .into_iter()
            .map(|target| {
                json!({
                    "discoveredLabels": labels(target.discovered.as_labels()),
                    "scrapePool": target.job,
                    "error": target.error.map(|e| e.to_string()),
                })
            })
            .collect();
        json!({ "activeTargets": active, "droppedTargets": dropped })
    }

    async fn queues(&self) -> Value {
        let queues = self.collector.read().await.queues();
        // how many bytes the files have the disk knows
        let rows = tokio::task::spawn_blocking(move || queues.iter().map(queues::live_row).collect::<Vec<_>>()).await;
        json!({ "queues": rows.unwrap_or_default() })
    }

    async fn plugins(&self) -> Value {
        let plugins = self.collector.read().await.plugins();
        json!({ "plugins": plugins.iter().map(plugin).collect::<Vec<_>>() })
    }
}

fn labels(labels: Labels<'_>) -> Map<String, Value> {
    labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

fn change(change: &Change) -> Value {
    json!({ "from": change.from, "to": change.to, "needsAdded": change.added, "needsRemoved": change.removed })
}

fn plugin(status: &PluginStatus) -> Value {
    json!({
        "name": status.name,
        "state": match status.state {
            PluginState::Running => "running",
            PluginState::Resting => "resting",
            PluginState::Failed => "failed",
        },
        "sha256": status.sha256,
        "averageCallSeconds": status.average_call.map(|d| d.as_secs_f64()),
        "requests": status.requests.map(|(answered, refused)| json!({ "answered": answered, "refused": refused })),
        "problem": status.problem,
        "change": status.change.as_ref().map(change),
        "pending": status.pending.as_ref().map(change),
    })
}
