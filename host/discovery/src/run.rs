//! The task that keeps target groups current.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::files::Files;
use crate::watch::Watch;
use crate::{DiscoveryMetrics, DiscoverySettings, TargetGroup};

/// Between notice of a change and reading: editors and configuration tools write in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// The shortest refresh interval, so that a 0 does not make a busy loop.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);

/// Discovery under way. Dropping it ends its task and lets go of its watches; the last groups stay readable.
#[derive(Debug)]
pub struct Running {
    /// All groups of all sources, as of the last change. The first value is complete when [`start`] returns.
    pub groups: watch::Receiver<Arc<Vec<TargetGroup>>>,
    keeper: Keeper,
}

#[derive(Debug)]
enum Keeper {
    /// Nothing can change: the sender is kept only so that the channel counts as open.
    Nothing {
        _open: watch::Sender<Arc<Vec<TargetGroup>>>,
    },
    Task(JoinHandle<()>),
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Keeper::Task(task) = &self.keeper {
            task.abort();
        }
    }
}

/// What the task owns.
#[derive(Debug)]
struct Sources {
    fixed: Vec<TargetGroup>,
    files: Vec<Files>,
    watch: Watch,
}

/// Reads all sources once, then keeps their groups current.
///
/// Must be called within a tokio runtime; it reads the files before it returns. It does not fail: a file that cannot be
/// read is logged, counted, and read again when it changes or the refresh interval is over.
pub fn start(settings: Vec<DiscoverySettings>, metrics: Option<DiscoveryMetrics>) -> Running {
    let metrics = metrics.unwrap_or_default();
    let (mut fixed, mut files, mut refresh) = (Vec::new(), Vec::new(), None);
    for settings in settings {
        match settings {
            DiscoverySettings::Static(groups) => fixed.extend(groups),
            DiscoverySettings::File { patterns, refresh: every } => {
                files.push(Files::new(&patterns, metrics.clone()));
                let every = every.max(SHORTEST_REFRESH);
                refresh = Some(refresh.map_or(every, |shortest: Duration| shortest.min(every)));
            }
        }
    }
    for (i, group) in fixed.iter_mut().enumerate() {
        if group.source.is_empty() {
            group.source = format!("static/{i}");
        }
    }
    let Some(refresh) = refresh else {
        let (sender, groups) = watch::channel(Arc::new(fixed));
        return Running { groups, keeper: Keeper::Nothing { _open: sender } };
    };
    let mut sources = Sources { fixed, files, watch: Watch::new() };
    let (sender, groups) = watch::channel(Arc::new(sources.refresh()));
    Running { groups, keeper: Keeper::Task(tokio::spawn(keep(sources, refresh, sender))) }
}

async fn keep(mut sources: Sources, refresh: Duration, sender: watch::Sender<Arc<Vec<TargetGroup>>>) {
    loop {
        tokio::select! {
            () = sources.watch.changed() => tokio::time::sleep(SETTLE).await,
            () = tokio::time::sleep(refresh) => {}
        }
        // Files may lie on a file system that makes one wait.
        let read = tokio::task::spawn_blocking(move || {
            let groups = sources.refresh();
            (sources, groups)
        });
        let Ok((back, groups)) = read.await else {
            tracing::error!("reading targets failed beyond repair; those known stay until the next reload");
            return std::future::pending().await;
        };
        sources = back;
        sender.send_if_modified(|current| {
            let is_new = **current != groups;
            if is_new {
                *current = Arc::new(groups);
            }
            is_new
        });
    }
}

impl Sources {
    fn refresh(&mut self) -> Vec<TargetGroup> {
        // Watch first: what changes while the files are being read is then heard of.
        for directory in self.files.iter().flat_map(Files::directories) {
            self.watch.directory(directory);
        }
        for files in &mut self.files {
            files.refresh();
        }
        // Two lists may name one file; its groups count once.
        let mut seen = BTreeSet::new();
        let from_files = self.files.iter().flat_map(Files::groups).filter(|g| seen.insert(&g.source));
        self.fixed.iter().chain(from_files).cloned().collect()
    }
}
