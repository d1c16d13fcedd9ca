//! The series that a target's page becomes behind the pipeline, and which of them have ended.
//!
//! Invariants: a label set has at most one output; an output has at most one owner (the input slot that writes it); an
//! output without an owner at the end of a page has ended on it.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashMap;
use rapidhash::fast::RandomState;
use weir_model::{Births, Labels, Metadata, Page, STALE_NAN, Sample, Slot};
use weir_telemetry::Passage;

/// No input slot.
const NOBODY: Slot = Slot::MAX;

/// Why an input slot may not write a label set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duplicate;

#[derive(Clone, Copy, Debug)]
struct Output {
    /// Of its labels. Two label sets of one target with equal 64-bit hashes would be taken for one: with a million series
    /// and a seed of the process' own, a chance of 3 in 10^8.
    hash: u64,
    owner: Slot,
    own_time: bool,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Outputs {
    hasher: RandomState,
    by_hash: HashMap<u64, Slot, RandomState>,
    slots: Vec<Output>,
    free: Vec<Slot>,
    /// Outputs that lost their owner on this page.
    released: Vec<Slot>,
    /// Freed on this page; their slots are given out again from the next.
    dying: Vec<Slot>,
    page: PageBuffers,
    /// The sinks that are written to.
    pub(crate) sinks: Arc<[String]>,
}

/// A page that was handed to its sink.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    written: u64,
    markers: u64,
    takers: usize,
}

impl Finished {
    /// Books the markers, and all of it as taken.
    pub(crate) fn book(self, passage: &mut Passage) {
        let samples = self.written + self.markers;
        passage.generated(self.markers);
        passage.copied(self.takers, samples);
        passage.taken(self.takers, samples);
        if self.takers == 0 {
            passage.dropped("no_sink", samples);
        }
    }
}

/// A page in the making. Lent for as long as a page passes ([`Outputs::lend`]): a target at rest holds none.
#[derive(Debug, Default)]
pub(crate) struct PageBuffers {
    births: Births,
    samples: Vec<Sample>,
}

impl Outputs {
    /// An empty table. Hashes can be compared between tables with clones of one hasher, as all of a process have.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self {
            by_hash: HashMap::with_hasher(RandomState::default()),
            hasher,
            slots: vec![],
            free: vec![],
            released: vec![],
            dying: vec![],
            page: PageBuffers::default(),
            sinks: Arc::default(),
        }
    }

    /// Takes the buffers for a page, or, called again behind it, gives them back.
    pub(crate) fn lend(&mut self, buffers: &mut PageBuffers) {
        std::mem::swap(&mut self.page, buffers);
    }

    pub(crate) fn hash(&self, labels: Labels<'_>) -> u64 {
        self.hasher.hash_one(labels.as_bytes())
    }

    /// Whether a label set of this hash is among the live outputs.
    pub(crate) fn writes(&self, hash: u64) -> bool {
        self.by_hash.contains_key(&hash)
    }

    /// The output for `labels`, owned by `input` from now on; a new one if there is none.
    /// What is known of it goes with it.
    pub(crate) fn claim(
        &mut self,
        input: Slot,
        hash: u64,
        labels: Labels<'_>,
        metadata: Option<&Arc<Metadata>>,
    ) -> Result<Slot, Duplicate> {
        if let Some(&slot) = self.by_hash.get(&hash) {
            let output = &mut self.slots[slot as usize];
            if output.owner != NOBODY && output.owner != input {
                return Err(Duplicate);
            }
            output.owner = input;
            if let Some(metadata) = metadata {
                self.page.births.describe(slot, metadata.clone());
            }
            return Ok(slot);
        }
        let output = Output { hash, owner: input, own_time: false };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = output;
            slot
        } else {
            self.slots.push(output);
            self.slots.len() as Slot - 1
        };
        self.by_hash.insert(hash, slot);
        self.page.births.push_described(slot, labels, metadata.cloned());
        Ok(slot)
    }

    /// Something else is known of an output from this page on.
    pub(crate) fn describe(&mut self, slot: Slot, metadata: &Arc<Metadata>) {
        self.page.births.describe(slot, metadata.clone());
    }

    /// The hash of an output's labels.
    pub(crate) fn hash_of(&self, slot: Slot) -> Option<u64> {
        self.slots.get(slot as usize).map(|o| o.hash)
    }

    /// The output has no owner any more; unless another claims it, it ends with this page.
    pub(crate) fn release(&mut self, slot: Slot) {
        if let Some(output) = self.slots.get_mut(slot as usize) {
            output.owner = NOBODY;
            self.released.push(slot);
        }
    }

    /// Releases every output: the inputs begin anew.
    pub(crate) fn release_all(&mut self) {
        let live: Vec<Slot> = self.by_hash.values().copied().collect();
        for slot in live {
            self.release(slot);
        }
    }

    /// Writes a sample of an output on this page.
    #[inline]
    pub(crate) fn write(&mut self, slot: Slot, sample: &Sample) {
        if let Some(output) = self.slots.get_mut(slot as usize)
            && output.own_time != sample.own_time
        {
            output.own_time = sample.own_time;
        }
        self.page.samples.push(Sample { slot, ..*sample });
    }

    /// Ends the outputs that nobody owns with a marker each, and hands the page on; `hand_on` says to how many.
    pub(crate) fn finish_page(&mut self, time: i64, hand_on: impl FnOnce(&Page<'_>) -> usize) -> Finished {
        let written = self.page.samples.len();
        self.end_released(time);
        let page = Page { time, deaths: &self.dying, births: &self.page.births, samples: &self.page.samples };
        let takers = hand_on(&page);
        let markers = self.page.samples.len() - written;
        self.begin_page();
        Finished { written: written as u64, markers: markers as u64, takers }
    }

    /// Whether the target itself gave the time of an output's last sample: such a one ends without a marker.
    pub(crate) fn is_unmarked(&self, slot: Slot) -> bool {
        self.slots.get(slot as usize).is_some_and(|o| o.own_time)
    }

    /// The live outputs that end with a marker, by hash.
    pub(crate) fn marked(&self) -> impl Iterator<Item = (u64, Slot)> {
        self.by_hash.iter().map(|(&hash, &slot)| (hash, slot)).filter(|&(_, slot)| !self.is_unmarked(slot))
    }

    fn end_released(&mut self, time: i64) {
        for slot in std::mem::take(&mut self.released) {
            let output = self.slots[slot as usize];
            // released twice, or claimed again: the map tells
            if output.owner != NOBODY || self.by_hash.get(&output.hash) != Some(&slot) {
                continue;
            }
            self.by_hash.remove(&output.hash);
            if !output.own_time {
                self.page.samples.push(Sample { slot, own_time: false, time, value: STALE_NAN });
            }
            self.dying.push(slot);
        }
    }

    fn begin_page(&mut self) {
        self.free.append(&mut self.dying);
        self.page.births.clear();
        self.page.samples.clear();
    }
}
