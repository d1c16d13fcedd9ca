//! What somebody else gives for a time: tokens, temporary keys. Fetched once for all who need it, renewed before it ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::RequestError;

/// Renewed so long before its end, or a fifth of its life if that is less: what is sent now may arrive late, and a first
/// attempt to renew may fail.
const MARGIN: Duration = Duration::from_secs(30);

/// After a failure nobody asks again for so long, twice as long each time up to [`LAST_PAUSE`]: many lanes and targets
/// wait for one lease, and together they would flood who gives it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Short enough that data flow again soon after the other side works again.
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// A lease that was refused is replaced no more often than this: a server that refuses everybody would otherwise make us
/// fetch with every request.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(2);

/// What was given, and for how long; for good without a time.
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) lasts: Option<Duration>,
}

/// See the [module](self).
pub(crate) struct Lease<S, T>(Arc<Inner<S, T>>);

type Fetching<T> = Pin<Box<dyn Future<Output = Result<Given<T>, RequestError>> + Send>>;

struct Inner<S, T> {
    fetch: Box<dyn Fn(S) -> Fetching<T> + Send + Sync>,
    state: Mutex<State<T>>,
    /// Held while somebody fetches; the fetch goes on when its request has given up.
    turn: Arc<tokio::sync::Mutex<()>>,
}

struct State<T> {
    held: Option<Held<T>>,
    /// Counts the leases.
    which: u64,
    /// Nobody asks before this, and hears the failure meanwhile.
    pause: Option<(Instant, Duration, RequestError)>,
    refused: Option<Instant>,
}

struct Held<T> {
    value: T,
    /// What it was fetched with: another secret asks for another lease.
    with: u64,
    renew: Option<Instant>,
    ends: Option<Instant>,
}

impl<S: Send + 'static, T: Clone + Send + 'static> Lease<S, T> {
    /// `fetch` gets the secret that is in force.
    pub(crate) fn new<F>(fetch: impl Fn(S) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Given<T>, RequestError>> + Send + 'static,
    {
        let fetch = Box::new(move |secret| Box::pin(fetch(secret)) as Fetching<T>);
        let state = State { held: None, which: 0, pause: None, refused: None };
        Self(Arc::new(Inner { fetch, state: Mutex::new(state), turn: Arc::default() }))
    }

    /// The lease in force and its number. `with` numbers the secret.
    pub(crate) async fn get(&self, secret: S, with: u64) -> Result<(T, u64), RequestError> {
        if let Some(held) = self.0.fresh(with) {
            return Ok(held);
        }
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        if let Some(held) = self.0.fresh(with) {
            return Ok(held);
        }
        if let Some(failure) = self.0.paused() {
            return self.0.usable(with).ok_or(failure);
        }
        let inner = Arc::clone(&self.0);
        let fetching = tokio::spawn(async move {
            let fetched = (inner.fetch)(secret).await;
            inner.settle(fetched, with);
            drop(turn);
        });
        // An error means that the runtime is going down.
        let _ = fetching.await;
        let failure = self.0.paused();
        self.0.usable(with).ok_or_else(|| {
            failure.unwrap_or_else(|| RequestError::Request { reason: "what was fetched is not there".into() })
        })
    }

    /// Says that a lease was refused; whether another one may be asked for now.
    pub(crate) fn refused(&self, which: u64) -> bool {
        let now = Instant::now();
        let mut state = self.0.lock();
        if state.which != which || state.held.is_none() {
            // Somebody else has seen to it, or is about to.
            return true;
        }
        if state.refused.is_some_and(|last| now.duration_since(last) < BETWEEN_REFUSALS) {
            return false;
        }
        state.refused = Some(now);
        state.held = None;
        true
    }
}

impl<S, T: Clone> Inner<S, T> {
    /// A lease that need not be renewed yet.
    fn fresh(&self, with: u64) -> Option<(T, u64)> {
        let state = self.lock();
        let held = state.held.as_ref().filter(|h| h.with == with && is_before(h.renew))?;
        Some((held.value.clone(), state.which))
    }

    /// A lease that has not ended.
    fn usable(&self, with: u64) -> Option<(T, u64)> {
        let state = self.lock();
        let held = state.held.as_ref().filter(|h| h.with == with && is_before(h.ends))?;
        Some((held.value.clone(), state.which))
    }

    fn paused(&self) -> Option<RequestError> {
        let state = self.lock();
        let (until, _, failure) = state.pause.as_ref()?;
        (*until > Instant::now()).then(|| failure.clone())
    }

    fn settle(&self, fetched: Result<Given<T>, RequestError>, with: u64) {
        let now = Instant::now();
        let mut state = self.lock();
        match fetched {
            Ok(Given { value, lasts }) => {
                let renew = lasts.map(|lasts| now + lasts.saturating_sub(MARGIN.min(lasts / 5)));
                state.held = Some(Held { value, with, renew, ends: lasts.map(|lasts| now + lasts) });
                state.which += 1;
                state.pause = None;
            }
            Err(failure) => {
                let pause = state.pause.take().map_or(FIRST_PAUSE, |(_, last, _)| (last * 2).min(LAST_PAUSE));
                tracing::debug!(%failure, ?pause, "what requests need to be sent with cannot be fetched");
                state.pause = Some((now + pause, pause, failure));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, T> std::fmt::Debug for Lease<S, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lease")
    }
}

/// Whether a time, if there is one, is still to come.
fn is_before(time: Option<Instant>) -> bool {
    time.is_none_or(|time| Instant::now() < time)
}
