//! Label bytes by slot, small at rest.

use crate::labels::Labels;
use crate::page::Slot;
use crate::slot_bytes::{SlotBytes, UnpackedBytes};

/// The label sets of a target's series; see [`SlotBytes`].
#[derive(Debug, Default)]
pub struct LabelStore(SlotBytes);

/// All label sets of a store, unpacked; see [`LabelStore::unpack`].
#[derive(Clone, Copy, Debug)]
pub struct Unpacked<'a>(UnpackedBytes<'a>);

impl LabelStore {
    /// Keeps the labels of a slot, in place of what it had. The empty set is the same as none.
    pub fn insert(&mut self, slot: Slot, labels: Labels<'_>) {
        self.0.insert(slot, labels.as_bytes());
    }

    /// Frees a slot.
    pub fn remove(&mut self, slot: Slot) {
        self.0.remove(slot);
    }

    /// No slot at or above this one has labels.
    pub fn slots(&self) -> Slot {
        self.0.slots()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Seals the open block and gives back the room of dead slots when they are more than half. Call it when a page that
    /// changed the store has passed.
    pub fn settle(&mut self, scratch: &mut Vec<u8>) {
        self.0.settle(scratch);
    }

    /// Unpacks all blocks into `scratch`, replacing its content.
    pub fn unpack<'a>(&'a self, scratch: &'a mut Vec<u8>) -> Unpacked<'a> {
        Unpacked(self.0.unpack(scratch))
    }

    /// How many bytes of memory the store holds.
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }
}

impl<'a> Unpacked<'a> {
    /// The labels of a slot; the empty set where the slot is free.
    #[inline]
    pub fn get(self, slot: Slot) -> Labels<'a> {
        Labels::from_trusted(self.0.get(slot))
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
