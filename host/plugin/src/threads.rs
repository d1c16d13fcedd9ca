//! Where calls run.
//!
//! A call that takes milliseconds would hold up whatever else a thread of the runtime serves: other targets, other pipelines. So one
//! that turns out to be long leaves that thread in the middle, for threads that serve nothing else; and those of a plugin that has lately
//! run into its time limit are on others, which have a processor only while nobody else wants it. The threads are few; however many
//! calls one plugin has, a thread is left for another.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::error::LoadReason;
use crate::time_limit::{Clock, Meter, STARVED};
use crate::turns::Turns;

/// How long a call may be in the way of others: a millisecond is what a worker of the runtime can do without being missed. Plugins
/// whose calls take longer on average do not begin there.
const SHARED: Duration = Duration::from_millis(1);

/// How many times what its calls usually take a call of a plugin may take that has lately run into its limit: what takes longer than that
/// does not compute, it loops.
const UNUSUAL: u32 = 4;

/// How long a turn in the background is. Who waits behind one that loops, as a page can that is scraped once a second, is not to wait for all of
/// its limit; and so long a call may be without a processor until it is looked whether it starves there.
const TURN: Duration = Duration::from_millis(100);

/// How long making and configuring a plugin's first instance is waited for: four times what an interpreter with its libraries takes.
const LOADING: Duration = Duration::from_millis(200);

/// How much nicer the threads for long calls are than the rest of weir, which may have been started nice itself: they get a third of
/// what a thread of the runtime gets where both want one processor, which is little enough not to be in its way and enough for an
/// interpreter to keep up.
const NICER: i32 = 5;

/// The nicest that there is.
const NICEST: i32 = 19;

/// Where a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The caller's thread, which serves others.
    Shared,
    /// The threads for long calls.
    Long,
    /// The threads for calls that may loop, and for what is long and has time.
    Background,
}

/// Where a call begins, and when it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Where it begins.
    pub(crate) begins: Place,
    /// By which clock.
    pub(crate) clock: Clock,
    /// How much processor time is unusual, so that it has to be in the background from there on.
    unusual: Option<Duration>,
}

/// Of a plugin whose calls usually take less, the processor time is not asked for. One that was held up counts for too much then, and makes
/// the next one be timed exactly.
const QUICK: Duration = Duration::from_micros(100);

impl Course {
    /// Of a call of a plugin whose calls usually take so long: not with others, where that is long.
    pub(crate) fn usual(usual: Duration) -> Self {
        if usual > SHARED {
            return Self::long();
        }
        let clock = if usual < QUICK { Clock::Wall } else { Clock::Processor };
        Self { begins: Place::Shared, clock, unusual: None }
    }

    /// Of one that is long, or may be. However long it takes, it has a processor beside the rest of weir: on a busy machine it would starve
    /// in the background.
    pub(crate) fn long() -> Self {
        Self { begins: Place::Long, clock: Clock::Processor, unusual: None }
    }

    /// Of one of a plugin that has lately run into its limit: in the background from the beginning, for what is there is in nobody's way
    /// however often it loops. One that starves there is let out until it takes unusually long.
    pub(crate) fn wary(usual: Duration) -> Self {
        let unusual = SHARED.max(usual.saturating_mul(UNUSUAL));
        Self { begins: Place::Background, unusual: Some(unusual), ..Self::long() }
    }

    /// Of the making of a plugin's first instance, for which no record waits. It may be long: where it starves in the background, it is let out
    /// again and again, for as much as it takes to have its share.
    pub(crate) fn loading() -> Self {
        Self { unusual: Some(LOADING), ..Self::long() }
    }

    /// Whether what is unusual most likely loops.
    pub(crate) fn suspects(&self) -> bool {
        self.begins == Place::Background
    }

