//! How far a request came: what a time-out then names.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::time::{Instant, timeout_at};

use crate::RequestError;

/// What a request was waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// A secret: its file, or a token from its endpoint.
    Secrets,
    /// The address of the host, and a connection to it or to the proxy.
    Connect,
    /// The proxy's leave to pass.
    Proxy,
    /// A TLS session.
    Tls,
    /// The other side to take the request.
    Send,
    /// The beginning of the answer.
    Head,
    /// The rest of the answer.
    Body,
}

impl Phase {
    const ALL: [Self; 7] = [Self::Secrets, Self::Connect, Self::Proxy, Self::Tls, Self::Send, Self::Head, Self::Body];
}

/// A request's mark on the way. Its body moves it, and the connector, as long as that works for this request.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<AtomicU8>);

tokio::task_local! {
    static CURRENT: Progress;
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(Phase::Connect as u8)))
    }

    pub(crate) fn reach(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        Phase::ALL.get(usize::from(self.0.load(Ordering::Relaxed))).copied().unwrap_or(Phase::Connect)
    }

    /// Runs a request: a connector that it calls knows whose mark to move.
    pub(crate) async fn follow<F: Future>(&self, request: F) -> F::Output {
        CURRENT.scope(self.clone(), request).await
    }

    /// Moves the mark of the request that is being run, if it is one's own.
    pub(crate) fn current(phase: Phase) {
        let _ = CURRENT.try_with(|progress| progress.reach(phase));
    }
}

/// Waits no longer than to the deadline.
pub(crate) async fn within<F: Future>(
    host: &str,
    phase: Phase,
    deadline: Instant,
    work: F,
) -> Result<F::Output, RequestError> {
    timeout_at(deadline, work).await.map_err(|_| RequestError::Timeout { host: host.to_owned(), phase })
}
