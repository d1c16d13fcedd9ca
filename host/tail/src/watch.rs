//! The kernel's notices of change, by linemux.
//!
//! A notice only sets a bit: which file to look at, or that the globs should be expanded. linemux queues notices
//! without a bound, so they are taken out at every turn of the reader, whether or not anything can be read. Nothing
//! depends on a notice: polling finds the same, later.
//!
//! Directories are not watched but polled for their modification time: a watch on a directory repeats the notice of
//! every write to a file in it, and keeps the kernel from merging them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use linemux::MuxedEvents;

use crate::wake::{EventWaker, Wake};

pub(crate) struct Watch {
    events: Option<MuxedEvents>,
    waker: Waker,
    /// Paths as linemux knows them (directory resolved), and as the globs found them.
    files: HashMap<PathBuf, PathBuf>,
    added: HashSet<PathBuf>,
}

/// What the notices since the last look say.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    /// Files that changed, by the path they were added under.
    pub(crate) files: HashSet<PathBuf>,
    /// A file was created somewhere.
    pub(crate) created: bool,
    /// Notices were lost: look at everything.
    pub(crate) lost: bool,
}

impl Watch {
    /// Watches nothing yet; the error says that only polling is left (out of inotify instances).
    pub(crate) fn new(wake: &Arc<Wake>) -> (Self, io::Result<()>) {
        let (events, result) = match MuxedEvents::new() {
            Ok(events) => (Some(events), Ok(())),
            Err(e) => (None, Err(e)),
        };
        (Self::with(events, wake), result)
    }

    /// Watches nothing, and never will.
    pub(crate) fn none(wake: &Arc<Wake>) -> Self {
        Self::with(None, wake)
    }

    fn with(events: Option<MuxedEvents>, wake: &Arc<Wake>) -> Self {
        Self { events, waker: Arc::new(EventWaker(wake.clone())).into(), files: HashMap::new(), added: HashSet::new() }
    }

    /// Asks for notices of a file.
    pub(crate) fn add_file(&mut self, path: &Path) -> io::Result<()> {
        if self.added.insert(path.to_owned())
            && let Some(known_as) = self.add(path)?
        {
            self.files.insert(known_as, path.to_owned());
        }
        Ok(())
    }

    /// How many files were ever added; linemux forgets none, so the owner begins anew when they are too many.
    pub(crate) fn len(&self) -> usize {
        self.added.len()
    }

    /// Takes all notices there are.
    pub(crate) fn drain(&mut self) -> Noticed {
        let mut noticed = Noticed::default();
        let Some(events) = &mut self.events else { return noticed };
        let mut context = Context::from_waker(&self.waker);
        loop {
            match Pin::new(&mut *events).poll_next_event(&mut context) {
                Poll::Ready(Ok(Some(event))) => {
                    noticed.lost |= event.need_rescan();
                    noticed.created |= event.kind.is_create();
                    // opening and closing a file are notices too, and we do both
                    if !event.kind.is_access() {
                        let known = event.paths.iter().filter_map(|p| self.files.get(p));
                        for path in known {
                            if !noticed.files.contains(path) {
                                noticed.files.insert(path.clone());
                            }
                        }
                    }
                }
                Poll::Ready(Err(_)) => noticed.lost = true,
                Poll::Ready(Ok(None)) | Poll::Pending => return noticed,
            }
        }
    }

    fn add(&mut self, path: &Path) -> io::Result<Option<PathBuf>> {
        let Some(events) = &mut self.events else { return Ok(None) };
        // asynchronous in name only: it is done at the first poll
        match pin!(events.add_file(path)).poll(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(known_as) => known_as.map(Some),
            Poll::Pending => Ok(None),
        }
    }
}