    /// Where a call goes from here that has used so much processor time while so much has passed: in the background, from one turn to the next.
    pub(crate) fn next(&self, place: Place, computed: Duration, passed: Duration) -> Option<Place> {
        let is_unusual = self.unusual.is_some_and(|unusual| unusual <= computed);
        match place {
            Place::Shared => (SHARED <= computed).then_some(Place::Long),
            Place::Long => is_unusual.then_some(Place::Background),
            Place::Background => {
                let let_out = computed < passed / STARVED && !(self.suspects() && is_unusual);
                (passed >= TURN).then_some(if let_out { Place::Long } else { Place::Background })
            }
        }
    }

    /// How soon a call has to be looked at that may go on at this place for the time `left`. `None` is as soon as possible.
    pub(crate) fn look(&self, place: Place, left: Duration) -> Option<Duration> {
        match (place, self.unusual) {
            (Place::Shared, _) | (Place::Long, Some(_)) => None,
            (Place::Long, None) => Some(left),
            (Place::Background, _) => Some(left.min(TURN)),
        }
    }
}

/// The threads of a process.
#[derive(Debug)]
pub(crate) struct GuestThreads {
    long: Pool,
    background: Pool,
}

impl GuestThreads {
    /// Of those for long calls one more than there are processors: a plugin alone can use them all, and one is left. Of those in the
    /// background one less: where each processor has a call that loops, none looks for what waits for another.
    pub(crate) fn new() -> Result<Self, LoadReason> {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let threads = [processors + 1, (processors - 1).max(1)];
        Self::of(threads, processors, ["weir-guest", "weir-guest-bg"])
    }

    /// For one plugin whose calls wait for answers: as many threads as it may have waiting calls, of which none has to be left.
    pub(crate) fn waiting(threads: usize) -> Result<Self, LoadReason> {
        Self::of([threads; 2], threads, ["weir-waiting", "weir-wait-bg"])
    }

    fn of(threads: [usize; 2], most: usize, names: [&'static str; 2]) -> Result<Self, LoadReason> {
        Ok(Self {
            long: Pool::new(threads[0], most, names[0], step_back)?,
            background: Pool::new(threads[1], most, names[1], give_way)?,
        })
    }
}

/// The way of a call: from where it begins on to others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    /// Whose threads.
    pub(crate) threads: &'a GuestThreads,
    /// Whose call it is.
    pub(crate) plugin: &'a Arc<str>,
    /// Where it begins, and when it leaves.
    pub(crate) course: Course,
    /// Counts it, where it is one with records and long.
    pub(crate) long_calls: Option<&'a Counter>,
}

impl Way<'_> {
    /// Makes a call, which says that it wants to be elsewhere by pausing, and waits for it in a way that leaves a runtime its thread.
    pub(crate) fn go<C: Future<Output: Send> + Send>(self, meter: &Meter, call: C) -> C::Output {
        let mut call = pin!(call);
        let Self { threads, plugin, course, long_calls } = self;
        if course.begins == Place::Shared
            && let Poll::Ready(outcome) = on(call.as_mut())
        {
            return outcome;
        }
        if let Some(counter) = long_calls {
            counter.inc();
        }
        let mut had_a_turn = false;
        tokio::task::block_in_place(|| {
            loop {
                let background = meter.in_background();
                let pool = if background { &threads.background } else { &threads.long };
                if let Poll::Ready(outcome) = pool.run(plugin, had_a_turn, meter, || on(call.as_mut())) {
                    return outcome;
                }
                had_a_turn |= background;
            }
        })
    }
}

/// Nothing wakes a call: it pauses to be taken elsewhere, and is.
fn on<C: Future>(call: Pin<&mut C>) -> Poll<C::Output> {
    call.poll(&mut Context::from_waker(Waker::noop()))
}

/// Threads of one priority.
#[derive(Debug)]
struct Pool {
    /// Of one thread each: those of one pool look for each other's work a while, a tenth of what a call of a millisecond takes.
    threads: Vec<rayon::ThreadPool>,
    turns: Turns,
}

