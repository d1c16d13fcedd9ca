//! weir-queue: the segmented disk queue of opaque bytes.

mod error;
mod queue;
mod reader;
mod settings;
mod stats;

pub use error::{AppendError, OpenError};
pub use queue::{Appended, OnDurable, Queue, RecordMeta};
pub use reader::{LaneReader, Record};
pub use settings::{DEFAULT_LANES, DEFAULT_MAX_BYTES, MAX_LANES, Settings, WhenFull};
pub use stats::{DropReason, Health, Stats, Volume};
