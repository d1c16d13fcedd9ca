//! The free-disk floor: what a queue leaves of its file system to others.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::settings::{DEFAULT_MIN_FREE_DISK, MIN_FREE_SHARE, Settings};
use crate::storage::Storage;

/// Once the floor is reached, an eighth of it more must be free before it counts as left again: otherwise each segment
/// that goes would open and close the door.
const RECOVERS_AT: u64 = 8;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Floor {
    dir: PathBuf,
    min_free: u64,
    /// Bytes that may be written before it is time to look again: what was free above the floor at the last look, less
    /// what was written since.
    left: AtomicI64,
    low: AtomicBool,
}

impl Floor {
    /// The floor of a queue whose directory exists.
    pub(crate) fn new(settings: &Settings, storage: &dyn Storage) -> Self {
        let min_free = settings.min_free_disk.unwrap_or_else(|| {
            let total = storage.space(&settings.dir).map_or(u64::MAX, |space| space.total);
            DEFAULT_MIN_FREE_DISK.min(total / MIN_FREE_SHARE)
        });
        Self { dir: settings.dir.clone(), min_free, left: AtomicI64::new(0), low: AtomicBool::new(false) }
    }

    /// What must be free, in bytes.
    pub(crate) fn min_free(&self) -> u64 {
        self.min_free
    }

    /// Whether so many bytes may be written. While the disk is low that stays so until the next [`look`](Self::look).
    pub(crate) fn allows(&self, storage: &dyn Storage, bytes: u64) -> bool {
        if self.min_free == 0 {
            return true;
        }
        if self.low.load(Ordering::Relaxed) {
            return false;
        }
        let wanted = signed(bytes);
        self.left.fetch_sub(wanted, Ordering::Relaxed) >= wanted || self.look(storage, bytes)
    }

    /// Asks the file system whether it has room above the floor, `bytes` more included.
    pub(crate) fn look(&self, storage: &dyn Storage, bytes: u64) -> bool {
        if self.min_free == 0 {
            return true;
        }
        // a file system that does not say how full it is says so when it is written
        let Ok(space) = storage.space(&self.dir) else { return true };
        let more = if self.low.load(Ordering::Relaxed) { self.min_free / RECOVERS_AT } else { 0 };
        let enough = space.free >= self.min_free.saturating_add(more).saturating_add(bytes);
        self.left.store(signed(space.free.saturating_sub(self.min_free).saturating_sub(bytes)), Ordering::Relaxed);
        self.low.store(!enough, Ordering::Relaxed);
        enough
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
