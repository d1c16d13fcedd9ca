//! How many requests at once it would take to keep up: what Prometheus calls the desired number of shards, computed as
//! it does (`storage/remote/queue_manager.go`, `calculateDesiredShards`) and for the same alert, that this is more than
//! may be. What is done about it is the send loops' own rule.

use std::time::Duration;

use tokio::time::Instant;

/// Time between two looks, as in Prometheus.
const PERIOD: Duration = Duration::from_secs(10);
/// Weight of the last period in the moving rates, as in Prometheus.
const WEIGHT: f64 = 0.2;
/// Part of what waits that shall go in a second, as in Prometheus.
const CATCH_UP: f64 = 0.05;

/// What a sink has seen since its start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Entries that came in.
    pub(crate) came: u64,
    /// Entries in requests that were answered, however.
    pub(crate) asked: u64,
    /// Seconds that those requests took, one beside the other.
    pub(crate) busy: f64,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Demand {
    last: Option<(Instant, Totals)>,
    came: Option<f64>,
    asked: f64,
    busy: f64,
}

impl Demand {
    /// What it would take, whenever a period is over. `pending`: entries that are neither delivered nor dropped.
    pub(crate) fn look(&mut self, now: Instant, totals: Totals, pending: u64) -> Option<f64> {
        let Some((since, before)) = self.last else {
            self.last = Some((now, totals));
            return None;
        };
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        if seconds < PERIOD.as_secs_f64() {
            return None;
        }
        self.last = Some((now, totals));
        let came = totals.came.saturating_sub(before.came) as f64 / seconds;
        let asked = totals.asked.saturating_sub(before.asked) as f64 / seconds;
        let busy = (totals.busy - before.busy).max(0.0) / seconds;
        if let Some(rate) = &mut self.came {
            for (rate, now) in [(rate, came), (&mut self.asked, asked), (&mut self.busy, busy)] {
                *rate += WEIGHT * (now - *rate);
            }
        } else {
            (self.came, self.asked, self.busy) = (Some(came), asked, busy);
        }
        if self.asked <= 0.0 {
            return None;
        }
        let per_entry = self.busy / self.asked;
        Some(per_entry * (self.came.unwrap_or_default() + CATCH_UP * pending as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_time_that_entries_take_by_how_many_come_and_wait() {
        let mut demand = Demand::default();
        let begin = Instant::now();
        let totals = |n: u64| Totals { came: 10_000 * n, asked: 10_000 * n, busy: 20.0 * n as f64 };
        let mut desired = None;
        for n in 0..30 {
            let pending = if n == 29 { 100_000 } else { 0 };
            desired = demand.look(begin + 10 * Duration::from_secs(n), totals(n), pending);
            if (1..29).contains(&n) {
                // 1,000 entries a second at 2 ms each
                assert!((desired.unwrap() - 2.0).abs() < 0.01, "{desired:?}");
            }
        }
        // and 5,000 a second of those that wait
        assert!((desired.unwrap() - 12.0).abs() < 0.01, "{desired:?}");
        assert!(demand.look(begin + Duration::from_secs(291), totals(30), 0).is_none(), "the period is not over");
    }

    #[test]
    fn before_anything_was_sent_nothing_is_known() {
        let mut demand = Demand::default();
        let begin = Instant::now();
        assert!(demand.look(begin, Totals::default(), 5).is_none());
        let later = Totals { came: 100, ..Totals::default() };
        assert!(demand.look(begin + PERIOD, later, 100).is_none());
    }
}
