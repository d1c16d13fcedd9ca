//! Waiting longer after each failure.

use std::time::Duration;

/// Exponential backoff with jitter: each wait is between half and all of a step that doubles from `min` to `max`. The
/// jitter keeps the lanes of many collectors from coming back at the same instant.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    step: Duration,
    random: u64,
}

impl Backoff {
    /// Starts at `min`. Different seeds jitter differently.
    pub(crate) fn new(min: Duration, max: Duration, seed: u64) -> Self {
        // xorshift stands still at zero; the lowest bit keeps it going
        Self { min, max: max.max(min), step: min, random: seed | 1 }
    }

    /// How long to wait now.
    pub(crate) fn next(&mut self) -> Duration {
        let half = self.step / 2;
        let wait = half + half.mul_f64(self.fraction());
        self.step = self.step.saturating_mul(2).min(self.max);
        wait
    }

    /// Starts over.
    pub(crate) fn reset(&mut self) {
        self.step = self.min;
    }

    /// From 0 to 1; quality does not matter here.
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_over() {
        let (min, max) = (Duration::from_millis(30), Duration::from_secs(5));
        let mut backoff = Backoff::new(min, max, 7);
        let mut step = min;
        for _ in 0..20 {
            let wait = backoff.next();
            assert!(wait >= step / 2 && wait <= step, "{wait:?} of {step:?}");
            step = (step * 2).min(max);
        }
        backoff.reset();
        assert!(backoff.next() <= min);
        assert!(Backoff::new(Duration::ZERO, Duration::ZERO, 0).next().is_zero());
    }
}
