//! The sinks' queues, to be looked at.

use std::path::{Path, PathBuf};

use weir_queue::{Health, Stats};

use super::Sinks;
use super::open::queue_dir;

/// A sink's queue at this moment.
#[derive(Clone, Debug)]
pub struct SinkQueue {
    /// The sink, as in the ledger.
    pub component: String,
    /// The queue's directory.
    pub dir: PathBuf,
    /// What is in it, and what became of the rest since it was opened.
    pub stats: Stats,
    /// Whether it can keep what it is given.
    pub health: Health,
}

/// Where the queues are below a data directory: one directory for each sink.
pub fn queues_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("queue")
}

impl Sinks {
    /// The open queues, in the order of their sinks' names.
    pub fn queues(&self) -> Vec<SinkQueue> {
        let queue = |sink: std::sync::Arc<crate::sink::Sink>| {
            let stats = sink.binding().queue.as_ref()?.queue.stats();
            let component = sink.component().to_owned();
            let dir = queue_dir(&self.inner.data_dir, &component);
            Some(SinkQueue { component, dir, stats, health: sink.health() })
        };
        self.inner.sinks().into_iter().filter_map(queue).collect()
    }
}
