//! Which files are open: no more than the source may hold.

use std::fs::File;
use std::io;

use crate::followed::{Standing, open};
use crate::reader::Reader;

/// How many files a source may hold open: what its settings say, but no more than a quarter of what the process may have.
/// The rest is for other sources, connections and the queue.
pub(crate) fn most_open(settings: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let quarter = limit.map_or(usize::MAX, |limit| usize::try_from(limit / 4).unwrap_or(usize::MAX));
    settings.min(quarter).max(1)
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

impl Reader {
    /// Opens a file, closing one long unused where too many are open; false when it cannot be read now.
    pub(crate) fn ensure_open(&mut self, id: u64) -> bool {
        let Some(file) = self.files.get(&id) else { return false };
        if file.file.is_some() {
            return true;
        }
        let location = file.location.clone();
        if self.open_files >= self.max_open && !self.close_one() && !self.is_waited_for(id) {
            return false;
        }
        match open(&location).and_then(|f| Ok((f.metadata()?, f))) {
            Ok((metadata, opened)) => {
                let Some(file) = self.files.get_mut(&id) else { return false };
                if !file.known().is(&metadata) {
                    // replaced since it was looked at
                    self.look_at(id);
                    return false;
                }
                self.opened(id, opened);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.look_at(id);
                false
            }
            Err(error) if is_out_of_descriptors(&error) => {
                self.make_room(&error);
                false
            }
            Err(error) => {
                self.read_failed(id, &error);
                false
            }
        }
    }

    /// Opens a file before its turn comes, where there are descriptors to spare: while the outlet takes nothing, files are
    /// rotated on, and deleted in the end. Some descriptors are left to the files whose turn it is, for those held here may
    /// have to wait for them.
    pub(crate) fn hold_open(&mut self, id: u64) {
        let Some(file) = self.files.get(&id).filter(|f| f.file.is_none()) else { return };
        if self.open_files >= self.max_open * 3 / 4 {
            return;
        }
        // what cannot be opened now is complained of when it is to be read
        let Ok(opened) = open(&file.location) else { return };
        if opened.metadata().is_ok_and(|m| file.known().is(&m)) {
            self.opened(id, opened);
        }
    }

    fn opened(&mut self, id: u64, opened: File) {
        let Some(file) = self.files.get_mut(&id) else { return };
        file.file = Some(opened);
        self.open_files += 1;
        self.in_use.push_back((id, file.used));
    }

    /// Whether an open file cannot be read before this one: there, one descriptor more than there may be lets both go.
    fn is_waited_for(&self, id: u64) -> bool {
        self.files.values().any(|f| f.after == Some(id) && f.file.is_some())
    }

    /// The process has no descriptor left, for whatever reason: this source makes do with fewer from now on, and leaves
    /// some to the others. The file is tried again; it stays in the queue.
    fn make_room(&mut self, error: &io::Error) {
        self.metrics.read_errors.inc();
        let fewer = (self.open_files / 2).max(1);
        if fewer < self.max_open {
            tracing::warn!(source = self.settings.name, %error, open = fewer,
                "out of file descriptors; holding fewer log files open (raise the limit: ulimit -n, LimitNOFILE)");
            self.max_open = fewer;
        }
        while self.open_files > self.max_open && self.close_one() {}
    }

    /// Closes an open file that was not used since it was last considered. Rotated files stay open: they may have no
    /// name any more.
    fn close_one(&mut self) -> bool {
        // after one time round, nobody can have been used since
        for _ in 0..self.in_use.len() * 2 {
            let Some((id, used)) = self.in_use.pop_front() else { break };
            match self.files.get(&id) {
                Some(file) if file.file.is_none() => {}
                Some(file) if file.used != used || file.standing == Standing::Detached => {
                    self.in_use.push_back((id, file.used));
                }
                Some(_) => {
                    self.close(id);
                    return true;
                }
                None => {}
            }
        }
        false
    }

    pub(crate) fn close(&mut self, id: u64) {
        if self.files.get_mut(&id).is_some_and(|f| f.file.take().is_some()) {
            self.open_files -= 1;
        }
        // entries of files closed otherwise are skipped above; where that never runs they must not pile up
        if self.in_use.len() > self.open_files * 2 + 16 {
            let files = &self.files;
            self.in_use.retain(|(id, _)| files.get(id).is_some_and(|f| f.file.is_some()));
        }
    }

    pub(crate) fn read_failed(&mut self, id: u64, error: &std::io::Error) {
        self.metrics.read_errors.inc();
        self.close(id);
        let Some(file) = self.files.get_mut(&id) else { return };
        if !std::mem::replace(&mut file.complained, true) {
            tracing::warn!(path = %file.location.display(), %error, "cannot read log file; trying again");
        }
        file.at_end = true;
        // no file looks like this: the next poll tries again
        file.looks = (0, i64::MIN);
    }
}
