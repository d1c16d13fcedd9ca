//! Notice of changes in directories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Watches directories rather than files, since files are replaced by renaming. Without the system's help it stays
/// silent, and files are read at the refresh interval only.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: Option<RecommendedWatcher>,
    changed: Arc<Notify>,
    /// What was last said about a directory that cannot be watched, so that it is said once.
    problems: BTreeMap<PathBuf, String>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let changed = Arc::new(Notify::new());
        let theirs = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error is an overflow of the system's queue, say: then too something changed.
            if event.is_ok_and(|e| !matters(e.kind)) {
                return;
            }
            theirs.notify_one();
        });
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!(%error, "cannot watch files of targets; they are read at the refresh interval only");
        });
        Self { watcher: watcher.ok(), changed, problems: BTreeMap::new() }
    }

    /// Watches a directory from now on; asked again, also one that was made anew in the meantime.
    pub(crate) fn directory(&mut self, path: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        match watcher.watch(path, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.problems.remove(path);
            }
            Err(error) => {
                let error = error.to_string();
                if self.problems.get(path) != Some(&error) {
                    tracing::warn!(directory = %path.display(), error, "cannot watch for targets; trying again later");
                    self.problems.insert(path.to_path_buf(), error);
                }
            }
        }
    }

    /// Resolves when something changed since the last time it resolved.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// Opening and reading are no changes: to heed them would mean to hear one's own steps.
fn matters(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}
