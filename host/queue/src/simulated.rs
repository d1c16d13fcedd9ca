//! A disk in memory that remembers what was done to it, in order: so a test or a fuzzer can let the power go between any
//! two operations, with any part of what no fsync has covered.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::storage::{Mode, SegmentFile, Space, Storage};

/// What was done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Create(u64, PathBuf),
    Write(u64, u64, Vec<u8>),
    Cut(u64, u64),
    Sync(u64),
    /// The kernel gave up on what was not synced before: no later fsync makes it durable.
    FailedSync(u64),
    Remove(PathBuf),
    MakeDir(PathBuf),
    RemoveDir(PathBuf),
    Rename(PathBuf, PathBuf),
    SyncDir(PathBuf),
    /// The test's own.
    Mark(u64),
}

/// What a power cut leaves of an operation that nothing had made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    Gone,
    /// Of a write: so many thousandths of it. Of anything else: nothing.
    Part(usize),
    /// Of a write: the file's length, and zeros.
    Zeros,
}

/// Names and contents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) dirs: BTreeSet<PathBuf>,
    pub(crate) names: BTreeMap<PathBuf, u64>,
    pub(crate) files: BTreeMap<u64, Vec<u8>>,
}

impl Tree {
    fn apply(&mut self, event: &Event, fate: Fate) {
        match (event, fate) {
            (_, Fate::Gone) | (Event::Sync(_) | Event::FailedSync(_) | Event::SyncDir(_) | Event::Mark(_), _) => {}
            (Event::Write(file, offset, bytes), fate) => {
                let content = self.files.entry(*file).or_default();
                let zeros = vec![0; bytes.len()];
                let bytes = match fate {
                    Fate::Part(thousandths) => &bytes[..bytes.len() * thousandths / 1000],
                    Fate::Zeros => &zeros,
                    _ => bytes,
                };
                let (from, to) = (*offset as usize, *offset as usize + bytes.len());
                content.resize(content.len().max(to), 0);
                content[from..to].copy_from_slice(bytes);
            }
            (_, Fate::Part(_) | Fate::Zeros) => {}
            (Event::Create(file, path), _) => {
                self.names.insert(path.clone(), *file);
                self.files.entry(*file).or_default();
            }
            (Event::Cut(file, len), _) => self.files.entry(*file).or_default().resize(*len as usize, 0),
            (Event::Remove(path), _) => {
                self.names.remove(path);
            }
            (Event::MakeDir(path), _) => {
                self.dirs.insert(path.clone());
            }
            (Event::RemoveDir(dir), _) => {
                self.dirs.retain(|path| !path.starts_with(dir));
                self.names.retain(|path, _| !path.starts_with(dir));
            }
            (Event::Rename(from, to), _) => {
                let moved = |path: &PathBuf| match path.strip_prefix(from) {
                    Ok(rest) if rest.as_os_str().is_empty() => to.clone(),
                    Ok(rest) => to.join(rest),
                    Err(_) => path.clone(),
                };
                self.dirs = self.dirs.iter().map(moved).collect();
                let (going, staying): (Vec<_>, Vec<_>) =
                    std::mem::take(&mut self.names).into_iter().partition(|(path, _)| path.starts_with(from));
                self.names = staying.into_iter().chain(going.into_iter().map(|(p, file)| (moved(&p), file))).collect();
            }
        }
    }

    /// What is on the disk when the power goes after the first `count` of the events: what they made durable, and of the
    /// rest what `fate` says.
    pub(crate) fn after(&self, history: &History, count: usize, mut fate: impl FnMut(&Event) -> Fate) -> Self {
        let mut tree = self.clone();
        for (event, durable_at) in history.events.iter().zip(&history.durable_at).take(count) {
            tree.apply(event, if *durable_at < count { Fate::Kept } else { fate(event) });
        }
        tree
    }

    /// A file with this content, and the directories above it.
    pub(crate) fn put(&mut self, path: &Path, content: Vec<u8>) {
        let file = self.files.len() as u64;
        self.dirs.extend(path.ancestors().skip(1).map(Path::to_owned));
        self.names.insert(path.to_owned(), file);
        self.files.insert(file, content);
    }

    /// The content of a file.
    pub(crate) fn content(&mut self, path: &Path) -> &mut Vec<u8> {
        let file = self.names.get(path).copied().unwrap_or(u64::MAX);
        self.files.entry(file).or_default()
    }
}

/// Operations, and which later one made each of them durable.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    durable_at: Vec<usize>,
}

impl History {
    /// A part of a history by itself.
    pub(crate) fn of(events: &[Event]) -> Self {
        Self::new(events.to_vec())
    }

