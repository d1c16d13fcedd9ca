//! The times of lines: when they were read, and never twice the same.

use std::time::{SystemTime, UNIX_EPOCH};

/// Gives strictly increasing times to the lines of one source, whatever the wall clock does.
///
/// One clock serves the whole source, not one per stream: lines of a stream can come from two files at once (the old
/// and the new one during a rotation, or all files where there is no filename label), and Loki silently drops a line
/// that equals a stored one in stream, nanosecond and text.
#[derive(Debug)]
pub struct StampClock {
    last: i64,
}

impl StampClock {
    /// A clock that goes on after `last` (nanoseconds since the epoch), which an earlier run has given out.
    pub fn after(last: i64) -> Self {
        Self { last }
    }

    /// The greatest time given out so far.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Times for `lines` lines read at `now`: a nanosecond apart, all later than any given out before.
    pub fn stamp(&mut self, now: i64, lines: usize) -> Vec<i64> {
        if lines == 0 {
            return Vec::new();
        }
        let first = now.max(self.last.saturating_add(1));
        self.last = first.saturating_add(lines as i64 - 1);
        (first..).take(lines).collect()
    }
}

/// The wall clock in nanoseconds since the epoch (0 before it; enough until the year 2262).
pub fn wall_clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_increase_when_the_clock_stands_or_goes_back() {
        let mut clock = StampClock::after(50);
        assert_eq!(clock.stamp(100, 3), [100, 101, 102]);
        assert_eq!(clock.stamp(101, 2), [103, 104]);
        assert_eq!(clock.stamp(7, 1), [105]);
        assert_eq!(clock.stamp(500, 1), [500]);
        assert!(clock.stamp(900, 0).is_empty());
        assert_eq!(clock.last(), 500);
    }
}
