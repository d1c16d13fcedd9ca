//! What wakes a source's reader thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Flags with a condition variable; shared by a reader thread and everything it waits for.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    flags: Mutex<Flags>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    events: bool,
    room: bool,
    looked: bool,
    stop: Option<Stop>,
}

/// How a reader ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Waits until then for acknowledgements and writes the checkpoint.
    Drain(Instant),
    /// At once, as when the process is killed.
    Abandon,
}

impl Wake {
    /// The file system has news.
    pub(crate) fn events(&self) {
        self.lock().events = true;
        self.changed.notify_one();
    }

    /// There may be room for another batch: one was taken, or acknowledged.
    pub(crate) fn room(&self) {
        self.lock().room = true;
        self.changed.notify_one();
    }

    /// The reader has looked at all its files once, and follows them.
    pub(crate) fn looked(&self) {
        self.lock().looked = true;
    }

    /// Whether the reader has looked at all its files once.
    pub(crate) fn has_looked(&self) -> bool {
        self.lock().looked
    }

    /// The reader shall end. A later call replaces an earlier one.
    pub(crate) fn stop(&self, how: Stop) {
        self.lock().stop = Some(how);
        self.changed.notify_one();
    }

    /// How the reader shall end, if it shall.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.lock().stop
    }

    /// Waits until `until`, a stop, news of the file system (but not before `rest`: bursts of writes shall cost one
    /// round), or, where it is `wanted`, room.
    pub(crate) fn wait(&self, until: Instant, rest: Instant, wanted: bool) {
        let mut flags = self.lock();
        loop {
            let now = Instant::now();
            if flags.stop.is_some() || now >= until || (wanted && flags.room) || (flags.events && now >= rest) {
                break;
            }
            let next = if flags.events { rest.min(until) } else { until };
            flags = self
                .changed
                .wait_timeout(flags, next.saturating_duration_since(now))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        flags.events = false;
        flags.room = false;
    }

    /// Waits until `until`, another stop, or a batch being settled.
    pub(crate) fn wait_settled(&self, until: Instant) {
        let flags = self.lock();
        let stop = flags.stop;
        let left = until.saturating_duration_since(Instant::now());
        let waiting = |f: &mut Flags| !f.room && f.stop == stop;
        self.changed.wait_timeout_while(flags, left, waiting).unwrap_or_else(PoisonError::into_inner).0.room = false;
    }

    fn lock(&self) -> MutexGuard<'_, Flags> {
        // flags are whole after any panic
        self.flags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a stream of events wake the thread.
pub(crate) struct EventWaker(pub(crate) Arc<Wake>);

impl std::task::Wake for EventWaker {
    fn wake(self: Arc<Self>) {
        self.0.events();
    }
}
