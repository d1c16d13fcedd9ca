//! The circuit breaker: a plugin that fails again and again rests, and is then tried with one call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Batches in a row of which nothing was served until it rests: one bad batch of a row or two, from several targets, is not yet
/// a broken plugin.
const FAILURES: u32 = 5;

/// The first rest: a stuck dependency of one scrape interval's length should not cost two.
const FIRST_REST: Duration = Duration::from_secs(1);

/// The longest rest: what an operator who repaired something is willing to wait.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Shared by all calls of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Whether there is anything to look up: healthy plugins never take the lock.
    troubled: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    failures: u32,
    rest: Option<Rest>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Instant,
    long: Duration,
    /// A trial call is under way (or never came back, until the rest's length has passed again).
    trial: bool,
}

impl Breaker {
    /// Whether a call may be made, or for how long none may.
    pub(crate) fn admit(&self, now: Instant) -> Result<(), Duration> {
        if !self.troubled.load(Ordering::Acquire) {
            return Ok(());
        }
        match &mut self.lock().rest {
            Some(rest) if now < rest.until => Err(rest.until - now),
            Some(rest) => {
                rest.until = now + rest.long;
                rest.trial = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A batch was served, or a part of it. True where that ends a rest.
    pub(crate) fn succeeded(&self) -> bool {
        if !self.troubled.load(Ordering::Acquire) {
            return false;
        }
        let mut inner = self.lock();
        let rested = inner.rest.is_some();
        *inner = Inner::default();
        self.troubled.store(false, Ordering::Release);
        rested
    }

    /// Nothing of a batch was served. How long the plugin rests now, where that is why it does.
    pub(crate) fn failed(&self, now: Instant) -> Option<Duration> {
        self.failures(1, now)
    }

    /// No call can be made at all: nothing is left to try.
    pub(crate) fn failed_for_all(&self, now: Instant) -> Option<Duration> {
        self.failures(FAILURES, now)
    }

    fn failures(&self, count: u32, now: Instant) -> Option<Duration> {
        let mut inner = self.lock();
        self.troubled.store(true, Ordering::Release);
        inner.failures = inner.failures.saturating_add(count);
        if inner.failures < FAILURES {
            return None;
        }
        let long = match inner.rest {
            None => FIRST_REST,
            Some(rest) if rest.trial => LONGEST_REST.min(rest.long * 2),
            // A call that was under way when the rest began.
            Some(_) => return None,
        };
        inner.rest = Some(Rest { until: now + long, long, trial: false });
        Some(long)
    }

    /// Whether it rests, or is being tried after a rest.
    pub(crate) fn is_open(&self) -> bool {
        self.troubled.load(Ordering::Acquire) && self.lock().rest.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_get_longer_and_one_success_ends_them() {
        let b = Breaker::default();
        let mut now = Instant::now();
        for _ in 0..4 {
            assert_eq!(b.failed(now), None);
            b.admit(now).unwrap();
        }
        assert_eq!(b.failed(now), Some(Duration::from_secs(1)));
        assert_eq!(b.failed(now), None, "one that was under way");
        assert_eq!(b.admit(now), Err(Duration::from_secs(1)));
        for expect in [2, 4, 8, 16, 32, 60, 60] {
            now += Duration::from_mins(1);
            b.admit(now).unwrap();
            assert!(b.admit(now).is_err(), "one trial at a time");
            assert_eq!(b.failed(now), Some(Duration::from_secs(expect)));
        }
        assert!(b.is_open());
        now += Duration::from_mins(1);
        b.admit(now).unwrap();
        assert!(b.succeeded());
        assert!(!b.is_open());
        assert!(!b.succeeded());
        b.admit(now).unwrap();
        assert_eq!(b.failed(now), None);
    }

    #[test]
    fn who_cannot_be_called_at_all_rests_at_once() {
        let b = Breaker::default();
        let now = Instant::now();
        assert_eq!(b.failed_for_all(now), Some(Duration::from_secs(1)));
        assert!(b.is_open());
    }

    #[test]
    fn a_trial_that_never_ends_is_followed_by_another() {
        let b = Breaker::default();
        let now = Instant::now();
        for _ in 0..5 {
            b.failed(now);
        }
        b.admit(now + Duration::from_secs(1)).unwrap();
        b.admit(now + Duration::from_secs(2)).unwrap();
    }
}
