//! Label bytes by slot, small at rest.
//!
//! A target's label sets repeat each other, so they compress some seventeen-fold; they are needed only while the target's
//! page passes. The store keeps them in lz4 blocks of 64 KiB and one open block, and unpacks all of them into a
//! buffer that the caller lends ([`LabelStore::unpack`]): one buffer a worker serves every target.

use crate::labels::Labels;
use crate::page::Slot;

/// Bytes of labels in a sealed block: large enough for lz4 to find the repetition, small enough that a birth in a big
/// target does not pack the whole again.
const BLOCK: usize = 64 * 1024;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct LabelStore {
    sealed: Vec<Sealed>,
    sealed_len: usize,
    open: Vec<u8>,
    places: Vec<Place>,
    dead: usize,
}

#[derive(Debug)]
struct Sealed {
    packed: Box<[u8]>,
    len: usize,
}

/// Where a slot's bytes are in the unpacked whole; of length 0 where the slot is free.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u32,
    len: u32,
}

/// All label sets of a store, unpacked; see [`LabelStore::unpack`].
#[derive(Clone, Copy, Debug)]
pub struct Unpacked<'a> {
    bytes: &'a [u8],
    places: &'a [Place],
}

impl LabelStore {
    /// Keeps the labels of a slot, in place of what it had. The empty set is the same as none.
    pub fn insert(&mut self, slot: Slot, labels: Labels<'_>) {
        self.remove(slot);
        let index = slot as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, Place::default());
        }
        let bytes = labels.as_bytes();
        if self.open.len() + bytes.len() > BLOCK {
            self.seal();
        }
        self.places[index] = Place { start: (self.sealed_len + self.open.len()) as u32, len: bytes.len() as u32 };
        self.open.extend_from_slice(bytes);
    }

    /// Frees a slot.
    pub fn remove(&mut self, slot: Slot) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            self.dead += place.len as usize;
            *place = Place::default();
        }
    }

    /// No slot at or above this one has labels.
    pub fn slots(&self) -> Slot {
        self.places.len() as Slot
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Seals the open block and gives back the room of dead slots when they are more than half. Call it when a page that
    /// changed the store has passed.
    pub fn settle(&mut self, scratch: &mut Vec<u8>) {
        let total = self.sealed_len + self.open.len();
        if self.dead * 2 > total {
            self.compact(scratch);
        }
        // A small open block stays open: births trickle in, and packing a handful of sets gains nothing.
        if self.open.len() > BLOCK / 4 {
            self.seal();
        }
        self.open.shrink_to_fit();
        self.places.shrink_to_fit();
    }

    /// Unpacks all blocks into `scratch`, replacing its content.
    pub fn unpack<'a>(&'a self, scratch: &'a mut Vec<u8>) -> Unpacked<'a> {
        self.fill(scratch);
        Unpacked { bytes: scratch, places: &self.places }
    }

    /// How many bytes of memory the store holds.
    pub fn heap_bytes(&self) -> usize {
        self.sealed.iter().map(|b| b.packed.len()).sum::<usize>()
            + self.open.capacity()
            + self.places.capacity() * size_of::<Place>()
    }

    fn fill(&self, out: &mut Vec<u8>) {
        let total = self.sealed_len + self.open.len();
        // resize only ever grows a buffer that serves many targets, so the zeroing is paid once
        if out.len() < total {
            out.resize(total, 0);
        }
        let mut at = 0;
        for block in &self.sealed {
            // The bytes are our own; should memory be damaged, the block reads as empty labels, which encode to nothing.
            if lz4_flex::block::decompress_into(&block.packed, &mut out[at..at + block.len]).is_err() {
                out[at..at + block.len].fill(0);
            }
            at += block.len;
        }
        out[at..total].copy_from_slice(&self.open);
    }

    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let packed = lz4_flex::block::compress(&self.open).into_boxed_slice();
        self.sealed.push(Sealed { packed, len: self.open.len() });
        self.sealed_len += self.open.len();
        self.open.clear();
    }

    fn compact(&mut self, scratch: &mut Vec<u8>) {
        self.fill(scratch);
        let places = std::mem::take(&mut self.places);
        *self = Self::default();
        for (slot, place) in places.iter().enumerate().filter(|(_, p)| p.len > 0) {
            let bytes = &scratch[place.start as usize..(place.start + place.len) as usize];
            self.insert(slot as Slot, Labels::from_trusted(bytes));
        }
    }
}

impl<'a> Unpacked<'a> {
    /// The labels of a slot; the empty set where the slot is free.
    #[inline]
    pub fn get(self, slot: Slot) -> Labels<'a> {
        let place = self.places.get(slot as usize).copied().unwrap_or_default();
        Labels::from_trusted(&self.bytes[place.start as usize..(place.start + place.len) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelSet;
    use std::collections::BTreeMap;

    fn set(i: u64) -> LabelSet {
        [("__name__".to_string(), format!("m{}", i % 7)), ("pod".to_string(), format!("pod-{i}"))].iter().collect()
    }

    #[test]
    fn behaves_like_a_map_through_births_deaths_and_compaction() {
        let (mut store, mut model, mut scratch) = (LabelStore::default(), BTreeMap::new(), vec![]);
        let mut x = 1u64;
        for round in 0..200u64 {
            for _ in 0..100 {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let slot = (x >> 40) as Slot % 3000;
                if (x >> 20).is_multiple_of(3) {
                    store.remove(slot);
                    model.remove(&slot);
                } else {
                    let labels = set(x % 100_000);
                    store.insert(slot, labels.as_labels());
                    model.insert(slot, labels);
                }
            }
            if round % 5 == 0 {
                store.settle(&mut scratch);
            }
            let unpacked = store.unpack(&mut scratch);
            for slot in 0..3000 {
                let want = model.get(&slot).map(LabelSet::as_labels).unwrap_or_default();
                assert_eq!(unpacked.get(slot), want, "slot {slot} in round {round}");
            }
        }
    }

    #[test]
    fn is_small_at_rest() {
        let (mut store, mut scratch, mut raw) = (LabelStore::default(), vec![], 0);
        for i in 0..5000 {
            let labels = set(i);
            raw += labels.as_labels().as_bytes().len();
            store.insert(i as Slot, labels.as_labels());
        }
        store.settle(&mut scratch);
        assert!(store.heap_bytes() < raw * 2 / 3, "{} of {raw}", store.heap_bytes());
    }
}
