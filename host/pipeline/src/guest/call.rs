//! A call: what bounds it, and how it comes out.

use std::time::Duration;

/// The most rows of one call: with [`MAX_BYTES`], what makes a time-out one of the call and not of the page's size.
pub const MAX_ROWS: usize = 4096;

/// About the most bytes of text of one call; a single row that is larger goes alone.
pub const MAX_BYTES: usize = 1 << 20;

/// Why a call brought no edit. Each has been counted by the guest's host; the caller tries parts of the batch, and applies
/// [`OnError`] to what cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest trapped (a panic, a stack overflow, an abort); its instance has been replaced.
    #[error("trapped: {0}")]
    Trap(String),
    /// The call ran past its deadline and was stopped; its instance has been replaced.
    #[error("stopped after its time limit")]
    Timeout,
    /// The guest asked for more memory than it may have, and died of it; its instance has been replaced.
    #[error("needed more memory than its limit")]
    Memory,
    /// The guest answered with an error of its own.
    #[error("{0}")]
    Refused(String),
    /// The answer breaks the contract; it was rejected whole.
    #[error("answered against the contract: {0}")]
    Answer(String),
    /// No instance could be made or configured.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The guest failed too often and is not called for a while (circuit breaker).
    #[error("unavailable: it failed too often and rests for {seconds} s")]
    Resting {
        /// How long it will yet rest, rounded up.
        seconds: u64,
    },
}

impl CallError {
    /// The `result` or `reason` label of this error in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Refused(_) => "error",
            Self::Answer(_) => "bad_answer",
            Self::Unavailable(_) | Self::Resting { .. } => "unavailable",
        }
    }

    /// Whether any other call would have failed as well, so that it is not the batch's fault.
    pub fn is_of_any_call(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Resting { .. })
    }
}

/// One of the contract's interfaces that take batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// `series`.
    Series,
    /// `samples`.
    Samples,
    /// `logs`.
    Logs,
}

impl Interface {
    /// Its name in the contract, in metrics and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Series => "series",
            Self::Samples => "samples",
            Self::Logs => "logs",
        }
    }
}

/// How much processor time one call may take, and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The most it may take.
    pub limit: Duration,
    /// What it took, the making of an instance included; written by the guest.
    pub used: Duration,
    /// Whether it is a part of a batch whose call has failed.
    pub again: bool,
}

impl Allowance {
    /// For a whole batch.
    pub fn whole(limit: Duration) -> Self {
        Self { limit, used: Duration::ZERO, again: false }
    }

    /// For a part of one whose call failed.
    pub fn again(limit: Duration) -> Self {
        Self { again: true, ..Self::whole(limit) }
    }
}

/// How a batch came out, in one call or in parts.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// Whose batch it was.
    pub interface: Interface,
    /// How many rows it had.
    pub rows: usize,
    /// How many of them no call served.
    pub unserved: usize,
    /// What the first of these failed with; where all were served, the call with the whole batch. `None`: nothing failed.
    pub error: Option<&'a CallError>,
}

/// What becomes of the records of a call that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// They end here, counted.
    #[default]
    Drop,
    /// They go on as if the plugin were not there.
    Pass,
    /// They wait: tails pause until the plugin works again; a scrape's are dropped and counted, for time does not wait.
    Stop,
}
