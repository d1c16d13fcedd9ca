//! When a call has had its time.
//!
//! A limit is on the processor time of the calling thread: on an overloaded machine a healthy guest waits for a processor
//! longer than it computes, and its records must not be lost for that. The engine's epochs are wall time, so a deadline
//! that is reached only asks: a call that has not used its limit goes on for the rest of it.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

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

/// What is left of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It ends now.
    Over,
    /// It may go on, and is to be looked at again after so much wall time.
    GoesOn(Duration),
}

/// The time limit of the call that is under way. Begun and asked on the thread that makes the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit {
    limit: Duration,
    thread_time: Duration,
    wall: Instant,
    /// What of the wall's time the host let it wait for something else, which has a limit of its own.
    waited: Duration,
}

impl TimeLimit {
    /// A call of this limit begins.
    pub(crate) fn begin(limit: Duration) -> Self {
        Self { limit, thread_time: thread_time(), wall: Instant::now(), waited: Duration::ZERO }
    }

    /// What it was begun with.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// How much processor time the call has used.
    pub(crate) fn computed(&self) -> Duration {
        thread_time().saturating_sub(self.thread_time)
    }

    /// Whether the call has had its time.
    pub(crate) fn verdict(&self) -> Verdict {
        verdict(self.limit, self.computed(), self.wall.elapsed().saturating_sub(self.waited))
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

fn verdict(limit: Duration, computed: Duration, passed: Duration) -> Verdict {
    let backstop = limit.saturating_mul(STARVED).max(SHORTEST_STARVATION);
    let left = limit.saturating_sub(computed).min(backstop.saturating_sub(passed));
    if left.is_zero() { Verdict::Over } else { Verdict::GoesOn(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_call_has_its_limit_of_processor_time() {
        assert_eq!(verdict(MS(50), MS(50), MS(50)), Verdict::Over);
        assert_eq!(verdict(MS(50), MS(70), MS(70)), Verdict::Over);
        assert_eq!(verdict(MS(50), MS(10), MS(60)), Verdict::GoesOn(MS(40)), "it waited for a processor");
        assert_eq!(verdict(Duration::ZERO, Duration::ZERO, Duration::ZERO), Verdict::Over);
    }

    #[test]
    fn a_starved_call_ends_all_the_same() {
        assert_eq!(verdict(MS(50), MS(10), MS(1_990)), Verdict::GoesOn(MS(10)), "never past the backstop");
        assert_eq!(verdict(MS(50), MS(10), MS(2_000)), Verdict::Over);
        assert_eq!(verdict(MS(500), MS(10), MS(9_999)), Verdict::GoesOn(MS(1)));
        assert_eq!(verdict(MS(500), MS(10), MS(10_000)), Verdict::Over);
        assert_eq!(
            verdict(Duration::MAX, MS(10), MS(10_000)),
            Verdict::GoesOn(Duration::MAX.saturating_sub(MS(10_000)))
        );
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
