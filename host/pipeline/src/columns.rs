//! Label sets as the columns of a call: one table of strings, and pairs of indexes into it.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rapidhash::fast::RandomState;
use weir_model::Labels;

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
    /// The pairs of the row before, by position: most labels of neighbouring rows are the same, and comparing with the
    /// text of one known symbol is cheaper than hashing.
    before: Vec<[u32; 2]>,
    current: Vec<[u32; 2]>,
}

impl ColumnBuilder {
    /// Forgets all rows, keeping the memory.
    pub fn clear(&mut self) {
        self.symbols.clear();
        self.sets.clear();
        self.table.clear();
        self.before.clear();
    }

    /// Adds a set with those of its labels that are wanted. Where nothing is wanted there are no sets (the contract).
    pub fn add(&mut self, labels: Labels<'_>, wanted: &LabelsWanted) {
        self.current.clear();
        match wanted {
            LabelsWanted::Nothing => return,
            LabelsWanted::Everything => {
                for (name, value) in labels {
                    self.pair(name, value);
                }
            }
            LabelsWanted::Named(names) => {
                for (name, value) in labels {
                    if names.iter().any(|n| n == name) {
                        self.pair(name, value);
                    }
                }
            }
        }
        self.sets.pairs.extend_from_slice(&self.current);
        self.sets.ends.push(self.sets.pairs.len() as u32);
        std::mem::swap(&mut self.before, &mut self.current);
    }

    fn pair(&mut self, name: &str, value: &str) {
        let guess = self.before.get(self.current.len()).copied();
        let name = match guess {
            Some([n, _]) if self.symbols.get(n as usize) == Some(name) => n,
            _ => self.intern(name),
        };
        let value = match guess {
            Some([_, v]) if self.symbols.get(v as usize) == Some(value) => v,
            _ => self.intern(value),
        };
        self.current.push([name, value]);
    }

    fn intern(&mut self, s: &str) -> u32 {
        let Self { symbols, table, hasher, .. } = self;
        let hash = hasher.hash_one(s);
        if let Some(&known) = table.find(hash, |&i| symbols.get(i as usize) == Some(s)) {
            return known;
        }
        let index = symbols.push(s);
        table.insert_unique(hash, index, |&i| hasher.hash_one(symbols.get(i as usize).unwrap_or_default()));
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
