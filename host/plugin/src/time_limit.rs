//! When a call has had its time, and when it has been long enough where it is.
//!
//! A limit is on processor time: on an overloaded machine a healthy guest waits for a processor longer than it computes, and its
//! records must not be lost for that. The engine's epochs are wall time, so a deadline that is reached only asks: a call that has
//! not used its limit goes on for the rest of it, here or on other threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::threads::{Course, Place};

/// How much longer than its limit a call may take by the wall clock: a thread that gets a twentieth of a processor is on a
/// machine that will not finish any page in time.
const STARVED: u32 = 20;

/// The least of that: a container that has used up its quota stands still for most of a second.
const SHORTEST_STARVATION: Duration = Duration::from_secs(2);

/// The processor time that the calling thread has used so far. Asking costs half a microsecond: once before a call and once behind it.
fn thread_time() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0))
}

/// The processor time of one call after the other of an instance, each of which may change its thread: who moves it says so.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Of the thread that the call is on, when it came there; nanoseconds, as all of these.
    since: AtomicU64,
    /// On threads that it has left.
    before: AtomicU64,
    /// By the wall clock, on its way from one to the next.
    stood: AtomicU64,
}

impl Meter {
    /// A call begins here.
    fn begin(&self) {
        self.before.store(0, Ordering::Relaxed);
        self.stood.store(0, Ordering::Relaxed);
        self.since.store(nanoseconds(thread_time()), Ordering::Relaxed);
    }

    /// How much the call has used. Asked on the thread that it is on.
    pub(crate) fn computed(&self) -> Duration {
        let here = nanoseconds(thread_time()).saturating_sub(self.since.load(Ordering::Relaxed));
        Duration::from_nanos(self.before.load(Ordering::Relaxed).saturating_add(here))
    }

    /// The call leaves this thread.
    pub(crate) fn leave(&self) -> Instant {
        self.before.store(nanoseconds(self.computed()), Ordering::Relaxed);
        Instant::now()
    }

    /// The call that left another thread then goes on here.
    pub(crate) fn arrive(&self, left: Instant) {
        self.stood.fetch_add(nanoseconds(left.elapsed()), Ordering::Relaxed);
        self.since.store(nanoseconds(thread_time()), Ordering::Relaxed);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What is left of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It ends now.
    Over,
    /// It may go on, for so much wall time at least.
    GoesOn(Duration),
    /// It may go on for so much wall time at least, at the next place.
    Moves(Duration),
}

/// The time limit of the call that is under way.
#[derive(Debug)]
pub(crate) struct TimeLimit {
    limit: Duration,
    meter: Arc<Meter>,
    wall: Instant,
    /// What of the wall's time the host let it wait for something else, which has a limit of its own.
    waited: Duration,
    course: Course,
    place: Place,
}

impl TimeLimit {
    /// A call of this limit begins.
    pub(crate) fn begin(limit: Duration, course: Course) -> Self {
        let meter = Arc::<Meter>::default();
        meter.begin();
        Self { limit, meter, wall: Instant::now(), waited: Duration::ZERO, course, place: course.begins }
    }

    /// The next call begins.
    pub(crate) fn begin_again(&mut self, limit: Duration, course: Course) {
        self.meter.begin();
        (self.limit, self.wall, self.waited) = (limit, Instant::now(), Duration::ZERO);
        (self.course, self.place) = (course, course.begins);
    }

    /// What counts.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Where it is, or goes.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// How much it may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the call has had its time, here or altogether. One that moves is taken to be there already.
    pub(crate) fn verdict(&mut self) -> Verdict {
        let stood = Duration::from_nanos(self.meter.stood.load(Ordering::Relaxed));
        let passed = self.wall.elapsed().saturating_sub(self.waited).saturating_sub(stood);
        let computed = self.meter.computed();
        let left = left(self.limit, computed, passed);
        if left.is_zero() {
            return Verdict::Over;
        }
        match self.course.next(self.place, computed) {
            Some(place) => {
                self.place = place;
                Verdict::Moves(left)
            }
            None => Verdict::GoesOn(left),
        }
    }

    /// The call has waited so long for an answer.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.waited += time;
    }

    /// How long the call has waited for answers.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }
}

/// How much of its time a call has left, which has used so much of it while so much has passed.
fn left(limit: Duration, computed: Duration, passed: Duration) -> Duration {
    let backstop = limit.saturating_mul(STARVED).max(SHORTEST_STARVATION);
    limit.saturating_sub(computed).min(backstop.saturating_sub(passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_call_has_its_limit_of_processor_time() {
        assert_eq!(left(MS(50), MS(50), MS(50)), Duration::ZERO);
        assert_eq!(left(MS(50), MS(70), MS(70)), Duration::ZERO);
        assert_eq!(left(MS(50), MS(10), MS(60)), MS(40), "it waited for a processor");
        assert_eq!(left(Duration::ZERO, Duration::ZERO, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_starved_call_ends_all_the_same() {
        assert_eq!(left(MS(50), MS(10), MS(1_990)), MS(10), "never past the backstop");
        assert_eq!(left(MS(50), MS(10), MS(2_000)), Duration::ZERO);
        assert_eq!(left(MS(500), MS(10), MS(9_999)), MS(1));
        assert_eq!(left(MS(500), MS(10), MS(10_000)), Duration::ZERO);
        assert_eq!(left(Duration::MAX, MS(10), MS(10_000)), Duration::MAX.saturating_sub(MS(10_000)));
    }

    #[test]
    fn a_call_moves_once_from_each_place() {
        let mut time = TimeLimit::begin(MS(1000), Course::of(false, Duration::ZERO));
        while !matches!(time.verdict(), Verdict::Moves(_)) {}
        assert_eq!(time.place(), Place::Long);
        assert!(matches!(time.verdict(), Verdict::GoesOn(_)), "it is there already");
        let mut time = TimeLimit::begin(Duration::ZERO, Course::of(false, Duration::ZERO));
        assert_eq!(time.verdict(), Verdict::Over, "its limit comes first");
    }

    #[test]
    fn what_a_call_used_elsewhere_counts_and_its_way_does_not() {
        let mut time = TimeLimit::begin(MS(1000), Course::of(false, Duration::ZERO));
        let spin = |until: Duration| while thread_time() < until {};
        spin(thread_time() + MS(2));
        let meter = time.meter().clone();
        let left = meter.leave();
        let left = std::thread::scope(|s| {
            let there = s.spawn(|| {
                meter.arrive(left.checked_sub(Duration::from_secs(1000)).unwrap());
                spin(thread_time() + MS(3));
                meter.leave()
            });
            there.join().unwrap()
        });
        meter.arrive(left);
        assert!(meter.computed() >= MS(5));
        assert!(matches!(time.verdict(), Verdict::Moves(_)), "it has not starved on its way");
    }

    #[test]
    fn the_threads_time_moves_with_what_it_computes() {
        let begin = thread_time();
        let mut x = 1_u64;
        while thread_time() == begin {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        assert!(thread_time() > begin);
    }
}
