//! Whose turn it is to use one of a few threads.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Who may use a thread now: of those who wait, the plugin that has the fewest; among equals, a call that had no turn yet; among those, who
/// has waited longest.
#[derive(Debug)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
    /// Threads that one plugin may have at a time.
    most: usize,
}

#[derive(Debug)]
struct State {
    /// Threads that nobody has. The last one that had work goes first: what it used is still in its processor's caches.
    free: Vec<usize>,
    running: HashMap<Arc<str>, usize>,
    waiting: Vec<Waiting>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    plugin: Arc<str>,
    again: bool,
}

impl State {
    /// The ticket of who goes next.
    fn next_in_turn(&self, most: usize) -> Option<u64> {
        if self.free.is_empty() {
            return None;
        }
        let has = |plugin: &Arc<str>| self.running.get(plugin).copied().unwrap_or(0);
        let may = self.waiting.iter().filter(|w| has(&w.plugin) < most);
        may.min_by_key(|w| (has(&w.plugin), w.again, w.ticket)).map(|w| w.ticket)
    }
}

impl Turns {
    /// For so many threads, of which one plugin may have `most` at a time.
    pub(crate) fn new(threads: usize, most: usize) -> Self {
        let state = State { free: (0..threads).collect(), running: HashMap::new(), waiting: vec![], next: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), most: most.max(1) }
    }

    /// Waits for the turn of a call of the plugin, which lasts as long as what is returned; `again` is said of one that had a turn before.
    pub(crate) fn take(&self, plugin: &Arc<str>, again: bool) -> Turn<'_> {
        let mut state = self.lock();
        let ticket = state.next;
        state.next += 1;
        state.waiting.push(Waiting { ticket, plugin: plugin.clone(), again });
        let thread = loop {
            if state.next_in_turn(self.most) == Some(ticket)
                && let Some(thread) = state.free.pop()
            {
                break thread;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        state.waiting.retain(|w| w.ticket != ticket);
        *state.running.entry(plugin.clone()).or_default() += 1;
        // there may be another free thread for another
        self.changed.notify_all();
        Turn { turns: self, thread, plugin: plugin.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole before the lock goes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that is a plugin's.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    /// Which one.
    pub(crate) thread: usize,
    plugin: Arc<str>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        state.free.push(self.thread);
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
impl Turns {
    /// How many threads nobody has.
    pub(crate) fn free(&self) -> usize {
        self.lock().free.len()
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
        let held = [turns.take(&slow, false), turns.take(&slow, false)];
        let (told, heard) = mpsc::channel();
        std::thread::scope(|s| {
            let third = s.spawn(|| {
                let turn = turns.take(&slow, false);
                told.send(()).unwrap();
                drop(turn);
            });
            while turns.lock().waiting.is_empty() {
                std::thread::yield_now();
            }
            // a thread is free, and not for this one
            assert_eq!(turns.lock().free.len(), 1);
            assert_eq!(turns.lock().next_in_turn(turns.most), None);
            drop(turns.take(&other, false));
            assert!(heard.try_recv().is_err());
            drop(held);
            heard.recv_timeout(Duration::from_mins(1)).unwrap();
            third.join().unwrap();
        });
        assert_eq!(turns.lock().free.len(), 3);
        assert!(turns.lock().running.is_empty());
    }

    #[test]
    fn who_has_the_fewest_goes_first_and_among_equals_who_waited_longest() {
        let (a, b, c): (Arc<str>, Arc<str>, Arc<str>) = ("a".into(), "b".into(), "c".into());
        let waiting = [(&a, false), (&b, true), (&b, false), (&c, false)].into_iter().zip(0..);
        let waiting = waiting.map(|((plugin, again), ticket)| Waiting { ticket, plugin: Arc::clone(plugin), again });
        let running = [(a.clone(), 1), (b.clone(), 0)].into();
        let mut state = State { free: vec![0], running, waiting: waiting.collect(), next: 4 };
        assert_eq!(state.next_in_turn(2), Some(2));
        state.waiting.remove(2);
        assert_eq!(state.next_in_turn(2), Some(3), "who had a turn comes behind those that had none");
        state.running.insert(c.clone(), 1);
        assert_eq!(state.next_in_turn(2), Some(1));
        state.running.insert(b, 2);
        assert_eq!(state.next_in_turn(2), Some(0));
        state.running.insert(a, 2);
        assert_eq!(state.next_in_turn(2), Some(3));
        state.running.insert(c, 2);
        assert_eq!(state.next_in_turn(2), None, "all have as many as they may");
        state.running.clear();
        state.free.clear();
        assert_eq!(state.next_in_turn(2), None);
    }
}
