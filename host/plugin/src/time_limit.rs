//! When a call has had its time, and when it has been long enough where it is.
//!
//! A limit is on processor time: on an overloaded machine a healthy guest waits for a processor longer than it computes, and its
//! records must not be lost for that. The engine's epochs are wall time, so a deadline that is reached only asks: a call that has
//! not used its limit goes on for the rest of it, here or on other threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::engine::TICK;
use crate::threads::{Course, Place};

/// How much longer than its limit a call may take by the wall clock: a thread that gets a twentieth of a processor is on a
/// machine that will not finish any page in time.
pub(crate) const STARVED: u32 = 20;

/// The same of one in the background, which takes unusually long, of a plugin that has lately run into its limit: it most likely loops, and
/// others wait for its thread. What it was called for is halved and tried again.
const STARVED_IN_THE_BACKGROUND: u32 = 4;

/// The least of that: a container that has used up its quota stands still for most of a second.
const SHORTEST_STARVATION: Duration = Duration::from_secs(2);

/// The processor time that the calling thread has used so far. Asking costs half a microsecond.
fn thread_time() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0))
}

/// By which clock a call begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Its thread's processor time, all along.
    Processor,
    /// The wall's, until somebody asks whether it has had its time: a call of a microsecond would spend another one on asking twice how much
    /// processor time that was. Somebody asks at the engine's first tick, so what the call waited for a processor counts for no more than one.
    Wall,
}

/// In [`Meter::since`]: by the wall's clock.
const BY_THE_WALL: u64 = u64::MAX;

/// The processor time of one call after the other of an instance, each of which may change its thread: who moves it says so.
#[derive(Debug)]
pub(crate) struct Meter {
    epoch: Instant,
    /// When the call began, since `epoch`; nanoseconds, as all of these.
    began: AtomicU64,
    /// The processor time of the thread that the call is on, when it came there.
    since: AtomicU64,
    /// On threads that it has left.
    before: AtomicU64,
    /// By the wall clock, on its way from one to the next.
    stood: AtomicU64,
    /// Whether the call goes on in the background when it begins or pauses.
    background: AtomicBool,
}

impl Meter {
    fn new() -> Self {
        let zero = AtomicU64::default;
        let background = AtomicBool::default();
        Self { epoch: Instant::now(), began: zero(), since: zero(), before: zero(), stood: zero(), background }
    }

    /// A call begins here.
    fn begin(&self, course: Course) {
        self.go_to(course.begins);
        self.before.store(0, Ordering::Relaxed);
        self.stood.store(0, Ordering::Relaxed);
        self.began.store(nanoseconds(self.epoch.elapsed()), Ordering::Relaxed);
        let since = if course.clock == Clock::Wall { BY_THE_WALL } else { nanoseconds(thread_time()) };
        self.since.store(since, Ordering::Relaxed);
    }

    /// How long ago the call began, its ways not counted.
    fn passed(&self) -> Duration {
        let since = nanoseconds(self.epoch.elapsed()).saturating_sub(self.began.load(Ordering::Relaxed));
        Duration::from_nanos(since.saturating_sub(self.stood.load(Ordering::Relaxed)))
    }

    /// How much the call has used. Asked on the thread that it is on.
    pub(crate) fn computed(&self) -> Duration {
        let since = self.since.load(Ordering::Relaxed);
        if since == BY_THE_WALL {
            return self.passed().min(TICK);
        }
        let here = nanoseconds(thread_time()).saturating_sub(since);
        Duration::from_nanos(self.before.load(Ordering::Relaxed).saturating_add(here))
    }

    /// The same, and from here on by the clock of the thread.
    fn computed_exactly_from_now(&self) -> Duration {
        let computed = self.computed();
        if self.since.load(Ordering::Relaxed) == BY_THE_WALL {
            self.before.store(nanoseconds(computed), Ordering::Relaxed);
            self.since.store(nanoseconds(thread_time()), Ordering::Relaxed);
        }
        computed
    }

    /// Where the call goes on when it begins or pauses.
    pub(crate) fn go_to(&self, place: Place) {
        self.background.store(place == Place::Background, Ordering::Relaxed);
    }

    /// Whether the call is to go on in the background.
    pub(crate) fn in_background(&self) -> bool {
        self.background.load(Ordering::Relaxed)
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
    /// What of the wall's time the host let it wait for something else, which has a limit of its own.
    waited: Duration,
    /// How long it starved in the background, before it was let out.
    starved: Duration,
    course: Course,
    place: Place,
}

impl TimeLimit {
    /// A call of this limit begins.
    pub(crate) fn begin(limit: Duration, course: Course) -> Self {
        let meter = Arc::new(Meter::new());
        meter.begin(course);
        Self { limit, meter, waited: Duration::ZERO, starved: Duration::ZERO, course, place: course.begins }
    }

    /// The next call begins.
    pub(crate) fn begin_again(&mut self, limit: Duration, course: Course) {
        self.meter.begin(course);
        (self.limit, self.waited, self.starved) = (limit, Duration::ZERO, Duration::ZERO);
        (self.course, self.place) = (course, course.begins);
    }

    /// What counts.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// How soon the call has to be looked at that may go on for so long. `None` is as soon as possible.
    pub(crate) fn look(&self, left: Duration) -> Option<Duration> {
        self.course.look(self.place, left)
    }

