//! Acknowledgements: how a source learns that what it read is safe.
//!
//! A batch carries one [`Ack`]. Whoever splits the batch clones it; whoever has made its part durable, or dropped it by
//! a policy and counted it, calls [`Ack::done`]. A clone that is merely lost (an error, a shutdown) fails the whole:
//! forgetting can delay a checkpoint, never advance one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is told when every part of a batch is settled.
pub trait AckWatch: Send + Sync {
    /// Called once, from any thread; must not block. `safe` is false when a part was neither kept nor dropped on purpose.
    fn settled(&self, token: u64, safe: bool);
}

/// One holder's share of a batch; see the [module](self).
#[derive(Clone)]
pub struct Ack {
    shared: Arc<Shared>,
    done: bool,
}

struct Shared {
    watch: Arc<dyn AckWatch>,
    token: u64,
    failed: AtomicBool,
}

impl Ack {
    /// An acknowledgement that reports `token` to `watch`.
    pub fn new(watch: Arc<dyn AckWatch>, token: u64) -> Self {
        Self { shared: Arc::new(Shared { watch, token, failed: AtomicBool::new(false) }), done: false }
    }

    /// This holder's part is durable, or was dropped on purpose and counted.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if !self.done {
            self.shared.failed.store(true, Ordering::Release);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.watch.settled(self.token, !self.failed.load(Ordering::Acquire));
    }
}

impl std::fmt::Debug for Ack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ack({})", self.shared.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Seen(Mutex<Vec<(u64, bool)>>);
    impl AckWatch for Seen {
        fn settled(&self, token: u64, safe: bool) {
            self.0.lock().unwrap().push((token, safe));
        }
    }

    #[test]
    fn settles_once_when_the_last_part_is_done() {
        let seen = Arc::new(Seen::default());
        let ack = Ack::new(seen.clone(), 7);
        let part = ack.clone();
        ack.done();
        assert!(seen.0.lock().unwrap().is_empty());
        part.done();
        assert_eq!(*seen.0.lock().unwrap(), [(7, true)]);
    }

    #[test]
    fn a_lost_part_fails_the_whole() {
        let seen = Arc::new(Seen::default());
        let ack = Ack::new(seen.clone(), 8);
        drop(ack.clone());
        ack.done();
        assert_eq!(*seen.0.lock().unwrap(), [(8, false)]);
    }
}
