//! weir-queue: the segmented disk queue of opaque bytes.

mod account;
mod cursor;
mod durability;
mod error;
mod format;
mod generation;
mod lane;
mod queue;
mod reader;
mod recover;
mod segment;
mod settings;
mod shared;
mod stats;
mod storage;
mod ticker;

#[cfg(test)]
mod tests;

pub use error::{AppendError, OpenError};
pub use queue::{Appended, OnDurable, Queue, RecordMeta};
pub use reader::{LaneReader, Record};
pub use settings::{DEFAULT_LANES, DEFAULT_MAX_BYTES, MAX_LANES, Settings, WhenFull};
pub use stats::{DropReason, Health, Stats, Volume};
