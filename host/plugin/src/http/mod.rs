//! The grant `http`: requests of plugins, made by weir's own client to the hosts that an operator has listed.
//!
//! A guest waits for its answer on a thread of its plugin's own (`threads`), so that neither a worker of the runtime nor another
//! plugin's turn is held up; the connections live on a small runtime of their own (`outbound`). What is asked for is judged before
//! anything is sent (`hosts`, `request`), and what comes back is bounded in bytes and time. No redirect is followed and no proxy is
//! used: the list of hosts is the list of those that weir connects to.

mod hosts;
mod metrics;
mod outbound;
mod request;

use std::time::Duration;

pub(crate) use hosts::Hosts;
pub(crate) use metrics::{HttpFamilies, HttpMetrics};
pub(crate) use outbound::{HttpAccess, HttpSetup, Outbound};

/// Calls of one plugin that may wait for answers at a time, each on a thread of its own: its requests are few by its budget, and
/// the threads of many such plugins should stay so, too.
pub(crate) const AT_ONCE: usize = 4;

/// What a guest asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpRefusal {
    #[error("{0}")]
    Malformed(String),
    #[error("{0} is not among the hosts of its grant `http`")]
    NotGranted(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("more requests than it may make now (limits.http_requests)")]
    OverBudget,
    #[error("{0}")]
    Timeout(String),
    #[error("{0}")]
    Failed(String),
    #[error("there are no requests from `wants` and `interval`")]
    NotNow,
}

impl HttpRefusal {
    /// The `reason` label of metrics.
    fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NotGranted(_) => "not_granted",
            Self::TooLarge(_) => "too_large",
            Self::OverBudget => "over_budget",
            Self::Timeout(_) => "timeout",
            Self::Failed(_) => "failed",
            Self::NotNow => "not_now",
        }
    }
}

/// How long the call that is under way may yet wait for answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    open: bool,
    left: Duration,
}

impl Waiting {
    /// A call begins that may wait so long, all its requests together; `None`: one that may make none.
    pub(crate) fn begin(&mut self, most: Option<Duration>) {
        *self = Self { open: most.is_some(), left: most.unwrap_or_default() };
    }

    /// How long a request may take that is made now.
    pub(crate) fn left(&self) -> Result<Duration, HttpRefusal> {
        if self.open { Ok(self.left) } else { Err(HttpRefusal::NotNow) }
    }

    /// A request has taken so long.
    pub(crate) fn took(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_of_a_call_share_its_time() {
        let mut w = Waiting::default();
        assert_eq!(w.left(), Err(HttpRefusal::NotNow));
        w.begin(Some(Duration::from_secs(5)));
        w.took(Duration::from_secs(2));
        assert_eq!(w.left(), Ok(Duration::from_secs(3)));
        w.took(Duration::from_secs(4));
        assert_eq!(w.left(), Ok(Duration::ZERO));
        w.begin(None);
        assert_eq!(w.left(), Err(HttpRefusal::NotNow));
    }
}
