//! All sources of the configuration.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weir_telemetry::{Ledger, Metrics};

use crate::metrics::TailMetrics;
use crate::outlet::LogOutlet;
use crate::settings::FileLogsSettings;
use crate::tail::{StartError, Tail};

/// Makes the outlet of the source with the given name.
pub type MakeOutlet = Box<dyn Fn(&str) -> Arc<dyn LogOutlet> + Send + Sync>;

/// The running sources; a reload touches only those whose settings differ.
pub struct Tails {
    checkpoints: PathBuf,
    metrics: TailMetrics,
    ledger: Ledger,
    outlet: MakeOutlet,
    patience: Duration,
    running: BTreeMap<String, (FileLogsSettings, Tail)>,
}

impl Tails {
    /// No sources yet. Checkpoints are kept in `checkpoints`; a source that is stopped waits up to `patience` for
    /// acknowledgements.
    pub fn new(
        checkpoints: PathBuf,
        metrics: &Metrics,
        ledger: &Ledger,
        patience: Duration,
        outlet: MakeOutlet,
    ) -> Self {
        let metrics = TailMetrics::new(metrics);
        Self { checkpoints, metrics, ledger: ledger.clone(), outlet, patience, running: BTreeMap::new() }
    }

    /// Makes the running sources those of `settings`: stops what is gone, starts what is new, restarts what differs, and
    /// leaves the others alone. Settings that cannot work change nothing at all; after any other error some sources may be
    /// missing, and applying again makes up for it.
    pub async fn apply(&mut self, settings: Vec<FileLogsSettings>) -> Result<(), StartError> {
        let mut names = HashSet::new();
        for one in &settings {
            one.check().map_err(|source| StartError::Settings { name: one.name.clone(), source })?;
            if !names.insert(one.name.clone()) {
                return Err(StartError::Twice { name: one.name.clone() });
            }
        }
        let keep = |name: &str, running: &FileLogsSettings| settings.iter().any(|s| s.name == name && s == running);
        let gone: Vec<String> =
            self.running.iter().filter(|(name, (s, _))| !keep(name, s)).map(|(name, _)| name.clone()).collect();
        self.stop_all(gone, &names).await;
        for one in settings {
            if !self.running.contains_key(&one.name) {
                let outlet = (self.outlet)(&one.name);
                let tail = Tail::start(one.clone(), outlet, &self.checkpoints, &self.metrics, &self.ledger)?;
                self.running.insert(one.name.clone(), (one, tail));
            }
        }
        Ok(())
    }

    /// The names of the running sources.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.running.keys().map(String::as_str)
    }

    /// The sources that have not looked at all their files yet: what is renamed now may be missed.
    pub fn looking(&self) -> impl Iterator<Item = &str> {
        self.running.iter().filter(|(_, (_, tail))| !tail.has_looked()).map(|(name, _)| name.as_str())
    }

    /// Stops all sources, at once, and writes their checkpoints.
    pub async fn stop(mut self) {
        let all = self.running.keys().cloned().collect();
        self.stop_all(all, &HashSet::new()).await;
    }

    async fn stop_all(&mut self, names: Vec<String>, stay: &HashSet<String>) {
        let mut stopping = tokio::task::JoinSet::new();
        for name in &names {
            if let Some((_, tail)) = self.running.remove(name) {
                stopping.spawn(tail.stop(self.patience));
            }
        }
        while stopping.join_next().await.is_some() {}
        for name in names.iter().filter(|n| !stay.contains(*n)) {
            self.metrics.remove(name);
        }
    }
}
