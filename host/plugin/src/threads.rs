//! Where calls run, and whose turn it is there.
//!
//! A call that takes milliseconds would hold up whatever else a thread of the runtime serves: other targets, other pipelines. So one
//! that turns out to be long leaves that thread in the middle, for threads that serve nothing else; and one of a plugin that has lately run
//! into its time limit, if it takes unusually long again, leaves those for others that have a processor only while nobody else wants
//! it. The threads are few; however many calls one plugin has, a thread is left for another.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::error::LoadReason;
use crate::time_limit::{Clock, Meter};

/// How long a call may be in the way of others: a millisecond is what a worker of the runtime can do without being missed. Plugins
/// whose calls take longer on average do not begin there.
pub(crate) const SHARED: Duration = Duration::from_millis(1);

/// How many times what its calls usually take a call of a plugin may take that has lately run into its limit: what takes longer than that
/// does not compute, it loops.
const UNUSUAL: u32 = 4;

/// How long making and configuring a plugin's first instance is waited for: four times what an interpreter with its libraries takes.
const LOADING: Duration = Duration::from_millis(200);

/// How much nicer the threads for long calls are than the rest of weir, which may have been started nice itself: they get a third of
/// what a thread of the runtime gets where both want one processor, which is little enough not to be in its way and enough for an
/// interpreter to keep up.
const NICER: i32 = 5;

/// The nicest that there is: a sixty-eighth. On two processors, each with a call that loops, most pages of another pipeline then take as long as
/// without; with a tenth, one in ten of them waited for milliseconds.
const NICEST: i32 = 19;

/// Where a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The caller's thread, which serves others.
    Shared,
    /// The threads for long calls.
    Long,
    /// The threads for calls that most likely loop.
    Background,
}

impl Place {
    /// Where it goes.
    pub(crate) fn next(self) -> Option<Self> {
        match self {
            Self::Shared => Some(Self::Long),
            Self::Long => Some(Self::Background),
            Self::Background => None,
        }
    }
}

/// Where a call begins, and when it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Where it begins.
    pub(crate) begins: Place,
    /// By which clock.
    pub(crate) clock: Clock,
    /// How much processor time it may have used when it leaves the threads for long calls.
    long: Option<Duration>,
}

/// Of a plugin whose calls usually take less, the processor time is not asked for. One that was held up counts for too much then, and makes
/// the next one be timed exactly.
const QUICK: Duration = Duration::from_micros(100);

impl Course {
    /// Of a call that begins there, of a plugin whose calls usually take so long. However long it takes, it has a processor beside the rest
    /// of weir: on a busy machine it would starve in the background.
    pub(crate) fn of(begins: Place, usual: Duration) -> Self {
        let clock = if begins == Place::Shared && usual < QUICK { Clock::Wall } else { Clock::Processor };
        Self { begins, clock, long: None }
    }

    /// The same of a plugin that has lately run into its limit: what takes unusually long then goes to the background.
    pub(crate) fn wary(usual: Duration) -> Self {
        Self { long: Some(SHARED.max(usual.saturating_mul(UNUSUAL))), ..Self::of(Place::Long, usual) }
    }

    /// Of the making of a plugin's first instance, for which no record waits.
    pub(crate) fn loading() -> Self {
        Self { long: Some(LOADING), ..Self::of(Place::Long, LOADING) }
    }

    /// Where a call goes from here that has used so much processor time.
    pub(crate) fn next(&self, place: Place, computed: Duration) -> Option<Place> {
        let patience = if place == Place::Shared { Some(SHARED) } else { self.long };
        place.next().filter(|_| patience.is_some_and(|patience| patience <= computed))
    }
}

/// The threads of a process.
#[derive(Debug)]
pub(crate) struct GuestThreads {
    long: Pool,
    background: Pool,
}

impl GuestThreads {
    /// One more than there are processors: a plugin alone can use them all, and one is left.
    pub(crate) fn new() -> Result<Self, LoadReason> {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self::of(processors + 1, processors, ["weir-guest", "weir-guest-bg"])
    }

    /// For one plugin whose calls wait for answers: as many threads as it may have waiting calls, of which none has to be left.
    pub(crate) fn waiting(threads: usize) -> Result<Self, LoadReason> {
        Self::of(threads, threads, ["weir-waiting", "weir-wait-bg"])
    }

