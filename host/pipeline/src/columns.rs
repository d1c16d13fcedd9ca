//! Label sets as the columns of a call: one table of strings, and pairs of indexes into it.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rapidhash::fast::RandomState;
use weir_model::Labels;
use weir_model::labels::RawLabel;

use crate::guest::{LabelSets, LabelsWanted, Symbols};

/// Builds the symbols and label sets of one call; reused from call to call, it stops allocating.
#[derive(Default)]
pub struct ColumnBuilder {
    /// The strings so far.
    pub symbols: Symbols,
    /// The sets so far.
    pub sets: LabelSets,
    table: HashTable<u32>,
    hasher: RandomState,
    /// By position among the wanted labels: the label that stood there last. Most labels of neighbouring rows are the
    /// same, and one comparison of bytes is cheaper than two look-ups.
    before: Vec<Known>,
}

/// A label with its symbols.
#[derive(Default)]
struct Known {
    /// In its canonical form; empty where there is none.
    label: Vec<u8>,
    pair: [u32; 2],
}

impl ColumnBuilder {
    /// Forgets all rows, keeping the memory.
    pub fn clear(&mut self) {
        self.symbols.clear();
        self.sets.clear();
        self.table.clear();
        self.before.iter_mut().for_each(|k| k.label.clear());
    }

    /// Adds a set with those of its labels that are wanted. Where nothing is wanted there are no sets (the contract).
    #[inline]
    pub fn add(&mut self, labels: Labels<'_>, wanted: &LabelsWanted) {
        match wanted {
            LabelsWanted::Nothing => return,
            LabelsWanted::Everything => {
                for (position, label) in labels.raw().enumerate() {
                    self.label(position, &label);
                }
            }
            LabelsWanted::Named(names) => {
                let wanted = labels.raw().filter(|l| names.iter().any(|n| n.as_bytes() == l.name()));
                for (position, label) in wanted.take(names.len()).enumerate() {
                    self.label(position, &label);
                }
            }
        }
        self.sets.ends.push(self.sets.pairs.len() as u32);
    }

    #[inline]
    fn label(&mut self, position: usize, label: &RawLabel<'_>) {
        let pair = match self.before.get(position) {
            Some(known) if known.label == label.as_bytes() => known.pair,
            _ => self.look_up(position, label),
        };
        self.sets.pairs.push(pair);
    }

    fn look_up(&mut self, position: usize, label: &RawLabel<'_>) -> [u32; 2] {
        let name = match self.before.get(position) {
            Some(Known { label: l, pair: [n, _] }) if !l.is_empty() && self.symbols.bytes(*n) == Some(label.name()) => {
                *n
            }
            _ => self.intern(label.name()),
        };
        let pair = [name, self.intern(label.value())];
        if self.before.len() <= position {
            self.before.resize_with(position + 1, Known::default);
        }
        if let Some(known) = self.before.get_mut(position) {
            known.label.clear();
            known.label.extend_from_slice(label.as_bytes());
            known.pair = pair;
        }
        pair
    }

    fn intern(&mut self, s: &[u8]) -> u32 {
        let Self { symbols, table, hasher, .. } = self;
        let hash = hasher.hash_one(s);
        if let Some(&known) = table.find(hash, |&i| symbols.bytes(i) == Some(s)) {
            return known;
        }
        // Text of labels is UTF-8; where memory is damaged, it is empty.
        let index = symbols.push(std::str::from_utf8(s).unwrap_or_default());
        table.insert_unique(hash, index, |&i| hasher.hash_one(symbols.bytes(i).unwrap_or_default()));
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::LabelSet;

    fn read(b: &ColumnBuilder) -> Vec<Vec<(String, String)>> {
        let text = |i: u32| b.symbols.get(i as usize).unwrap().to_owned();
        let mut start = 0;
        b.sets
            .ends
            .iter()
            .map(|&end| {
                let set = b.sets.pairs[start..end as usize].iter().map(|&[n, v]| (text(n), text(v))).collect();
                start = end as usize;
                set
            })
            .collect()
    }

    #[test]
    fn a_projection_keeps_the_count_of_sets() {
        let sets: Vec<LabelSet> = (0..5)
            .map(|i| {
                let mut pairs = vec![("job".to_string(), "node".to_string()), ("pod".to_string(), format!("p{i}"))];
                if i == 2 {
                    pairs.remove(1);
                }
                pairs.iter().collect()
            })
            .collect();
        let mut b = ColumnBuilder::default();
        let wanted = LabelsWanted::Named(vec!["pod".into()]);
        for set in &sets {
            b.add(set.as_labels(), &wanted);
        }
        let got = read(&b);
        assert_eq!(got.len(), 5);
        assert_eq!(got[2], []);
        assert_eq!(got[4], [("pod".to_string(), "p4".to_string())]);

        b.clear();
        for set in &sets {
            b.add(set.as_labels(), &LabelsWanted::Everything);
        }
        assert_eq!(read(&b)[3], [("job".into(), "node".into()), ("pod".into(), "p3".into())]);
        assert_eq!(b.symbols.len(), 7, "each string once: job, node, pod and four names of pods");

        b.clear();
        b.add(sets[0].as_labels(), &LabelsWanted::Nothing);
        assert!(b.sets.ends.is_empty() && b.symbols.is_empty());
    }
}
