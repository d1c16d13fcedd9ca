//! Which files there are: new ones, renamed ones, and those that are gone.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use weir_model::LabelsBuilder;

use crate::checkpoint::Entry;
use crate::followed::{Followed, Known, Standing, open};
use crate::identity::FileKey;
use crate::metrics::Rotation;
use crate::moment::{Moment, born, born_apart, modified};
use crate::progress::{Position, Progress};
use crate::reader::Reader;
use crate::settings::ReadFrom;
use crate::stamps::wall_clock;
use crate::watch::Watch;

/// How long every poll looks for a new file under the path of one that went away; later the globs find it.
const AWAIT: Duration = Duration::from_mins(1);

/// Files remembered after they are gone, at most: a place that makes a file per job and deletes it shall not grow the
/// checkpoint without end.
const MAX_REMEMBERED: usize = 20_000;

/// Paths that linemux may hold beyond those being followed before it is begun anew; it forgets none by itself.
const MAX_STALE_WATCHES: usize = 1000;

/// Stands for the time of a directory that must be listed again; differs from that of any directory at rest.
const UNSETTLED: i64 = i64::MIN;

/// Stands for the time of a directory that is not there.
const MISSING: i64 = i64::MIN + 1;

/// Ten times the coarsest tick of a kernel, in nanoseconds.
const TICK: i64 = 100_000_000;

impl Reader {
    /// Expands the globs and takes up what is new.
    pub(crate) fn scan(&mut self) {
        self.scan_soon = false;
        let before: HashMap<PathBuf, i64> =
            self.directories.drain().map(|(path, _)| (path.clone(), settled_mtime(&path))).collect();
        let found = self.patterns.expand();
        // one that is new is looked at once more: a file may have come between its listing and now
        let mtime = |path: &PathBuf| before.get(path).copied().unwrap_or(UNSETTLED);
        self.directories = found.directories.iter().map(|d| (d.clone(), mtime(d))).collect();
        for (path, error) in &found.errors {
            self.metrics.read_errors.inc();
            if self.scans <= 1 {
                tracing::warn!(path = %path.display(), %error, "cannot list directory");
            }
        }
        if self.watch.len() > self.files.len() * 2 + MAX_STALE_WATCHES {
            self.rewatch();
        }
        if !std::mem::replace(&mut self.recovered, true) {
            self.recover_rotated(&found);
        }
        let scan = self.scans + 1;
        // Known paths come first: a file that left one is known then, and so is what came and was renamed behind it, before
        // it is found under its new name.
        let (known, new): (Vec<_>, Vec<_>) = found.paths.into_iter().partition(|path| self.by_path.contains_key(path));
        self.look_at_paths(known, scan);
        let is_missing = |id: &u64| self.files.get(id).is_some_and(|f| f.scan != scan);
        let missing: Vec<u64> = self.by_path.values().copied().filter(is_missing).collect();
        for id in missing {
            self.look_at(id);
        }
        self.due.extend(self.awaited.iter().map(|(path, _)| path.clone()));
        self.look_into_gaps();
        self.look_at_paths(new, scan);
        self.scans = scan;
        self.forget_parked();
        self.forget_gaps(MAX_REMEMBERED);
        self.listings.clear();
    }

