//! From pages and log batches to the backends: encoders, one disk queue a sink, send loops.
//!
//! Records are encoded once for each *group* of sinks that would encode them alike, straight into the buffer of their
//! *lane* (a target's series and a stream's lines always share one), compressed, and appended to the queue of every
//! sink in the group. A [send loop](send) a lane takes them out in order, one request in flight, until the backend has
//! answered for good: so order per series needs nothing else.

mod batch;
mod intake;
mod protocol;
mod remote_write;
mod scratch;
mod wire;

pub use batch::BatchSettings;
pub use protocol::Protocol;
mod loki;
