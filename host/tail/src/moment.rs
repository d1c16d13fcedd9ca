//! When weir looked, on the clock that files are stamped by.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::stamps::wall_clock;

/// Twice the coarsest tick of a kernel (`HZ=100`).
const TICK: Duration = Duration::from_millis(20);

/// A clock that has not moved for so long was set back, or stands; nothing is gained by waiting for it.
const STANDSTILL: Duration = Duration::from_secs(1);

/// A moment before which nothing can have been made that was made after it.
///
/// The kernel stamps files by a clock that moves once a tick. The same one is read here: what is made after this moment
/// is never stamped with an earlier time, and no allowance is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    stamp: i64,
    at: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { stamp: file_clock(), at: Instant::now() }
    }

    /// A moment after all stamps that there are. Newer kernels stamp some files more finely than by the tick, so the next
    /// tick alone may be before such a stamp.
    pub(crate) fn next_tick() -> Self {
        let (now, began) = (wall_clock(), Instant::now());
        loop {
            let moment = Self::now();
            if moment.stamp > now || moment.at - began >= STANDSTILL {
                return moment;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What a file is stamped with at least that was made since, in nanoseconds since the epoch. Where the wall clock was
    /// set since, that file may have been stamped before or after it was.
    pub(crate) fn least_stamp(self) -> i64 {
        let since = i64::try_from(self.at.elapsed().as_nanos()).unwrap_or(i64::MAX);
        // the two clocks may run apart by less than a tick between two readings
        let slack = TICK.as_nanos() as i64;
        let by_wall = file_clock().saturating_sub(since);
        if (by_wall.saturating_sub(self.stamp)).abs() <= slack { self.stamp } else { self.stamp.min(by_wall - slack) }
    }

    /// The earlier one.
    pub(crate) fn min(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }

    /// How long ago it was.
    pub(crate) fn age(self) -> Duration {
        self.at.elapsed()
    }

    /// Whether what happened at `at` may be stamped with this moment or a later one.
    pub(crate) fn may_precede(self, at: Instant) -> bool {
        self.at <= at + TICK
    }

    /// Whether what is stamped from now on has a later stamp than this.
    pub(crate) fn is_a_tick_after(self, stamp: i64) -> bool {
        self.stamp.saturating_sub(stamp) > TICK.as_nanos() as i64
    }
}

/// The clock by which the kernel stamps files, in nanoseconds since the epoch.
fn file_clock() -> i64 {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
}

/// When a file was made, in nanoseconds since the epoch; 0 where its file system does not tell. It tells files apart that
/// had the same inode one after the other.
pub(crate) fn born(metadata: &Metadata) -> i64 {
    let since_epoch = metadata.created().unwrap_or(SystemTime::UNIX_EPOCH).duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}

/// Whether files were made at different times; false where that is not known of both.
pub(crate) fn born_apart(a: i64, b: i64) -> bool {
    a != 0 && b != 0 && a != b
}

/// When a file was last written to, in nanoseconds since the epoch.
pub(crate) fn modified(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_stamped_on_this_clock() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..50 {
            let (before, after) = (dir.path().join(format!("before{i}")), dir.path().join(format!("after{i}")));
            std::fs::write(&before, "").unwrap();
            let moment = if i % 10 == 0 { Moment::next_tick() } else { Moment::now() };
            std::fs::write(&after, "").unwrap();
            let stamps = |path| std::fs::metadata(path).map(|m| (born(&m), modified(&m))).unwrap();
            let least = moment.least_stamp();
            let (made, written) = stamps(&after);
            assert!((made == 0 || made >= least) && written >= least, "{made} {written} {least}");
            if i % 10 == 0 {
                let (made, written) = stamps(&before);
                assert!(made < least && written < least, "{made} {written} {least}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_does_not_hide_what_comes_after() {
        const HOUR: i64 = 3_600_000_000_000;
        let now = Moment::now();
        let set_back = Moment { stamp: now.stamp + HOUR, ..now };
        assert!(set_back.least_stamp() <= now.stamp);
        let set_forward = Moment { stamp: now.stamp - HOUR, ..now };
        assert_eq!(set_forward.least_stamp(), set_forward.stamp);
    }

    #[test]
    fn births_that_are_not_known_tell_nothing() {
        assert!(born_apart(1, 2));
        assert!(!born_apart(1, 1) && !born_apart(0, 1) && !born_apart(1, 0));
    }
}
