//! A set of slots, one bit each.

use weir_model::Slot;

/// Grows as slots are put in; what is beyond its end is not in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// Puts a slot in; whether it was in before.
    #[inline]
    pub(crate) fn put(&mut self, slot: Slot) -> bool {
        let (word, bit) = (slot as usize / 64, 1u64 << (slot % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let word = &mut self.0[word];
        let before = *word & bit != 0;
        *word |= bit;
        before
    }

    /// Takes all out and makes room for as many as `other` has.
    pub(crate) fn reset_like(&mut self, other: &Self) {
        self.0.clear();
        self.0.resize(other.0.len(), 0);
    }

    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
        self.0.shrink_to_fit();
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether a slot is in.
    pub(crate) fn contains(&self, slot: Slot) -> bool {
        self.word(slot as usize / 64) & (1 << (slot % 64)) != 0
    }

    /// The slots that are in this set and not in the other, ascending.
    pub(crate) fn minus<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Slot> + 'a {
        self.0.iter().enumerate().flat_map(move |(at, word)| {
            let mut left = word & !other.word(at);
            std::iter::from_fn(move || {
                let bit = left.checked_ilog2().map(|_| left.trailing_zeros())?;
                left &= left - 1;
                Some((at * 64) as Slot + bit)
            })
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        const NONE: &Bits = &Bits(Vec::new());
        self.minus(NONE)
    }

    /// The lowest slot that is in neither set; `from` must be at most that slot. Slots below `floor` (at most 63) do not
    /// count.
    pub(crate) fn first_free(&self, other: &Self, from: Slot, floor: Slot) -> Slot {
        let mut at = from as usize / 64;
        loop {
            let below = if at == 0 { (1 << floor) - 1 } else { 0 };
            let taken = self.word(at) | other.word(at) | below;
            if taken != u64::MAX {
                return (at * 64) as Slot + taken.trailing_ones();
            }
            at += 1;
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }

    fn word(&self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_set() {
        let (mut a, mut b) = (Bits::default(), Bits::default());
        for slot in [0, 5, 63, 64, 200] {
            assert!(!a.put(slot));
        }
        assert!(a.put(64) && a.contains(200) && !a.contains(201) && !a.contains(9999));
        b.put(5);
        b.put(300);
        assert_eq!(a.minus(&b).collect::<Vec<_>>(), [0, 63, 64, 200]);
        assert_eq!(a.iter().count(), 5);
        assert_eq!((a.first_free(&b, 0, 0), a.first_free(&b, 0, 8), a.first_free(&b, 64, 8)), (1, 8, 65));
        (0..128).for_each(|s| _ = b.put(s));
        assert_eq!(a.first_free(&b, 0, 8), 128);
        b.reset_like(&a);
        assert_eq!(b.iter().count(), 0);
    }
}
