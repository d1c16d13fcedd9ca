//! Where a source's lines go.

use std::pin::Pin;

use weir_model::LogBatch;

/// A future that is awaited by whoever asked for it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Takes a source's batches, one after the other.
pub trait LogOutlet: Send + Sync {
    /// Takes a batch. Its lines are in flight in the source's account, and the outlet goes on with their
    /// [`passage`](weir_telemetry::SourceAccount::passage). The next one is offered when the future is done: taking its time is how an outlet slows a source
    /// down. The batch's acknowledgement may be settled much later; until then its bytes count against the source's
    /// bound. The future is dropped when the source is stopped and has waited long enough.
    fn accept(&self, batch: LogBatch) -> BoxFuture<'_, ()>;
}
