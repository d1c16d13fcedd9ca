//! How far a file is safe: the contiguous prefix of its acknowledged batches.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_model::{Ack, AckWatch};

use crate::identity::{FINGERPRINT_BYTES, Fingerprint};
use crate::wake::Wake;

/// A place in a file from which reading can go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The first byte that was not framed.
    pub(crate) offset: u64,
    /// Whether that byte belongs to a line that was cut and handed on: all up to the next line end is skipped.
    pub(crate) mid_line: bool,
    /// The file's head, as far as it was read.
    pub(crate) fingerprint: Fingerprint,
    /// What stands before `offset`.
    pub(crate) before: Fingerprint,
}

impl Position {
    /// Whether the file may be the one in which this position was reached.
    pub(crate) fn fits(&self, file: &File) -> io::Result<bool> {
        Ok(file.metadata()?.len() >= self.offset
            && self.fingerprint.matches(file)?
            && self.before.matches_before(file, self.offset)?)
    }

    /// Remembers what was read of the file.
    pub(crate) fn print(&mut self, file: &File) -> io::Result<()> {
        if (self.fingerprint.len as usize) < FINGERPRINT_BYTES && self.offset > u64::from(self.fingerprint.len) {
            self.fingerprint = Fingerprint::of(file, self.offset)?;
        }
        self.before = Fingerprint::before(file, self.offset)?;
        Ok(())
    }
}

/// What a source has handed on and not heard of since.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    bytes: AtomicU64,
    batches: AtomicU64,
    ahead: AtomicU64,
}

impl Unacked {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Bytes that the outlet has not been offered yet.
    pub(crate) fn ahead(&self) -> u64 {
        self.ahead.load(Ordering::Acquire)
    }

    /// A batch of that many bytes is about to be offered to the outlet.
    pub(crate) fn taken(&self, bytes: u64) {
        self.ahead.fetch_sub(bytes, Ordering::AcqRel);
    }

    pub(crate) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Acquire)
    }
}

/// The batches of one file, in the order they were read.
///
/// A batch that is settled as unsafe stops the safe position where it is, until the next start: then everything behind
/// it is read again. Duplicates are the price; a gap is not an option.
pub(crate) struct Progress {
    inner: Mutex<Inner>,
    unacked: Arc<Unacked>,
    wake: Arc<Wake>,
}

struct Inner {
    pending: VecDeque<Pending>,
    /// The token of the first pending batch.
    first: u64,
    safe: Position,
    broken: bool,
}

struct Pending {
    after: Position,
    bytes: u64,
    settled: Option<bool>,
}

impl Progress {
    pub(crate) fn new(safe: Position, unacked: Arc<Unacked>, wake: Arc<Wake>) -> Self {
        let inner = Inner { pending: VecDeque::new(), first: 0, safe, broken: false };
        Self { inner: Mutex::new(inner), unacked, wake }
    }

    /// Expects a batch of `bytes` that ends at `after`, and returns its acknowledgement.
    pub(crate) fn expect(self: &Arc<Self>, after: Position, bytes: u64) -> Ack {
        let mut inner = self.lock();
        let token = inner.first + inner.pending.len() as u64;
        inner.pending.push_back(Pending { after, bytes, settled: None });
        self.unacked.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.unacked.batches.fetch_add(1, Ordering::AcqRel);
        self.unacked.ahead.fetch_add(bytes, Ordering::AcqRel);
        drop(inner);
        Ack::new(self.clone(), token)
    }

    /// Reading went on at `after` with nothing to deliver: the file starts over.
    pub(crate) fn jump(&self, after: Position) {
        let mut inner = self.lock();
        inner.pending.push_back(Pending { after, bytes: 0, settled: Some(true) });
        inner.advance();
    }

    /// The position up to which everything is safe.
    pub(crate) fn safe(&self) -> Position {
        self.lock().safe
    }

    /// How many batches are not settled, or wait behind one that is not.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().pending.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // every change below is made of steps that cannot panic half-way
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn advance(&mut self) {
        while let Some(safe) = self.pending.front().and_then(|p| p.settled) {
            self.broken |= !safe;
            if let Some(done) = self.pending.pop_front()
                && !self.broken
            {
                self.safe = done.after;
            }
            self.first += 1;
        }
    }
}

impl AckWatch for Progress {
    fn settled(&self, token: u64, safe: bool) {
        let mut inner = self.lock();
        let at = token.wrapping_sub(inner.first) as usize;
        let Some(pending) = inner.pending.get_mut(at) else { return };
        pending.settled = Some(safe);
        let bytes = pending.bytes;
        inner.advance();
        drop(inner);
        self.unacked.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.unacked.batches.fetch_sub(1, Ordering::AcqRel);
        self.wake.room();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Position {
        Position { offset, ..Position::default() }
    }

    fn progress() -> (Arc<Progress>, Arc<Unacked>) {
        let unacked = Arc::new(Unacked::default());
        (Arc::new(Progress::new(at(0), unacked.clone(), Arc::default())), unacked)
    }

    #[test]
    fn only_the_contiguous_prefix_is_safe() {
        let (p, unacked) = progress();
        let acks: Vec<_> = (1..=3).map(|i| p.expect(at(i * 10), 10)).collect();
        let [a, b, c] = <[Ack; 3]>::try_from(acks).unwrap();
        b.done();
        assert_eq!((p.safe(), p.waiting(), unacked.bytes()), (at(0), 3, 20));
        a.done();
        assert_eq!((p.safe(), p.waiting()), (at(20), 1));
        p.jump(at(0));
        assert_eq!(p.safe(), at(20), "the file starts over only when its old content is safe");
        c.done();
        assert_eq!((p.safe(), p.waiting(), unacked.batches()), (at(0), 0, 0));
    }

    #[test]
    fn a_failed_batch_holds_the_position_for_good() {
        let (p, unacked) = progress();
        p.expect(at(10), 10).done();
        drop(p.expect(at(20), 10));
        p.expect(at(30), 10).done();
        assert_eq!((p.safe(), p.waiting(), unacked.batches()), (at(10), 0, 0));
    }
}