    /// How much it may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the call has had its time, here or altogether. One that moves is taken to be there already.
    pub(crate) fn verdict(&mut self) -> Verdict {
        let computed = self.meter.computed_exactly_from_now();
        let mut passed = self.meter.passed().saturating_sub(self.waited + self.starved);
        let next = self.course.next(self.place, computed, passed);
        let suspected = self.course.suspects() && self.place == Place::Background;
        if suspected && next == Some(Place::Long) {
            // it was weir that left it without a processor
            self.starved += std::mem::take(&mut passed);
        }
        let starved = if suspected { STARVED_IN_THE_BACKGROUND } else { STARVED };
        let left = left(self.limit, computed, passed, starved);
        if left.is_zero() {
            return Verdict::Over;
        }
        match next {
            Some(place) => {
                self.place = place;
                self.meter.go_to(place);
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
fn left(limit: Duration, computed: Duration, passed: Duration, starved: u32) -> Duration {
    let backstop = limit.saturating_mul(starved).max(SHORTEST_STARVATION);
    limit.saturating_sub(computed).min(backstop.saturating_sub(passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_call_has_its_limit_of_processor_time() {
        assert_eq!(left(MS(50), MS(50), MS(50), STARVED), Duration::ZERO);
        assert_eq!(left(MS(50), MS(70), MS(70), STARVED), Duration::ZERO);
        assert_eq!(left(MS(50), MS(10), MS(60), STARVED), MS(40), "it waited for a processor");
        assert_eq!(left(Duration::ZERO, Duration::ZERO, Duration::ZERO, STARVED), Duration::ZERO);
    }

    #[test]
    fn a_starved_call_ends_all_the_same() {
        assert_eq!(left(MS(50), MS(10), MS(1_990), STARVED), MS(10), "never past the backstop");
        assert_eq!(left(MS(50), MS(10), MS(2_000), STARVED), Duration::ZERO);
        assert_eq!(left(MS(500), MS(10), MS(9_999), STARVED), MS(1));
        assert_eq!(left(MS(500), MS(10), MS(10_000), STARVED), Duration::ZERO);
        assert_eq!(left(MS(1000), MS(10), MS(3_999), STARVED_IN_THE_BACKGROUND), MS(1));
        assert_eq!(left(MS(50), MS(10), MS(1_999), STARVED_IN_THE_BACKGROUND), MS(1), "two seconds at least");
        assert_eq!(left(Duration::MAX, MS(10), MS(10_000), STARVED), Duration::MAX.saturating_sub(MS(10_000)));
    }

    #[test]
    fn a_call_moves_once_from_each_place() {
        let mut time = TimeLimit::begin(MS(1000), Course::usual(Duration::ZERO));
        while !matches!(time.verdict(), Verdict::Moves(_)) {}
        assert_eq!(time.place, Place::Long);
        assert!(matches!(time.verdict(), Verdict::GoesOn(_)), "it is there already");
        let mut time = TimeLimit::begin(Duration::ZERO, Course::usual(Duration::ZERO));
        assert_eq!(time.verdict(), Verdict::Over, "its limit comes first");
    }

    #[test]
    fn a_call_goes_on_where_its_limit_says() {
        let mut time = TimeLimit::begin(MS(1000), Course::wary(Duration::ZERO));
        assert!(time.meter().in_background());
        assert!(matches!(time.verdict(), Verdict::GoesOn(_)), "it has not starved yet");
        time.begin_again(MS(1000), Course::usual(Duration::ZERO));
        assert!(!time.meter().in_background());
        time.begin_again(MS(1000), Course::wary(Duration::ZERO));
        // as if it had been without a processor for an hour
        time.meter.began.store(0, Ordering::Relaxed);
        let epoch = Instant::now().checked_sub(Duration::from_hours(1)).unwrap();
        let meter = Arc::into_inner(time.meter).unwrap();
        let mut time = TimeLimit { meter: Arc::new(Meter { epoch, ..meter }), ..time };
        assert!(matches!(time.verdict(), Verdict::Moves(_)), "weir is to blame for that hour");
        assert!(!time.meter().in_background());
        assert!(matches!(time.verdict(), Verdict::GoesOn(_)));
    }

    #[test]
    fn what_a_call_used_elsewhere_counts_and_its_way_does_not() {
        let mut time = TimeLimit::begin(MS(1000), Course::usual(Duration::ZERO));
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
    fn a_short_call_is_timed_by_the_wall_and_a_longer_one_from_the_first_look_on_exactly() {
        let meter = Meter::new();
        meter.begin(Course::usual(Duration::ZERO));
        let asked = thread_time();
        while meter.computed().is_zero() {}
        assert!(meter.computed() <= TICK);
        // as if it had waited for a processor for an hour
        let meter = Meter { epoch: Instant::now().checked_sub(Duration::from_hours(1)).unwrap(), ..meter };
        assert_eq!(meter.computed(), TICK);
        assert_eq!(meter.computed_exactly_from_now(), TICK);
        let later = meter.computed_exactly_from_now();
        assert!(later >= TICK && later + asked <= TICK + thread_time(), "{later:?}");
        let left = meter.leave();
        meter.arrive(left);
        assert!(meter.computed() >= TICK);
        assert!(meter.passed() >= Duration::from_secs(3599));
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
