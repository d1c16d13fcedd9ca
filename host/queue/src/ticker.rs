//! When the queue's thread runs next. Monotonic time only: a jump of the clock does not stop the fsyncs.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
struct State {
    due: Option<Instant>,
    stop: bool,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Ticker {
    state: Mutex<State>,
    changed: Condvar,
}

impl Ticker {
    /// The next round comes within `delay`.
    pub(crate) fn within(&self, delay: Duration) {
        let due = Instant::now() + delay;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.due.is_none_or(|earlier| due < earlier) {
            state.due = Some(due);
            self.changed.notify_one();
        }
    }

    /// Ends the waiting.
    pub(crate) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.changed.notify_one();
    }

    /// Waits for the next round, at most `interval`; false when there is none.
    pub(crate) fn wait(&self, interval: Duration) -> bool {
        let latest = Instant::now() + interval;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.stop {
                return false;
            }
            let due = state.due.map_or(latest, |due| due.min(latest));
            let now = Instant::now();
            if due <= now {
                state.due = None;
                return true;
            }
            state = self.changed.wait_timeout(state, due - now).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
