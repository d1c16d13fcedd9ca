//! Threads for calls that take long, and whose turn it is on them.
//!
//! A call that takes milliseconds would hold up whatever else the runtime's thread serves: other targets, other pipelines. Such
//! calls run here. The threads are few and of lower priority, so that the rest of weir has the processors when it wants them;
//! and however many calls one plugin has, a thread is left for another.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::LoadReason;

/// How much nicer the threads are than the rest of weir, which may have been started nice itself: they get a third of what a thread of
/// the runtime gets where both want one processor, which is little enough not to be in its way and enough for a call of 50 ms to end
/// within its time by the clock.
const NICER: i32 = 5;

/// The nicest that there is.
const NICEST: i32 = 19;

/// The threads of a process.
#[derive(Debug)]
pub(crate) struct GuestThreads {
    pool: rayon::ThreadPool,
    turns: Turns,
}

impl GuestThreads {
    /// One more than there are processors: a plugin alone can use them all, and one is left.
    pub(crate) fn new() -> Result<Self, LoadReason> {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self::of(processors + 1, processors, "weir-guest")
    }

    /// For one plugin whose calls wait for answers: as many threads as it may have waiting calls, of which none has to be left.
    pub(crate) fn waiting(threads: usize) -> Result<Self, LoadReason> {
        Self::of(threads, threads, "weir-waiting")
    }

    fn of(threads: usize, most: usize, name: &'static str) -> Result<Self, LoadReason> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |i| format!("{name}-{i}"))
            .start_handler(|_| step_back())
            .build()
            .map_err(|e| LoadReason::Runtime(e.to_string()))?;
        Ok(Self { pool, turns: Turns::new(threads, most) })
    }

    /// Runs `work` on one of the threads once it is this plugin's turn, and waits for it in a way that leaves a runtime its
    /// thread.
    pub(crate) fn run<R: Send>(&self, plugin: &Arc<str>, work: impl FnOnce() -> R + Send) -> R {
        tokio::task::block_in_place(|| {
            let _turn = self.turns.take(plugin);
            self.pool.install(work)
        })
    }
}

/// Where the system does not let it, priorities are all alike: shares are then only the scheduler's.
fn step_back() {
    // On Linux threads have a niceness each; this link is to `PID/task/TID`.
    let thread = std::fs::read_link("/proc/thread-self").ok().and_then(|link| {
        let id = link.file_name()?.to_str()?.parse().ok()?;
        rustix::process::Pid::from_raw(id)
    });
    let Some(thread) = thread else { return };
    let nicer = rustix::process::getpriority_process(None)
        .and_then(|own| rustix::process::setpriority_process(Some(thread), (own + NICER).min(NICEST)));
    if let Err(error) = nicer {
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
    fn work_runs_on_a_thread_of_its_own() {
        let threads = GuestThreads::new().unwrap();
        let name = threads.run(&"p".into(), || std::thread::current().name().map(str::to_owned));
        assert!(name.unwrap().starts_with("weir-guest-"));
        assert_eq!(threads.turns.lock().free, std::thread::available_parallelism().unwrap().get() + 1);
    }
}
