//! What a page needs while it is processed, lent from page to page so that nothing is allocated in steady state.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use weir_exposition::Series;
use weir_model::{Births, LabelsBuilder, Page, Sample, Slot};

use super::family::FamilyMemo;
use super::{Bits, Entry, REPORT_SLOTS};

/// The page under way.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) samples: Vec<Sample>,
    pub(crate) births: Births,
    pub(crate) deaths: Vec<Slot>,
    pub(super) seen: Bits,
    pub(super) layout: Vec<Entry>,
    /// Where in the last page a text was, or [`THIS_PAGE`]. Filled on the first miss.
    pub(super) positions: Map<u32>,
    pub(super) positions_ready: bool,
    /// The live slot that has certain labels. Filled on the first birth.
    pub(super) by_labels: Map<Slot>,
    pub(super) by_labels_ready: bool,
    /// No slot below this is free on this page.
    pub(super) next_free: Slot,
    /// The newest time of a slot on this page. Filled when a slot first occurs twice.
    pub(super) times: HashMap<Slot, i64>,
    pub(super) times_ready: bool,
    /// The family that samples are of now.
    pub(super) family: FamilyMemo,
    pub(super) series: Series,
    pub(super) builder: LabelsBuilder,
}

/// The position of a text that is new on this page.
pub(super) const THIS_PAGE: u32 = u32::MAX;

/// A map whose keys are hashes already.
pub(super) type Map<V> = HashMap<u64, V, BuildHasherDefault<Keep>>;

/// Hashes a hash to itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keep(u64);

impl Hasher for Keep {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(b);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Scratch {
    /// Begins a page of a target whose slots are `live`.
    pub(super) fn begin(&mut self, live: &Bits) {
        self.deaths.clear();
        self.forget_body(live);
    }

    /// Takes back all that the body has brought.
    pub(super) fn forget_body(&mut self, live: &Bits) {
        self.samples.clear();
        self.births.clear();
        self.layout.clear();
        self.positions.clear();
        self.by_labels.clear();
        self.times.clear();
        self.family.clear();
        (self.positions_ready, self.by_labels_ready, self.times_ready) = (false, false, false);
        self.seen.reset_like(live);
    }

    /// Makes [`positions`](Self::positions) those of `entries`, once a page.
    pub(super) fn fill_positions(&mut self, entries: &[Entry]) {
        if !std::mem::replace(&mut self.positions_ready, true) {
            for (at, entry) in entries.iter().enumerate() {
                self.positions.entry(entry.hash).or_insert(at as u32);
            }
        }
    }

    /// Whether a sample of a text that the last page did not have was taken on this one.
    pub(super) fn is_on_page(&self, entry: Entry) -> bool {
        self.positions.get(&entry.hash) == Some(&THIS_PAGE)
    }

    pub(super) fn put_on_page(&mut self, entry: Entry) {
        self.positions.insert(entry.hash, THIS_PAGE);
    }

    /// The page as the outlet gets it.
    pub(crate) fn page(&self, time: i64) -> Page<'_> {
        Page { time, deaths: &self.deaths, births: &self.births, samples: &self.samples }
    }

    fn is_large(&self) -> bool {
        // A page of 100,000 series is rare; what one needs once (some 10 MB) is not worth keeping for the others.
        self.samples.capacity() > 100_000 || self.layout.capacity() > 200_000 || self.by_labels.capacity() > 200_000
    }
}

/// Lends [`Scratch`].
#[derive(Debug, Default)]
pub(crate) struct ScratchPool(Mutex<Vec<Scratch>>);

impl ScratchPool {
    /// Pages are walked on the runtime's workers, one each: more at rest than a large machine's workers are of no use.
    const AT_REST: usize = 64;

    pub(crate) fn take(&self) -> Scratch {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn give_back(&self, scratch: Scratch) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < Self::AT_REST && !scratch.is_large() {
            idle.push(scratch);
        }
    }
}

const _: () = assert!(REPORT_SLOTS < 64, "the walk finds free slots above them within the first word");
