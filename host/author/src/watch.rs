//! Waiting for an author to change something.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::error::AuthorError;
use crate::language::sdk_folder;
use crate::project::Project;

/// How long nothing must change before a build: editors write a file in several steps, and this is what nobody notices.
const QUIET: Duration = Duration::from_millis(30);

/// What lies at the top of a project and is no source: what builds, tests and toolchains write there. What is neither here nor hidden
/// may be read by a build (a new file, a package's folder, a table that the code includes), and a build too many is soon over.
const WRITTEN: &[&str] = &["build", "target", "tests", "node_modules", "Cargo.lock", "package-lock.json"];

/// The sources of a project, watched.
pub struct Sources {
    watcher: RecommendedWatcher,
    changes: Receiver<()>,
    dir: PathBuf,
    sdk: PathBuf,
}

impl Sources {
    /// Watches what a build of the project reads, and its manifest.
    pub fn watch(project: &Project) -> Result<Self, AuthorError> {
        let dir = project.dir.clone();
        let sdk = sdk_folder(project, project.language.sdk());
        let (send, changes) = mpsc::sync_channel(1);
        let (top, beside) = (dir.clone(), sdk.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let is_change = event.is_ok_and(|e| {
                !matches!(e.kind, EventKind::Access(_)) && e.paths.iter().any(|path| is_source(path, &top, &beside))
            });
            if is_change {
                // one change is as good as many
                let _ = send.try_send(());
            }
        })
        .map_err(|e| failed(&dir, &e))?;
        let mut sources = Self { watcher, changes, dir, sdk };
        sources.look_around()?;
        Ok(sources)
    }

    /// Watches the folders that there are now: those that came since, and those that were put in another's place, with the rest.
    fn look_around(&mut self) -> Result<(), AuthorError> {
        // files are watched by way of their folder: editors put a new one in the place of the old
        self.watcher.watch(&self.dir, RecursiveMode::NonRecursive).map_err(|e| failed(&self.dir, &e))?;
        let entries = std::fs::read_dir(&self.dir).map_err(AuthorError::file(&self.dir))?;
        let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        folders
            .retain(|path| is_source(path, &self.dir, &self.sdk) && path.is_dir() && !path.join("pyvenv.cfg").exists());
        if !self.sdk.starts_with(&self.dir) && self.sdk.is_dir() {
            folders.push(self.sdk.clone());
        }
        for folder in folders {
            match self.watcher.watch(&folder, RecursiveMode::Recursive) {
                Err(error) if folder.is_dir() => return Err(failed(&folder, &error)),
                // gone again
                Err(_) | Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Waits for a change, and until it is over. When it was seen first; `None` when there will be none any more.
    pub fn changed(&mut self) -> Result<Option<Instant>, AuthorError> {
        if self.changes.recv().is_err() {
            return Ok(None);
        }
        let first = Instant::now();
        loop {
            match self.changes.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
        // before the build, which sees what came into a new folder before it was watched
        self.look_around()?;
        Ok(Some(first))
    }
}

/// Whether a build may read a path: it is in the SDK, or at the top of the project or below and not written by tools.
fn is_source(path: &Path, dir: &Path, sdk: &Path) -> bool {
    let hidden = |name: &str| name.starts_with('.') || name == "__pycache__" || name.ends_with('~');
    let Ok(inside) = path.strip_prefix(dir) else { return path.starts_with(sdk) };
    let mut names = inside.iter().map(|name| name.to_str().unwrap_or_default()).peekable();
    let at_top = names.peek().copied().unwrap_or_default();
    let prose = inside.components().count() == 1 && Path::new(at_top).extension().is_some_and(|e| e == "md");
    !at_top.is_empty() && !prose && !WRITTEN.contains(&at_top) && !names.any(hidden)
}

fn failed(path: &Path, error: &notify::Error) -> AuthorError {
    AuthorError::File { path: PathBuf::from(path), source: std::io::Error::other(error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::by_name;
    use crate::new::new;

    fn project(language: &str) -> (tempfile::TempDir, PathBuf, Sources) {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("tidy");
        new(by_name(language).unwrap(), &dir).unwrap();
        let project = Project::open(&dir).unwrap();
        project.build_dir().unwrap();
        let sources = Sources::watch(&project).unwrap();
        (parent, dir, sources)
    }

    /// Waits for the change that was made. What is told of it late, on a busy machine, must not be taken for the next.
    #[track_caller]
    fn one(sources: &mut Sources) {
        assert!(sources.changed().unwrap().is_some());
        while sources.changes.recv_timeout(QUIET * 3).is_ok() {}
    }

    #[test]
    fn a_change_is_seen_and_what_a_build_writes_is_not() {
        let (_parent, dir, mut sources) = project("rust");
        std::fs::write(dir.join("build/tidy.wasm"), b"x").unwrap();
        std::fs::write(dir.join("README.md"), b"x").unwrap();
        std::fs::write(dir.join("Cargo.lock"), b"x").unwrap();
        std::fs::create_dir(dir.join("target")).unwrap();
        assert!(sources.changes.recv_timeout(Duration::from_millis(200)).is_err());
        // as an editor does it
        std::fs::write(dir.join("src/lib.rs~"), b"x").unwrap();
        std::fs::rename(dir.join("src/lib.rs~"), dir.join("src/lib.rs")).unwrap();
        one(&mut sources);
        std::fs::write(dir.join("Cargo.toml"), b"x").unwrap();
        one(&mut sources);
    }

    #[test]
    fn what_is_new_at_the_top_is_seen_and_what_changes_in_it() {
        for (language, file) in [("go", "rules.go"), ("c", "rules.c"), ("c", "rules.h"), ("rust", "rules.txt")] {
            let (_parent, dir, mut sources) = project(language);
            std::fs::write(dir.join(file), b"x").unwrap();
            one(&mut sources);
            std::fs::write(dir.join(file), b"y").unwrap();
            one(&mut sources);
            std::fs::create_dir(dir.join("more")).unwrap();
            one(&mut sources);
            std::fs::write(dir.join("more").join(file), b"x").unwrap();
            one(&mut sources);
            // as when another branch is checked out
            std::fs::remove_dir_all(dir.join("more")).unwrap();
            std::fs::create_dir(dir.join("more")).unwrap();
            one(&mut sources);
            std::fs::write(dir.join("more").join(file), b"y").unwrap();
            one(&mut sources);
        }
    }

    #[test]
    fn sources_are_what_nobody_writes() {
        let (dir, sdk) = (Path::new("/p"), Path::new("/w/sdk/go"));
        for source in ["/p/main.go", "/p/src/build/a.rs", "/p/weir/sdk/go/host.go", "/p/a.csv", "/w/sdk/go/host.go"] {
            assert!(is_source(Path::new(source), dir, sdk), "{source}");
        }
        let not =
            ["/p", "/p/README.md", "/p/build/a.wasm", "/p/.git/index", "/p/src/.a.rs.swp", "/p/src/__pycache__/a.pyc"];
        for other in not.iter().chain(&["/p/src/lib.rs~", "/p/tests/a.toml", "/w/sdk/c/host.c", "/p/node_modules/a.js"])
        {
            assert!(!is_source(Path::new(other), dir, sdk), "{other}");
        }
    }
}