impl Pool {
    fn new(threads: usize, most: usize, name: &'static str, priority: fn()) -> Result<Self, LoadReason> {
        let thread = |i| {
            let builder = rayon::ThreadPoolBuilder::new().num_threads(1);
            builder.thread_name(move |_| format!("{name}-{i}")).start_handler(move |_| priority()).build()
        };
        let all: Result<_, _> = (0..threads).map(thread).collect();
        Ok(Self { threads: all.map_err(|e| LoadReason::Runtime(e.to_string()))?, turns: Turns::new(threads, most) })
    }

    /// Runs a part of a call on one of the threads, once it is its turn.
    fn run<R: Send>(&self, plugin: &Arc<str>, again: bool, meter: &Meter, part: impl FnOnce() -> R + Send) -> R {
        let left = meter.leave();
        let turn = self.turns.take(plugin, again);
        let (outcome, left) = self.threads[turn.thread].install(|| {
            meter.arrive(left);
            (part(), meter.leave())
        });
        drop(turn);
        meter.arrive(left);
        outcome
    }
}

/// The calling thread is nicer from here on than the rest. Where the system does not let it, priorities are all alike: shares are then only
/// the scheduler's.
fn step_back() {
    // On Linux threads have a niceness each; this link is to `PID/task/TID`.
    let thread = std::fs::read_link("/proc/thread-self").ok().and_then(|link| {
        let id = link.file_name()?.to_str()?.parse().ok()?;
        rustix::process::Pid::from_raw(id)
    });
    let Some(thread) = thread else { return };
    let stepped = rustix::process::getpriority_process(None)
        .and_then(|own| rustix::process::setpriority_process(Some(thread), (own + NICER).min(NICEST)));
    if let Err(error) = stepped {
        tracing::debug!(%error, "a thread for plugins keeps the priority of all others");
    }
}