    fn new(events: Vec<Event>) -> Self {
        let durable_at = (0..events.len()).map(|at| durable_at(&events, at)).collect();
        Self { events, durable_at }
    }
}

fn durable_at(events: &[Event], at: usize) -> usize {
    let mut later = events.iter().enumerate().skip(at + 1);
    let found = match &events[at] {
        Event::Write(file, ..) | Event::Cut(file, _) => later.find_map(|(index, next)| match next {
            Event::Sync(synced) if synced == file => Some(index),
            Event::FailedSync(failed) if failed == file => Some(usize::MAX),
            _ => None,
        }),
        Event::Create(_, path)
        | Event::Remove(path)
        | Event::MakeDir(path)
        | Event::RemoveDir(path)
        | Event::Rename(path, _) => {
            let parent = path.parent();
            later
                .find(|(_, next)| matches!(next, Event::SyncDir(dir) if Some(dir.as_path()) == parent))
                .map(|(index, _)| index)
        }
        Event::Sync(_) | Event::FailedSync(_) | Event::SyncDir(_) | Event::Mark(_) => Some(at),
    };
    found.unwrap_or(usize::MAX)
}

#[derive(Debug, Default)]
struct State {
    tree: Tree,
    events: Vec<Event>,
    next_file: u64,
    /// So many more fsyncs succeed; then one fails.
    syncs_until_failure: Option<u64>,
}

/// The disk; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Simulated(Arc<Mutex<State>>);

impl Simulated {
    pub(crate) fn new(tree: Tree) -> Self {
        let next_file = tree.files.last_key_value().map_or(0, |(file, _)| file + 1);
        Self(Arc::new(Mutex::new(State { tree, next_file, ..State::default() })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(&self, event: Event) {
        let mut state = self.lock();
        state.tree.apply(&event, Fate::Kept);
        state.events.push(event);
    }

    /// Puts a mark between the operations.
    pub(crate) fn mark(&self, mark: u64) {
        self.act(Event::Mark(mark));
    }

    pub(crate) fn tree(&self) -> Tree {
        self.lock().tree.clone()
    }

    pub(crate) fn history(&self) -> History {
        History::new(self.lock().events.clone())
    }

    /// Lets the fsync after the next `syncs` fail.
    pub(crate) fn fail_sync_after(&self, syncs: u64) {
        self.lock().syncs_until_failure = Some(syncs);
    }
}

#[derive(Debug)]
struct SimulatedFile(Simulated, u64);

impl Storage for Simulated {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn SegmentFile>> {
        let mut state = self.lock();
        let found = state.tree.names.get(path).copied();
        let file = match (found, mode) {
            (Some(file), Mode::Read | Mode::Write) => file,
            (Some(_), Mode::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, Mode::Create) if !path.parent().is_some_and(|dir| state.tree.dirs.contains(dir)) => {
                return Err(io::ErrorKind::NotFound.into());
            }
            (None, Mode::Create) => {
                state.next_file += 1;
                let file = state.next_file;
                drop(state);
                self.act(Event::Create(file, path.to_owned()));
                file
            }
            (None, _) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Arc::new(SimulatedFile(self.clone(), file)))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.act(Event::SyncDir(dir.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if !self.lock().tree.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.act(Event::Remove(path.to_owned()));
        Ok(())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let missing: Vec<_> = dir.ancestors().filter(|d| !self.lock().tree.dirs.contains(*d)).collect();
        missing.into_iter().rev().for_each(|dir| self.act(Event::MakeDir(dir.to_owned())));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        if !self.lock().tree.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.act(Event::RemoveDir(dir.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(Event::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.lock();
        let Tree { dirs, names, .. } = &state.tree;
        if !dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(dirs.iter().chain(names.keys()).filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        Ok(Space { free: 1 << 40, total: 1 << 40 })
    }
}

impl SegmentFile for SimulatedFile {
    fn write(&self, offset: u64, head: &[u8], body: &[u8]) -> io::Result<()> {
        self.0.act(Event::Write(self.1, offset, [head, body].concat()));
        Ok(())
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock();
        let content = state.tree.files.get(&self.1).map(Vec::as_slice).unwrap_or_default();
        let found = usize::try_from(offset).ok().and_then(|from| content.get(from..from.checked_add(buffer.len())?));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let fails = {
            let mut state = self.0.lock();
            let fails = state.syncs_until_failure == Some(0);
            state.syncs_until_failure = state.syncs_until_failure.and_then(|left| left.checked_sub(1));
            fails
        };
        if fails {
            self.0.act(Event::FailedSync(self.1));
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        self.0.act(Event::Sync(self.1));
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.act(Event::Cut(self.1, len));
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().tree.files.get(&self.1).map_or(0, |content| content.len() as u64))
    }
}
