//! The bound on the lanes of a sink that send at once.
//!
//! Lanes take turns in the order in which they ask, one request each: so a lane without a backlog waits for at most one
//! request of each of the others, and the queue's spread keeps those with one together. How many may send is the
//! [`rule`]'s to say, between `min_shards` and `max_shards`.

pub(super) mod rule;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::metrics::SinkMetrics;
pub(super) use rule::Load;
use rule::{Epoch, Rule};

/// See the [module](self).
pub(super) struct Shards {
    places: Semaphore,
    state: Mutex<State>,
    /// Requests under way or waiting to be.
    demand: AtomicUsize,
    metrics: SinkMetrics,
}

struct State {
    rule: Rule,
    /// Places that are to go when their requests end.
    owed: usize,
}

/// One request's place.
pub(super) struct Place<'a> {
    shards: &'a Shards,
    permit: Option<SemaphorePermit<'a>>,
    epoch: Epoch,
    _demand: Demand<'a>,
}

/// Counts as long as it lives.
struct Demand<'a>(&'a AtomicUsize);

impl<'a> Demand<'a> {
    fn new(demand: &'a AtomicUsize) -> Self {
        demand.fetch_add(1, Ordering::Relaxed);
        Self(demand)
    }
}

impl Drop for Demand<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shards {
    /// A bound from `min` to `max`.
    pub(super) fn new(min: usize, max: usize, metrics: SinkMetrics) -> Self {
        let rule = Rule::new(min, max);
        metrics.shards(rule.bound());
        let places = Semaphore::new(rule.bound());
        Self { places, state: Mutex::new(State { rule, owed: 0 }), demand: AtomicUsize::new(0), metrics }
    }

    /// Waits for a place. Cancel-safe. `None` never comes: the semaphore is not closed.
    pub(super) async fn place(&self) -> Option<Place<'_>> {
        let demand = Demand::new(&self.demand);
        let permit = self.places.acquire().await.ok()?;
        let epoch = self.lock().rule.epoch();
        Some(Place { shards: self, permit: Some(permit), epoch, _demand: demand })
    }

    /// How many requests may be under way.
    #[cfg(test)]
    pub(super) fn bound(&self) -> usize {
        self.lock().rule.bound()
    }

    fn answered(&self, load: Load, epoch: Epoch) {
        let demand = self.demand.load(Ordering::Relaxed);
        let mut state = self.lock();
        let before = state.rule.bound();
        state.rule.answered(load, epoch, demand, Instant::now());
        let after = state.rule.bound();
        if after > before {
            let new = after - before;
            let kept = new.min(state.owed);
            state.owed -= kept;
            self.places.add_permits(new - kept);
        } else {
            let gone = before - after;
            state.owed += gone - self.places.forget_permits(gone);
        }
        if after != before {
            self.metrics.shards(after);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // places and what is owed change together, by steps that do not panic
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// The request was answered, in so far as that says something of the backend's load.
    pub(super) fn answered(self, load: Load) {
        self.shards.answered(load, self.epoch);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.shards.lock();
        if state.owed > 0 {
            state.owed -= 1;
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests;
