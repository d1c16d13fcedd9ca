//! The sinks of one target behind a pipeline: who is written to, and who must hear that a series has ended.

use std::sync::Arc;

use crate::page::{Page, PageSink, Slot};

/// One target's way into all sinks of a pipeline. It keeps each series' labels as each sink is sent them, so only it can tell
/// what ends where when sinks, their rules or the pipeline's choice of sinks change.
pub trait TargetSink: PageSink {
    /// Goes over to the sinks as they are now and takes the first page for them: it has no deaths, and all its series are
    /// births, for slots have started over. What was sent to a sink before under labels that this page does not send there
    /// ends there with one marker of the page's time; slots of before for which `unmarked` is true end without one. A sink
    /// that is no longer set up gets none. Returns what [`accept`](PageSink::accept) does.
    fn renew(&mut self, page: &Page<'_>, unmarked: &dyn Fn(Slot) -> bool) -> usize;

    /// Shows under what each of these series is sent to each sink it is sent to: slot, sink, and a hash of the labels as they
    /// are sent there, which is the same for all sinks of a process.
    fn sent(&self, slots: &[Slot], show: &mut dyn FnMut(Slot, &str, u64));

    /// Ends series with a marker each at one sink.
    fn end(&mut self, time: i64, slots: &[Slot], sink: &str);

    /// The sinks that are written to, sorted.
    fn sinks(&self) -> Arc<[String]>;
}
