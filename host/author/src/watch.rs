//! Waiting for an author to change something.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::error::AuthorError;
use crate::project::Project;

/// How long nothing must change before a build: editors write a file in several steps, and this is what nobody notices.
const QUIET: Duration = Duration::from_millis(30);

/// The sources of a project, watched.
pub struct Sources {
    _watcher: RecommendedWatcher,
    changes: Receiver<()>,
}

impl Sources {
    /// Watches what a build of the project reads, and its manifest.
    pub fn watch(project: &Project) -> Result<Self, AuthorError> {
        let mut sources = project.language.sources(project);
        sources.push(project.dir.join(crate::MANIFEST_FILE));
        let (send, changes) = mpsc::sync_channel(1);
        let heeded = sources.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let is_change = event.is_ok_and(|e| {
                !matches!(e.kind, EventKind::Access(_))
                    && e.paths.iter().any(|path| heeded.iter().any(|source| path.starts_with(source)))
            });
            if is_change {
                // one change is as good as many
                let _ = send.try_send(());
            }
        })
        .map_err(|e| failed(&project.dir, &e))?;
        // files are watched by way of their folder: editors put a new one in the place of the old
        watcher.watch(&project.dir, RecursiveMode::NonRecursive).map_err(|e| failed(&project.dir, &e))?;
        for folder in sources.iter().filter(|s| s.is_dir()) {
            watcher.watch(folder, RecursiveMode::Recursive).map_err(|e| failed(folder, &e))?;
        }
        Ok(Self { _watcher: watcher, changes })
    }

    /// Waits for a change, and until it is over. When it was seen first; `None` when there will be none any more.
    pub fn changed(&self) -> Option<Instant> {
        self.changes.recv().ok()?;
        let first = Instant::now();
        loop {
            match self.changes.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => return Some(first),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}

fn failed(path: &std::path::Path, error: &notify::Error) -> AuthorError {
    AuthorError::File { path: PathBuf::from(path), source: std::io::Error::other(error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::by_name;
    use crate::new::new;

    #[test]
    fn a_change_is_seen_and_what_a_build_writes_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("tidy");
        new(by_name("rust").unwrap(), &dir).unwrap();
        let project = Project::open(&dir).unwrap();
        project.build_dir().unwrap();
        let sources = Sources::watch(&project).unwrap();
        std::fs::write(dir.join("build/tidy.wasm"), b"x").unwrap();
        std::fs::write(dir.join("README.md"), b"x").unwrap();
        assert!(sources.changes.recv_timeout(Duration::from_millis(200)).is_err());
        // as an editor does it
        std::fs::write(dir.join("src/lib.rs~"), b"x").unwrap();
        std::fs::rename(dir.join("src/lib.rs~"), dir.join("src/lib.rs")).unwrap();
        assert!(sources.changed().is_some());
        assert!(sources.changes.try_recv().is_err());
        std::fs::write(dir.join("Cargo.toml"), b"x").unwrap();
        assert!(sources.changed().is_some());
    }
}
