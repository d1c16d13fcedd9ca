//! Building answers: rows in ascending order, strings that the batch lacks added once.

use crate::columns::{Strings, Table};

/// Operations of `N` numbers each, the first of which is the row. Kept as the bytes that cross to the host, so that an
/// answer is handed over without a copy.
#[derive(Debug)]
pub(crate) struct Ops<const N: usize> {
    bytes: Vec<u8>,
    last: u32,
    unordered: bool,
}

impl<const N: usize> Default for Ops<N> {
    fn default() -> Self {
        Self { bytes: Vec::new(), last: 0, unordered: false }
    }
}

impl<const N: usize> Ops<N> {
    pub(crate) fn push(&mut self, op: [u32; N]) {
        let row = op.first().copied().unwrap_or_default();
        self.unordered |= row < self.last;
        self.last = row;
        for number in op {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many operations there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / (4 * N)
    }

    /// Whether an operation on this row, or out of order, is there already.
    fn reaches(&self, row: u32) -> bool {
        !self.is_empty() && (self.unordered || self.last >= row)
    }

    fn rows(&self) -> impl Iterator<Item = u32> {
        self.bytes.chunks_exact(4 * N).map(row_of)
    }

    /// The column, rows ascending; operations on one row stay in the order in which they were made.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.unordered {
            let mut ops: Vec<&[u8]> = self.bytes.chunks_exact(4 * N).collect();
            ops.sort_by_key(|op| row_of(op));
            self.bytes = ops.concat();
        }
        self.bytes
    }
}

impl Ops<1> {
    /// The column with each row once.
    pub(crate) fn finish_distinct(self) -> Vec<u8> {
        let distinct = !self.unordered && self.rows().zip(self.rows().skip(1)).all(|(a, b)| a != b);
        let bytes = self.finish();
        if distinct {
            return bytes;
        }
        let mut rows: Vec<[u8; 4]> = bytes.as_chunks().0.to_vec();
        rows.dedup();
        rows.concat()
    }

    /// For each row of the column, ascending, which of the operations was its last. `None` where that is the order in
    /// which they were made.
    pub(crate) fn last_of_each(&self) -> Option<Vec<usize>> {
        let strictly = !self.unordered && self.rows().zip(self.rows().skip(1)).all(|(a, b)| a < b);
        if strictly {
            return None;
        }
        let mut order: Vec<(u32, usize)> = self.rows().zip(0..).collect();
        order.sort_unstable();
        let ends_a_row = order.iter().zip(order.iter().skip(1).map(Some).chain([None]));
        Some(ends_a_row.filter(|(a, b)| b.is_none_or(|b| a.0 != b.0)).map(|(a, _)| a.1).collect())
    }
}

fn row_of(op: &[u8]) -> u32 {
    op.first_chunk().map_or(0, |b| u32::from_le_bytes(*b))
}

/// Strings that a batch does not have, each once.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    /// How many strings the batch has: where the indexes of the added ones start.
    base: u32,
    added: Table,
    /// Open addressing: a slot holds the index of an added string plus one, 0 is free. At most half full.
    slots: Vec<u32>,
    /// The two strings asked for last: a plugin that sets one label on every row asks for the same pair again and again.
    recent: [u32; 2],
}

impl Interner {
    pub(crate) fn new(base: usize) -> Self {
        Self { base: base as u32, ..Self::default() }
    }

    /// The index of a string among those of the batch and the added ones, after adding it if need be.
    pub(crate) fn add(&mut self, s: &str) -> u32 {
        let added = self.added.strings();
        let [newer, older] = self.recent;
        for index in [older, newer] {
            if (index as usize) < added.len() && added.get(index as usize) == s {
                self.recent = [index, if index == newer { older } else { newer }];
                return self.base + index;
            }
        }
        let index = self.find_or_push(s);
        self.recent = [index, newer];
        self.base + index
    }

    fn find_or_push(&mut self, s: &str) -> u32 {
        if self.slots.len() < 2 * (self.added.len() + 1) {
            self.grow();
        }
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash(s) & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == 0 {
                self.added.push(s);
                *slot = self.added.len() as u32;
                break;
            }
            if self.added.strings().get(*slot as usize - 1) == s {
                return *slot - 1;
            }
            at = (at + 1) & mask;
        }
        self.added.len() as u32 - 1
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(16);
        self.slots = vec![0; len];
        let strings = self.added.strings();
        for i in 0..strings.len() {
            let mut at = hash(strings.get(i)) & (len - 1);
            while self.slots.get(at).is_some_and(|slot| *slot != 0) {
                at = (at + 1) & (len - 1);
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = i as u32 + 1;
            }
        }
    }
}

