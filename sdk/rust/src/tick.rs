//! The interface `tick`: being called over time.

use crate::{Error, Plugin};
use std::time::Duration;

/// Holds state over time, and is called now and then to do something with it.
///
/// A plugin that exports this has one instance in each pipeline: what it keeps in itself is all that it has seen there, and
/// calls come one after the other. What must outlive a reload of the plugin belongs into [`crate::state`].
pub trait Tick: Plugin {
    /// How much time passes between two ticks, about; a second at least.
    fn interval(&self) -> Duration;

    /// Some time has passed: emit, forget, sum up.
    ///
    /// # Errors
    /// An error is logged and counted; what the call has emitted is thrown away.
    fn tick(&mut self, moment: Moment) -> Result<(), Error>;
}

/// When a tick comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// weir's clock, in milliseconds since the epoch.
    pub now: i64,
    /// No call comes any more: weir stops, or another version or configuration takes this one's place. What is gathered must be
    /// emitted or kept now.
    pub last: bool,
}
