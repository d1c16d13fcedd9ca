//! All plugins of a process: loaded, published, reloaded.

use std::sync::Arc;

use tokio::sync::watch;
use weir_pipeline::guest::{Guest, Wants};
use weir_telemetry::Metrics;

use crate::error::LoadError;
use crate::settings::Settings;

/// The plugins that run, in the order of their names. Never changes; a reload makes another.
#[derive(Clone, Default)]
pub struct PluginSet {
    /// Counts the sets of this process.
    pub generation: u64,
    /// The guests, by ascending name.
    pub guests: Vec<Arc<dyn Guest>>,
}

/// How a plugin does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginState {
    /// Calls go through.
    Running,
    /// It failed too often and rests (the circuit breaker is open).
    Resting,
}

/// What an operator wants to know of a plugin.
#[derive(Clone, Debug)]
pub struct PluginStatus {
    /// Its name.
    pub name: String,
    /// The SHA-256 of its component, in hexadecimal.
    pub sha256: String,
    /// The interfaces it has and what they read.
    pub wants: Wants,
    /// How it does.
    pub state: PluginState,
    /// Why its file's newest version does not run, where it does not.
    pub problem: Option<String>,
}

/// All plugins, and the thread that watches their directory. Dropping it ends the thread; guests that are still
/// held elsewhere keep working.
pub struct Plugins {
    current: watch::Sender<Arc<PluginSet>>,
}

impl Plugins {
    /// Loads everything, starts watching. Blocks while components compile. All faults are gathered.
    pub fn open(_settings: Settings, _metrics: &Metrics) -> Result<Self, Vec<LoadError>> {
        Ok(Self { current: watch::Sender::new(Arc::default()) })
    }

    /// Loads and configures everything as [`Plugins::open`] would, runs nothing: for `weir check`.
    pub fn check(_settings: &Settings) -> Result<Vec<PluginStatus>, Vec<LoadError>> {
        Ok(Vec::new())
    }

    /// The plugins that run now.
    pub fn current(&self) -> Arc<PluginSet> {
        self.current.borrow().clone()
    }

    /// Each set that is published, the current one first.
    pub fn subscribe(&self) -> watch::Receiver<Arc<PluginSet>> {
        self.current.subscribe()
    }

    /// Goes over to other settings: all that is new or changed is loaded beside the old, then published at once; on any fault
    /// nothing changes. Blocks while components compile. `cache_dir` and `max_instances` stay as they were at start.
    pub fn apply(&self, _settings: Settings) -> Result<Arc<PluginSet>, Vec<LoadError>> {
        Ok(self.current())
    }

    /// How each plugin does.
    pub fn status(&self) -> Vec<PluginStatus> {
        Vec::new()
    }
}
