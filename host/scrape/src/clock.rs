//! When a target is scraped: its offset within the interval, and the time that its samples get.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A scrape that begins at most this late gets the time at which it should have begun, so that times are evenly spaced and
/// compress well. Prometheus' `scrape.timestamp-tolerance`; it is also at most 1 % of the interval.
const TOLERANCE: Duration = Duration::from_millis(2);

/// Nanoseconds since the epoch.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i64)
}

/// How long to wait at `now` for the first scrape. It is pinned to absolute time, so that neither restarts nor reloads move
/// a target's scrapes, and it spreads targets evenly over the interval.
pub(crate) fn offset(hash: u64, interval: Duration, now: i64) -> Duration {
    let interval = interval.as_nanos().max(1) as u64;
    let since = now.max(0) as u64 % interval;
    Duration::from_nanos((hash % interval + interval - since) % interval)
}

/// Moves the times of scrapes onto a grid.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Grid(Option<i64>);

impl Grid {
    /// The time of a scrape that begins at `now`, both in nanoseconds since the epoch. The first one sets the grid; so does
    /// one before the grid's last point, for then the clock was set back.
    pub(crate) fn align(&mut self, now: i64, interval: Duration) -> i64 {
        let step = interval.as_nanos().max(1) as i64;
        let tolerance = (TOLERANCE.as_nanos() as i64).min(step / 100);
        let Some(last) = self.0.filter(|last| now - last > -tolerance) else {
            self.0 = Some(now);
            return now;
        };
        // The nearest point at or before now, and one more if that is within the tolerance: a timer may be early.
        let point = last + (now - last + tolerance) / step * step;
        self.0 = Some(point);
        if (now - point).abs() <= tolerance { point } else { now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn offsets_are_pinned_to_absolute_time() {
        let interval = Duration::from_secs(15);
        for now in [0, 7, 14_999, 15_000, 1_700_000_000_123] {
            let at = now * MS + offset(4_000_000_000, interval, now * MS).as_nanos() as i64;
            assert_eq!(at % (15_000 * MS), 4_000 * MS);
        }
        assert_eq!(offset(0, interval, 0), Duration::ZERO);
        assert!(offset(u64::MAX, Duration::ZERO, 5).is_zero());
    }

    #[test]
    fn small_delays_vanish_and_large_ones_stay() {
        let (mut grid, interval) = (Grid::default(), Duration::from_secs(1));
        let mut at = |ms: i64| grid.align(ms * MS, interval) / MS;
        assert_eq!(at(10_000), 10_000);
        assert_eq!(at(11_002), 11_000);
        assert_eq!(at(12_003), 12_003, "too late for the grid");
        assert_eq!(at(12_999), 13_000, "a little early");
        assert_eq!(at(17_001), 17_000, "ticks were missed");
        assert_eq!(at(5_400), 5_400, "the clock was set back");
        assert_eq!(at(6_401), 6_400);
    }
}
