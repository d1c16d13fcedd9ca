//! From pages and log batches to the backends: encoders, one disk queue a sink, send loops.
//!
//! Records are encoded once for each *group* of sinks that would encode them alike, straight into the buffer of their
//! *lane* (a target's series share one, and so do a stream's lines), compressed, and appended to the queue of every sink
//! in the group. One send loop a lane takes them out in order, one request in flight, until the backend has answered
//! for good: so order per series needs nothing else.
//!
//! [`Sinks`] is all of it; what remains is told by its settings.

mod answer;
mod backoff;
mod batch;
#[doc(hidden)]
pub mod bench;
mod demand;
mod intake;
mod loki;
mod metrics;
mod protocol;
mod remote_write;
mod scratch;
mod send;
mod settings;
mod sink;
mod sinks;
mod split;
mod wire;

pub use batch::BatchSettings;
pub use protocol::Protocol;
pub use settings::{LokiSettings, QueueSettings, RemoteWriteSettings, RemoteWriteVersion, SendSettings};
pub use sinks::{Destinations, LokiOutlet, SinkError, SinkHealth, SinkQueue, Sinks, queues_dir};
pub use weir_queue::{Health, WhenFull};
