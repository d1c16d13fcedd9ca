//! What can go wrong.

use std::io;
use std::path::PathBuf;

use crate::stats::DropReason;

/// Why a queue cannot be opened. All are fatal for this queue until an operator acts.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Fatal: another process (or another queue of this one) has the directory open.
    #[error("queue directory {} is in use by another process", .dir.display())]
    InUse {
        /// The queue's directory.
        dir: PathBuf,
    },
    /// Fatal: the directory holds another sink's queue.
    #[error("queue directory {} belongs to sink `{found}`, not `{wanted}`", .dir.display())]
    OtherSink {
        /// The queue's directory.
        dir: PathBuf,
        /// The name on disk.
        found: String,
        /// The name in the settings.
        wanted: String,
    },
    /// Fatal: a newer weir wrote the directory.
    #[error("queue in {} has format version {version}, which this version of weir does not know", .dir.display())]
    Version {
        /// The generation's directory.
        dir: PathBuf,
        /// The version on disk.
        version: u32,
    },
    /// Fatal: the number of lanes is zero or above [`MAX_LANES`](crate::MAX_LANES).
    #[error("a queue has 1 to {} lanes, not {lanes}", crate::MAX_LANES)]
    Lanes {
        /// What the settings say.
        lanes: u16,
    },
    /// Fatal: the file system refuses (permissions, no space, an unreadable disk).
    #[error("cannot open queue: {}", .path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why an append did not queue its record.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Back-pressure: no room under [`WhenFull::Block`](crate::WhenFull::Block). Neither the body nor the callback was
    /// taken and nothing is counted: wait for [`room`](crate::Queue::room) and append again, or drop the record and count
    /// it under the reason given.
    #[error("queue is full: {}", .0.as_str())]
    Full(DropReason),
    /// Retryable, under any policy: writing fails, or fsync is so far behind that no more may be held in memory for
    /// it. Neither the body nor the callback was taken and nothing is counted: wait for
    /// [`room`](crate::Queue::room) and append again, or drop the record and count it.
    #[error("queue's storage does not take writes")]
    Storage,
    /// Not retryable: the record was dropped by policy and counted, and its callback called.
    #[error("record dropped: {}", .0.as_str())]
    Dropped(DropReason),
    /// Fatal: the queue is closed. Neither the body nor the callback was taken.
    #[error("queue is closed")]
    Closed,
}
