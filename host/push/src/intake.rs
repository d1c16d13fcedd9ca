//! What an encoder sees of a sink.

use std::pin::Pin;

use bytes::Bytes;
use weir_queue::{OnDurable, RecordMeta};
use weir_telemetry::PipelineAccount;

/// A request's body on its way into a queue.
pub(crate) struct Parcel {
    /// What the queue keeps beside the body.
    pub(crate) meta: RecordMeta,
    /// How many lanes the encoder counts: after a reload perhaps not as many as the queue has.
    pub(crate) lanes: usize,
    /// The compressed body; shared by the sinks of a group.
    pub(crate) body: Bytes,
    /// Settles the acknowledgements of what is in it; taken by the queue together with the body.
    pub(crate) on_durable: Option<OnDurable>,
}

/// What became of an offered parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It is the queue's, or it was dropped and counted.
    Settled,
    /// It stays with the caller, who offers it again after [`Intake::room`], before any later one of its lane.
    Later,
}

/// One sink, as an encoder sees it. Called once a page, a batch or a request, never once a record.
pub(crate) trait Intake: Send + Sync {
    /// Records were routed to the sink, which takes them over from a pipeline's account; the newest is of `newest_ms` since
    /// the epoch.
    fn routed(&self, from: &PipelineAccount, records: u64, newest_ms: i64);
    /// Staleness markers for this sink alone were made.
    fn generated(&self, records: u64, newest_ms: i64);
    /// Some of them end before they are in a parcel.
    fn dropped(&self, reason: &'static str, records: u64);
    /// So many of them had a time that is far ahead, and got that of now.
    fn retimed(&self, records: u64);
    /// Gives a parcel to the queue.
    fn offer(&self, lane: usize, parcel: &mut Parcel) -> Offered;
    /// Gives a parcel up that found no place; it is dropped and counted.
    fn give_up(&self, parcel: Parcel);
    /// Waits until it is worth offering a body of so many bytes (again).
    fn room(&self, bytes: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

#[cfg(test)]
pub(crate) mod testing;