/// The calling thread has a processor from here on only while nobody else wants it, and gives it back at once. The nicest thread does not: on
/// two processors, each with a call that loops, four in ten more pages of another pipeline took over 4 ms, a turn of the scheduler.
fn give_way() {
    use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};

    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let own = thread_priority::thread_native_id();
    if let Err(error) = thread_priority::set_thread_priority_and_policy(own, ThreadPriority::Min, idle) {
        tracing::debug!(%error, "a thread for plugins that loop is no idle one");
        step_back();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time_limit::TimeLimit;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_threads_have_their_priorities() {
        // proc_pid_stat(5) counts its fields from 1; what stands behind the name, which may hold anything, begins with the third
        let of_this_thread = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let fields: Vec<i32> =
                stat.rsplit_once(')').unwrap().1.split_whitespace().map(|f| f.parse().unwrap_or_default()).collect();
            let (nice, policy) = (fields[19 - 3], fields[41 - 3]);
            (nice, policy)
        };
        let (own, usual) = of_this_thread();
        let threads = GuestThreads::new().unwrap();
        assert_eq!(threads.long.threads[0].install(of_this_thread), ((own + NICER).min(NICEST), usual));
        let (_, policy) = threads.background.threads[0].install(of_this_thread);
        assert_eq!(policy, 5, "SCHED_IDLE of sched(7)");
    }

    #[test]
    fn a_call_that_takes_long_is_in_nobodys_way() {
        let none = Duration::ZERO;
        let trusted = Course::usual(none);
        assert_eq!(trusted.begins, Place::Shared);
        assert_eq!(trusted.next(Place::Shared, SHARED / 2, none), None);
        assert_eq!(trusted.next(Place::Shared, SHARED, none), Some(Place::Long));
        assert_eq!(trusted.next(Place::Long, Duration::MAX, Duration::MAX), None);
        assert_eq!(Course::usual(SHARED * 2).begins, Place::Long);
        let loading = Course::loading();
        assert_eq!(loading.begins, Place::Long);
        assert_eq!(loading.next(Place::Long, LOADING / 2, LOADING), None);
        assert_eq!(loading.next(Place::Long, LOADING, LOADING), Some(Place::Background));
        assert_eq!(
            loading.next(Place::Background, LOADING, LOADING * STARVED),
            Some(Place::Background),
            "its next turn"
        );
        assert_eq!(loading.next(Place::Background, LOADING, Duration::MAX), Some(Place::Long), "it starves");
    }

    #[test]
    fn a_call_that_starves_in_the_background_is_let_out_until_it_takes_unusually_long() {
        let (none, wary) = (Duration::ZERO, Course::wary(SHARED * 2));
        assert_eq!(wary.begins, Place::Background);
        assert_eq!(wary.next(Place::Background, none, TURN / 2), None, "not for long yet");
        assert_eq!(wary.next(Place::Background, TURN / STARVED, TURN), Some(Place::Background), "it has its share");
        assert_eq!(wary.next(Place::Background, none, TURN), Some(Place::Long));
        assert_eq!(wary.next(Place::Long, SHARED * 7, Duration::MAX), None, "usual for it");
        assert_eq!(wary.next(Place::Long, SHARED * 8, none), Some(Place::Background));
        assert_eq!(wary.next(Place::Background, SHARED * 8, Duration::MAX), Some(Place::Background), "it loops");
        assert_eq!(Course::wary(none).next(Place::Long, SHARED, none), Some(Place::Background));
    }

    #[test]
    fn a_call_is_looked_at_where_it_may_have_to_leave() {
        let left = TURN * 3;
        assert_eq!(Course::usual(Duration::ZERO).look(Place::Shared, left), None);
        assert_eq!(Course::usual(Duration::ZERO).look(Place::Long, left), Some(left));
        assert_eq!(Course::wary(Duration::ZERO).look(Place::Background, left), Some(TURN));
        assert_eq!(Course::wary(Duration::ZERO).look(Place::Background, TURN / 2), Some(TURN / 2));
        assert_eq!(Course::wary(Duration::ZERO).look(Place::Long, left), None);
    }

    /// A call that pauses to be elsewhere, and tells which threads it has been on.
    fn going(ways: &'static [Place], time: &TimeLimit) -> impl Future<Output = Vec<String>> + Send {
        let meter = time.meter().clone();
        let (mut been, mut ways) = (vec![], ways.iter());
        std::future::poll_fn(move |_| {
            been.push(std::thread::current().name().unwrap_or_default().to_owned());
            match ways.next() {
                Some(place) => {
                    meter.go_to(*place);
                    Poll::Pending
                }
                None => Poll::Ready(std::mem::take(&mut been)),
            }
        })
    }

    #[test]
    fn a_call_goes_where_it_wants_each_time_it_pauses() {
        let (threads, long_calls) = (GuestThreads::new().unwrap(), Counter::default());
        let own = std::thread::current().name().unwrap().to_owned();
        let plugin = "p".into();
        let went = |course, ways| {
            let time = TimeLimit::begin(Duration::from_secs(1), course);
            let call = going(ways, &time);
            let way = Way { threads: &threads, plugin: &plugin, course, long_calls: Some(&long_calls) };
            let been = way.go(time.meter(), call);
            been.iter()
                .map(|n| if *n == own { "own" } else { n.trim_end_matches(|c: char| c.is_ascii_digit()) }.to_owned())
                .collect::<Vec<_>>()
        };
        let usual = Course::usual(Duration::ZERO);
        let wary = Course::wary(Duration::ZERO);
        assert_eq!(went(usual, &[]), ["own"]);
        assert_eq!(long_calls.get(), 0);
        assert_eq!(went(usual, &[Place::Long]), ["own", "weir-guest-"]);
        assert_eq!(went(Course::long(), &[]), ["weir-guest-"]);
        assert_eq!(went(Course::loading(), &[Place::Background]), ["weir-guest-", "weir-guest-bg-"]);
        let let_out = [Place::Long, Place::Background].as_slice();
        assert_eq!(went(wary, &[]), ["weir-guest-bg-"]);
        assert_eq!(went(wary, let_out), ["weir-guest-bg-", "weir-guest-", "weir-guest-bg-"]);
        assert_eq!(long_calls.get(), 5);
        let processors = std::thread::available_parallelism().unwrap().get();
        assert_eq!(threads.long.turns.free(), processors + 1);
        assert_eq!(threads.background.turns.free(), (processors - 1).max(1));
    }
}