    fn of(threads: usize, most: usize, names: [&'static str; 2]) -> Result<Self, LoadReason> {
        let [long, background] = names;
        Ok(Self {
            long: Pool::new(threads, most, long, NICER)?,
            background: Pool::new(threads, most, background, NICEST)?,
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
        tokio::task::block_in_place(|| {
            if let Poll::Ready(outcome) = threads.long.run(plugin, meter, || on(call.as_mut())) {
                return outcome;
            }
            loop {
                if let Poll::Ready(outcome) = threads.background.run(plugin, meter, || on(call.as_mut())) {
                    return outcome;
                }
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
    threads: rayon::ThreadPool,
    turns: Turns,
}

impl Pool {
    fn new(threads: usize, most: usize, name: &'static str, nicer: i32) -> Result<Self, LoadReason> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |i| format!("{name}-{i}"))
            .start_handler(move |_| step_back(nicer))
            .build()
            .map_err(|e| LoadReason::Runtime(e.to_string()))?;
        Ok(Self { threads: pool, turns: Turns::new(threads, most) })
    }

    /// Runs a part of a call on one of the threads, once it is this plugin's turn.
    fn run<R: Send>(&self, plugin: &Arc<str>, meter: &Meter, part: impl FnOnce() -> R + Send) -> R {
        let left = meter.leave();
        let turn = self.turns.take(plugin);
        let (outcome, left) = self.threads.install(|| {
            meter.arrive(left);
            (part(), meter.leave())
        });
        drop(turn);
        meter.arrive(left);
        outcome
    }
}

/// Where the system does not let it, priorities are all alike: shares are then only the scheduler's.
fn step_back(nicer: i32) {
    // On Linux threads have a niceness each; this link is to `PID/task/TID`.
    let thread = std::fs::read_link("/proc/thread-self").ok().and_then(|link| {
        let id = link.file_name()?.to_str()?.parse().ok()?;
        rustix::process::Pid::from_raw(id)
    });
    let Some(thread) = thread else { return };
    let stepped = rustix::process::getpriority_process(None)
        .and_then(|own| rustix::process::setpriority_process(Some(thread), (own + nicer).min(NICEST)));
    if let Err(error) = stepped {
        tracing::debug!(%error, "a thread for plugins keeps the priority of all others");
    }
}

/// Who may use a thread now: of those who wait, the plugin that has the fewest; among equals, who has waited longest.
#[derive(Debug)]
struct Turns {
    state: Mutex<State>,
    changed: Condvar,
    /// Threads that one plugin may have at a time.
    most: usize,
}

#[derive(Debug)]
struct State {
    free: usize,
    running: HashMap<Arc<str>, usize>,
    waiting: Vec<(u64, Arc<str>)>,
    next: u64,
}

impl State {
    /// The ticket of who goes next.
    fn next_in_turn(&self, most: usize) -> Option<u64> {
        if self.free == 0 {
            return None;
        }
        let has = |plugin: &Arc<str>| self.running.get(plugin).copied().unwrap_or(0);
        let may = self.waiting.iter().filter(|(_, plugin)| has(plugin) < most);
        may.min_by_key(|(ticket, plugin)| (has(plugin), *ticket)).map(|(ticket, _)| *ticket)
    }
}

impl Turns {
    fn new(threads: usize, most: usize) -> Self {
        let state = State { free: threads, running: HashMap::new(), waiting: vec![], next: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), most: most.max(1) }
    }

    /// Waits for the plugin's turn, which lasts as long as what is returned.
    fn take(&self, plugin: &Arc<str>) -> Turn<'_> {
        let mut state = self.lock();
        let ticket = state.next;
        state.next += 1;
        state.waiting.push((ticket, plugin.clone()));
        while state.next_in_turn(self.most) != Some(ticket) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.retain(|(t, _)| *t != ticket);
        state.free -= 1;
        *state.running.entry(plugin.clone()).or_default() += 1;
        // there may be another free thread for another
        self.changed.notify_all();
        Turn { turns: self, plugin: plugin.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole before the lock goes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that is a plugin's.
#[derive(Debug)]
struct Turn<'a> {
    turns: &'a Turns,
    plugin: Arc<str>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        state.free += 1;
        let left = state.running.get_mut(&self.plugin).map_or(0, |n| {
            *n -= 1;
            *n
        });
        if left == 0 {
            state.running.remove(&self.plugin);
        }
        self.turns.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::time_limit::TimeLimit;

    #[test]
    fn one_plugin_cannot_take_all_threads() {
        let turns = Turns::new(3, 2);
        let (slow, other): (Arc<str>, Arc<str>) = ("slow".into(), "other".into());
        let held = [turns.take(&slow), turns.take(&slow)];
        let (told, heard) = mpsc::channel();
        std::thread::scope(|s| {
            let third = s.spawn(|| {
                let turn = turns.take(&slow);
                told.send(()).unwrap();
                drop(turn);
            });
            while turns.lock().waiting.is_empty() {
                std::thread::yield_now();
            }
            // a thread is free, and not for this one
            assert_eq!(turns.lock().free, 1);
            assert_eq!(turns.lock().next_in_turn(turns.most), None);
            drop(turns.take(&other));
            assert!(heard.try_recv().is_err());
            drop(held);
            heard.recv_timeout(Duration::from_mins(1)).unwrap();
            third.join().unwrap();
        });
        assert_eq!(turns.lock().free, 3);
        assert!(turns.lock().running.is_empty());
    }

    #[test]
    fn who_has_the_fewest_goes_first_and_among_equals_who_waited_longest() {
        let (a, b, c): (Arc<str>, Arc<str>, Arc<str>) = ("a".into(), "b".into(), "c".into());
        let waiting = vec![(0, a.clone()), (1, b.clone()), (2, c.clone())];
        let mut state = State { free: 1, running: [(a, 1), (b.clone(), 0)].into(), waiting, next: 3 };
        assert_eq!(state.next_in_turn(2), Some(1));
        state.running.insert(b, 2);
        assert_eq!(state.next_in_turn(2), Some(2));
        state.running.insert(c, 2);
        assert_eq!(state.next_in_turn(2), Some(0));
        state.free = 0;
        assert_eq!(state.next_in_turn(2), None);
    }

    #[test]
    fn the_longer_a_call_takes_the_further_it_goes() {
        let trusted = Course::of(Place::Shared, Duration::ZERO);
        assert_eq!(trusted.next(Place::Shared, SHARED / 2), None);
        assert_eq!(trusted.next(Place::Shared, SHARED), Some(Place::Long));
        assert_eq!(trusted.next(Place::Long, Duration::MAX), None);
        let wary = Course::wary(SHARED * 2);
        assert_eq!(wary.next(Place::Long, SHARED * 7), None, "usual for it");
        assert_eq!(wary.next(Place::Long, SHARED * 8), Some(Place::Background));
        assert_eq!(wary.next(Place::Background, Duration::MAX), None);
        assert_eq!(Course::wary(Duration::ZERO).next(Place::Long, SHARED), Some(Place::Background));
        assert_eq!(Course::loading().next(Place::Long, LOADING), Some(Place::Background));
    }

    /// A call that pauses so many times, and tells which threads it has been on.
    fn pausing(times: usize) -> impl Future<Output = Vec<String>> + Send {
        let mut been = vec![];
        std::future::poll_fn(move |_| {
            been.push(std::thread::current().name().unwrap_or_default().to_owned());
            if been.len() > times { Poll::Ready(std::mem::take(&mut been)) } else { Poll::Pending }
        })
    }

    #[test]
    fn a_call_goes_further_each_time_it_pauses() {
        let (threads, long_calls) = (GuestThreads::new().unwrap(), Counter::default());
        let time = TimeLimit::begin(Duration::from_secs(1), Course::of(Place::Shared, Duration::ZERO));
        let meter = time.meter();
        let own = std::thread::current().name().unwrap().to_owned();
        let plugin = "p".into();
        let went = |begins, pauses| {
            let course = Course::of(begins, Duration::ZERO);
            let way = Way { threads: &threads, plugin: &plugin, course, long_calls: Some(&long_calls) };
            let been = way.go(meter, pausing(pauses));
            been.iter()
                .map(|n| if *n == own { "own" } else { n.trim_end_matches(|c: char| c.is_ascii_digit()) }.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(went(Place::Shared, 0), ["own"]);
        assert_eq!(long_calls.get(), 0);
        assert_eq!(went(Place::Shared, 1), ["own", "weir-guest-"]);
        assert_eq!(went(Place::Shared, 3), ["own", "weir-guest-", "weir-guest-bg-", "weir-guest-bg-"]);
        assert_eq!(went(Place::Long, 0), ["weir-guest-"]);
        assert_eq!(went(Place::Long, 1), ["weir-guest-", "weir-guest-bg-"]);
        assert_eq!(long_calls.get(), 4);
        let all = std::thread::available_parallelism().unwrap().get() + 1;
        assert_eq!([threads.long.turns.lock().free, threads.background.turns.lock().free], [all; 2]);
    }
}