/// FNV-1a: the strings are short, and a keyed hash would draw on the host's randomness.
fn hash(s: &str) -> usize {
    let h = s.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (h ^ (h >> 32)) as usize
}

/// Changes to the label sets of rows, over an [`Interner`].
#[derive(Debug, Default)]
pub(crate) struct LabelOps {
    assigned: Ops<3>,
    removed: Ops<2>,
}

impl LabelOps {
    pub(crate) fn set(&mut self, row: u32, name: u32, value: u32) {
        self.assigned.push([row, name, value]);
    }

    /// Removals come before assignments in an answer; one that was made after an assignment becomes an assignment of
    /// nothing, which keeps the order in which the plugin spoke.
    pub(crate) fn remove(&mut self, row: u32, name: u32, strings: &mut Interner) {
        if self.assigned.reaches(row) {
            let empty = strings.add("");
            self.assigned.push([row, name, empty]);
        } else {
            self.removed.push([row, name]);
        }
    }

    pub(crate) fn finish(self, strings: &Interner) -> Option<LabelEdit> {
        if self.assigned.is_empty() && self.removed.is_empty() {
            return None;
        }
        let (assigned, removed) = (self.assigned.finish(), self.removed.finish());
        Some(LabelEdit { added: strings.added.clone(), assigned, removed })
    }
}

/// The contract's `label-edit`.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelEdit {
    pub(crate) added: Table,
    pub(crate) assigned: Vec<u8>,
    pub(crate) removed: Vec<u8>,
}

/// The order that [`Ops::last_of_each`] asks for, applied to strings.
pub(crate) fn reorder(strings: Strings<'_>, order: &[usize]) -> Table {
    let mut out = Table::default();
    for i in order {
        out.push(strings.get(*i));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(bytes: &[u8]) -> Vec<u32> {
        crate::columns::u32s(bytes).iter().map(|b| u32::from_le_bytes(*b)).collect()
    }

    #[test]
    fn rows_ascend_whatever_the_order_of_work() {
        let mut ops = Ops::<2>::default();
        for op in [[3, 0], [1, 0], [3, 1], [2, 9]] {
            ops.push(op);
        }
        assert_eq!(numbers(&ops.finish()), [1, 0, 2, 9, 3, 0, 3, 1]);
    }

    #[test]
    fn a_row_is_dropped_once() {
        let mut ops = Ops::<1>::default();
        for row in [4, 4, 1, 4] {
            ops.push([row]);
        }
        assert_eq!(numbers(&ops.finish_distinct()), [1, 4]);
    }

    #[test]
    fn the_last_change_of_a_row_counts() {
        let mut ops = Ops::<1>::default();
        for row in [4, 1, 4] {
            ops.push([row]);
        }
        assert_eq!(ops.last_of_each(), Some(vec![1, 2]));
        let mut ops = Ops::<1>::default();
        for row in [1, 4] {
            ops.push([row]);
        }
        assert_eq!(ops.last_of_each(), None);
    }

    #[test]
    fn strings_are_added_once() {
        let mut interner = Interner::new(7);
        let first: Vec<u32> = (0..100).map(|i| interner.add(&format!("v{i}"))).collect();
        assert_eq!(first, (7..107).collect::<Vec<u32>>());
        let again: Vec<u32> = (0..100).map(|i| interner.add(&format!("v{i}"))).collect();
        assert_eq!(again, first);
        assert_eq!(interner.add(""), 107);
        assert_eq!(interner.add(""), 107);
        assert_eq!(interner.added.len(), 101);
    }

    #[test]
    fn removing_what_was_just_set_wins() {
        let (mut strings, mut ops) = (Interner::new(0), LabelOps::default());
        ops.remove(1, 0, &mut strings);
        ops.set(1, 0, 0);
        ops.remove(1, 0, &mut strings);
        let edit = ops.finish(&strings).unwrap();
        assert_eq!(numbers(&edit.removed), [1, 0]);
        assert_eq!(numbers(&edit.assigned), [1, 0, 0, 1, 0, 0]);
        assert_eq!(edit.added.text, "");
        assert_eq!(edit.added.len(), 1);
    }
}