    /// Looks at what the globs found.
    fn look_at_paths(&mut self, paths: Vec<PathBuf>, scan: u64) {
        for path in paths {
            let now = Moment::now();
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => {
                    self.observe(&path, &metadata, now);
                    if let Some(file) = self.by_key.get(&FileKey::of(&metadata)).and_then(|id| self.files.get_mut(id)) {
                        file.scan = scan;
                    }
                }
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(_) => {
                    self.metrics.read_errors.inc();
                }
            }
        }
    }

    /// Whether a directory has changed since the globs were last expanded.
    pub(crate) fn look_at_directories(&mut self) {
        let changed = |(path, known): (&PathBuf, &i64)| {
            let mtime = settled_mtime(path);
            mtime == UNSETTLED || mtime != *known
        };
        self.scan_soon |= self.directories.iter().any(changed);
    }

    /// Looks at one file: has it grown, has it gone?
    pub(crate) fn look_at(&mut self, id: u64) {
        let Some(file) = self.files.get_mut(&id) else { return };
        let now = Moment::now();
        let metadata = match (&file.file, file.standing) {
            (Some(open), Standing::Detached) => open.metadata(),
            _ => fs::metadata(&file.location),
        };
        match metadata {
            Ok(metadata) if file.known().is(&metadata) => {
                file.seen = now;
                self.note(id, &metadata);
            }
            Ok(metadata) if metadata.is_file() && file.standing == Standing::Attached => {
                let path = file.path.clone();
                self.observe(&path, &metadata, now);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.read_failed(id, &error),
            _ => self.gone(id),
        }
    }

    /// The file looks like this now.
    fn note(&mut self, id: u64, metadata: &Metadata) {
        let Some(file) = self.files.get_mut(&id).filter(|f| f.known().is(metadata)) else { return };
        if file.look(metadata) {
            if file.standing == Standing::Parked {
                self.rotate_away(id);
            }
            self.enqueue(id);
        }
    }

    /// Nothing, or nothing readable, is where the file was.
    fn gone(&mut self, id: u64) {
        let Some(file) = self.files.get_mut(&id) else { return };
        match file.standing {
            Standing::Attached => {
                let path = file.path.clone();
                self.awaited.push((path.clone(), Instant::now()));
                self.detach(id);
                self.close_gap(&path, None);
            }
            Standing::Detached if file.file.is_none() => self.find_again(id),
            Standing::Detached | Standing::Parked => file.scan = 0,
        }
    }

    /// A rotated file that is not open is not where it was.
    fn find_again(&mut self, id: u64) {
        let location = self.find_beside(id);
        let Some(file) = self.files.get_mut(&id) else { return };
        if let Some(location) = location {
            file.location = location;
            file.at_end = false;
            self.hold_open(id);
            self.enqueue(id);
        } else {
            file.standing = Standing::Parked;
            file.at_end = true;
            self.metrics.rotated(Rotation::Vanish);
            tracing::info!(path = %file.path.display(), kind = ?Rotation::Vanish, "log file was rotated");
        }
    }

    /// New files under the paths of files that went away.
    pub(crate) fn look_for_awaited(&mut self, now: Instant) {
        for (path, since) in std::mem::take(&mut self.awaited) {
            let now_there = Moment::now();
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => self.observe(&path, &metadata, now_there),
                _ if now.saturating_duration_since(since) < AWAIT => self.awaited.push((path, since)),
                _ => {}
            }
        }
    }

    /// There is a file at `path`: so it was found after the moment `now`.
    fn observe(&mut self, path: &Path, metadata: &Metadata, now: Moment) {
        let key = FileKey::of(metadata);
        if let Some(&id) = self.by_path.get(path) {
            if let Some(file) = self.files.get_mut(&id).filter(|f| f.known().is(metadata)) {
                file.seen = now;
                self.note(id, metadata);
                return;
            }
            self.detach(id);
        }
        self.close_gap(path, Some((key, born(metadata))));
        if let Some(&id) = self.by_key.get(&key) {
            if self.moved(id, path, metadata) {
                return;
            }
            self.retire(id);
        }
        self.adopt(path, metadata, now);
    }

    /// A known file seen under another path than its own; false when it only has the inode of a file that is gone.
    fn moved(&mut self, id: u64, path: &Path, metadata: &Metadata) -> bool {
        let Some(file) = self.files.get_mut(&id) else { return false };
        if file.standing == Standing::Attached {
            // a second name of it: a hard link, or a symbolic link that another glob found
            return true;
        }
        if !file.known().is(metadata) || (file.file.is_none() && !holds(path, &file.position)) {
            return false;
        }
        path.clone_into(&mut file.location);
        if file.path == path {
            file.standing = Standing::Attached;
            file.seen = Moment::now();
            self.by_path.insert(path.to_owned(), id);
        }
        self.note(id, metadata);
        true
    }

    fn adopt(&mut self, path: &Path, metadata: &Metadata, now: Moment) {
        let key = FileKey::of(metadata);
        let known = self.remembered.remove(&key).or_else(|| self.remembered_elsewhere(path, key));
        let known = known.filter(|e| !born_apart(e.born, born(metadata)));
        // under its old path, reading tells whether it is still the same file; under a new one it must be told now
        let known = known.filter(|e| e.path == path || (e.position.fingerprint.len > 0 && holds(path, &e.position)));
        let (stream, position) = match known {
            Some(entry) => (entry.path, entry.position),
            None if self.scans == 0 && self.settings.read_from == ReadFrom::End => (path.to_owned(), end_of(path)),
            None => (path.to_owned(), Position::default()),
        };
        let attached = stream == path;
        let id = self.follow(stream, path, Known::of(metadata), position);
        if let Some(file) = self.files.get_mut(&id) {
            file.seen = now;
            file.by_symlink = fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink());
        }
        if attached {
            self.by_path.insert(path.to_owned(), id);
            let watched = self.watch.add_file(path);
            self.watch_failed(watched.err());
        } else {
            self.rotate_away(id);
        }
        self.hold_open(id);
        self.note(id, metadata);
    }

    /// Device numbers may change with a reboot; path, inode and head together are as good.
    fn remembered_elsewhere(&mut self, path: &Path, key: FileKey) -> Option<Entry> {
        let same = |e: &&Entry| e.path == path && e.key.inode == key.inode && e.position.fingerprint.len > 0;
        let old = self.remembered.values().find(same).filter(|e| holds(path, &e.position))?.key;
        self.remembered.remove(&old)
    }

    pub(crate) fn follow(&mut self, stream: PathBuf, location: &Path, known: Known, position: Position) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let mut labels = LabelsBuilder::default();
        for (name, value) in &self.settings.labels {
            labels.set(name, value);
        }
        if let Some(name) = &self.settings.filename_label {
            labels.set(name, &stream.to_string_lossy());
        }
        let is_older = |id: &&u64| self.files.get(id).is_some_and(|f| f.path == stream);
        let after = self.rotated.iter().rev().find(is_older).copied();
        let progress = Progress::new(position, self.unacked.clone(), self.wake.clone());
        let mut file = Followed::new(known, stream, labels.finish().to_owned(), position, progress);
        file.after = after;
        location.clone_into(&mut file.location);
        tracing::debug!(path = %location.display(), offset = position.offset, "following log file");
        self.files.insert(id, file);
        self.by_key.insert(known.key, id);
        id
    }

    /// The file's path leads elsewhere from now on.
    fn detach(&mut self, id: u64) {
        let Some(file) = self.files.get_mut(&id) else { return };
        // what was written since it was last read comes before the new file
        file.at_end = false;
        file.changed = Instant::now();
        self.by_path.remove(&file.path);
        self.rotate_away(id);
        let beside = self.find_beside(id);
        let Some(file) = self.files.get_mut(&id) else { return };
        let linked = file.file.as_ref().is_some_and(|f| {
            use std::os::unix::fs::MetadataExt;
            f.metadata().is_ok_and(|m| m.nlink() > 0)
        });
        let kind = match (&file.file, beside) {
            (_, Some(location)) => {
                file.location = location;
                Some(if file.by_symlink { Rotation::Symlink } else { Rotation::Rename })
            }
            (Some(_), None) if file.by_symlink && linked => Some(Rotation::Symlink),
            (Some(_), None) if linked => Some(Rotation::Rename),
            (Some(_), None) => Some(Rotation::Delete),
            (None, None) => {
                // Looked for once more at the next poll: names change just now. Nobody waits for it.
                file.at_end = true;
                None
            }
        };
        if let Some(kind) = kind {
            self.metrics.rotated(kind);
            tracing::info!(path = %file.path.display(), ?kind, "log file was rotated");
            self.enqueue(id);
        }
        self.hold_open(id);
        self.open_gap(id);
    }

    pub(crate) fn rotate_away(&mut self, id: u64) {
        if let Some(file) = self.files.get_mut(&id) {
            file.standing = Standing::Detached;
            self.rotated.push(id);
        }
    }

    /// Lets go of finished files that no glob finds any more.
    fn forget_parked(&mut self) {
        let scan = self.scans;
        let gone = |f: &Followed| f.standing == Standing::Parked && f.scan != scan && f.progress.waiting() == 0;
        let ids: Vec<u64> = self.files.iter().filter(|(_, f)| gone(f)).map(|(id, _)| *id).collect();
        for id in ids {
            self.retire(id);
        }
        while self.remembered.len() > MAX_REMEMBERED {
            let Some(key) = self.remembered.values().min_by_key(|e| e.seen).map(|e| e.key) else { break };
            self.remembered.remove(&key);
        }
    }

    pub(crate) fn retire(&mut self, id: u64) {
        self.close(id);
        let Some(file) = self.files.remove(&id) else { return };
        if self.by_key.get(&file.key) == Some(&id) {
            self.by_key.remove(&file.key);
        }
        if self.by_path.get(&file.path) == Some(&id) {
            self.by_path.remove(&file.path);
        }
        let seen = (wall_clock() / 1_000_000_000) as u64;
        let finished = file.is_finished();
        let (key, born, position) = (file.key, file.born, file.progress.safe());
        let entry = Entry { path: file.path, key, born, position, finished, seen };
        self.remembered.insert(entry.key, entry);
    }

    fn rewatch(&mut self) {
        let (watch, result) = Watch::new(&self.wake);
        self.watch = watch;
        self.watch_failed(result.err());
        for path in self.by_path.keys() {
            if self.watch.add_file(path).is_err() {
                self.metrics.watch_errors.inc();
            }
        }
    }

    /// Counts what cannot be watched, and says so once.
    pub(crate) fn watch_failed(&mut self, error: Option<io::Error>) {
        let Some(error) = error else { return };
        self.metrics.watch_errors.inc();
        if !std::mem::replace(&mut self.watch_warned, true) {
            tracing::warn!(source = self.settings.name, %error,
                "cannot watch some log files (fs.inotify.max_user_watches, max_user_instances?); polling them");
        }
    }
}

/// The modification time of a directory (ns), or [`UNSETTLED`] where a change could still leave it as it is: the kernel
/// stamps with the granularity of its tick, 10 ms at most.
fn settled_mtime(path: &Path) -> i64 {
    let Ok(metadata) = fs::metadata(path) else { return MISSING };
    let mtime = modified(&metadata);
    if wall_clock().saturating_sub(mtime).abs() < TICK { UNSETTLED } else { mtime }
}

/// Whether the file at `path` may be the one in which `position` was reached.
pub(crate) fn holds(path: &Path, position: &Position) -> bool {
    open(path).and_then(|file| position.fits(&file)).unwrap_or(false)
}

fn end_of(path: &Path) -> Position {
    let read = || -> io::Result<Position> {
        let file = open(path)?;
        let mut position = Position { offset: file.metadata()?.len(), ..Position::default() };
        position.print(&file)?;
        Ok(position)
    };
    // what cannot be opened now is read from its beginning once it can
    read().unwrap_or_default()
}
