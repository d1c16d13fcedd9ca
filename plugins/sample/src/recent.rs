//! A map that keeps what was used lately.

use std::collections::HashMap;

/// At most `most` entries in each of two halves: when the newer one is full, the older one is forgotten. An entry that is
/// used moves to the newer half, so what is used again within `most` others stays; nothing is walked and nothing is sorted.
#[derive(Debug)]
pub(crate) struct Recent<V> {
    most: usize,
    newer: HashMap<u128, V>,
    older: HashMap<u128, V>,
}

impl<V> Recent<V> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, newer: HashMap::default(), older: HashMap::default() }
    }

    /// The entry of a key, made by `make` where there is none, and whether there was one.
    pub(crate) fn entry(&mut self, key: u128, make: impl FnOnce() -> V) -> (&mut V, bool) {
        if !self.newer.contains_key(&key) && self.newer.len() >= self.most {
            self.older = std::mem::take(&mut self.newer);
        }
        let old = self.older.remove(&key);
        let known = old.is_some() || self.newer.contains_key(&key);
        let entry = self.newer.entry(key);
        let value = match old {
            Some(old) => entry.or_insert(old),
            None => entry.or_insert_with(make),
        };
        (value, known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut recent: Recent<u128> = Recent::new(10);
        for key in 0..1000 {
            let (value, known) = recent.entry(key, || key);
            assert!(!known);
            assert_eq!(*value, key);
            assert_eq!(recent.entry(7_000, || 1).1, key > 0);
            assert!(recent.newer.len() + recent.older.len() <= 20);
        }
        assert!(recent.entry(999, || 0).1);
        assert!(!recent.entry(1, || 0).1);
    }
}
