//! What tells series apart: hashes of 64 bits. That any two of 200,000 are taken for one has a chance of one to 900 million.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use weir_sdk::{SampleRow, SamplesBatch};

const STRING: RapidSecrets = RapidSecrets::seed(0x7374_7269);

/// Odd numbers without a pattern (those of splitmix64): whatever is multiplied by one of them keeps all it had.
const NAME: u64 = 0xbf58_476d_1ce4_e5b9;
const VALUE: u64 = 0x94d0_49bb_1331_11eb;

/// A map by keys of this module, which are hashes already.
pub(crate) type KeyMap<V> = HashMap<u64, V, BuildHasherDefault<KeyHasher>>;

/// Hashes a key to itself.
#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// The strings of a batch and their hashes: most are of many series, and hashed once.
#[derive(Debug)]
pub(crate) struct Strings<'a> {
    all: Vec<(&'a str, u64)>,
    /// The place of `__name__`.
    name: Option<usize>,
}

impl<'a> Strings<'a> {
    pub(crate) fn of(batch: &SamplesBatch<'a>) -> Self {
        let all: Vec<_> = batch.strings().map(|text| (text, hash(text))).collect();
        let name = all.iter().position(|(text, _)| *text == "__name__");
        Self { all, name }
    }

    fn get(&self, place: usize) -> (&'a str, u64) {
        self.all.get(place).copied().unwrap_or_default()
    }
}

/// A series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a, 's> {
    pub(crate) key: u64,
    pub(crate) metric: u64,
    pub(crate) name: Option<&'a str>,
    row: SampleRow<'a, 's>,
}

impl<'a, 's> Identity<'a, 's> {
    /// That of a row.
    #[inline]
    pub(crate) fn of(row: SampleRow<'a, 's>, strings: &Strings<'a>) -> Self {
        let (mut key, mut name) = (0, None);
        for (label, value) in row.symbols() {
            let (text, hash) = strings.get(value);
            key = add(key, strings.get(label).1, hash);
            if strings.name == Some(label) {
                name = Some((text, hash));
            }
        }
        let (name, metric) = name.unzip();
        Self { key: spread(key), metric: metric.unwrap_or_default(), name, row }
    }

    pub(crate) fn label(&self, name: &str) -> Option<&'a str> {
        self.row.label(name)
    }

    /// The labels with one value in the place of those that are given up, and the key of that; `None` where it has none of them.
    pub(crate) fn without<'o>(
        &self,
        given_up: &[String],
        other: &'o str,
    ) -> Option<(u64, impl Iterator<Item = (&'o str, &'o str)> + use<'o>)>
    where
        'a: 'o,
    {
        let is_given_up = |name: &str| given_up.iter().any(|label| label == name);
        if !self.row.labels().any(|(name, _)| is_given_up(name)) {
            return None;
        }
        let labels: Vec<(&'o str, &'o str)> =
            self.row.labels().map(|(n, v)| (n, if is_given_up(n) { other } else { v })).collect();
        let key = labels.iter().fold(0, |key, (name, value)| add(key, hash(name), hash(value)));
        Some((spread(key), labels.into_iter()))
    }
}

/// Of a label's value within a metric.
pub(crate) fn value_key(metric: u64, label: usize, value: &str) -> u64 {
    spread(add(metric, label as u64, hash(value)))
}

fn hash(text: &str) -> u64 {
    rapidhash_v3_seeded(text.as_bytes(), &STRING)
}

/// Takes a label into a key; the order counts, and is that of the names.
#[inline]
fn add(key: u64, name: u64, value: u64) -> u64 {
    let key = (key.rotate_left(23) ^ name).wrapping_mul(NAME);
    (key.rotate_left(29) ^ value).wrapping_mul(VALUE)
}

/// Has every bit depend on all others (the finaliser of splitmix64).
#[inline]
fn spread(mut key: u64) -> u64 {
    key = (key ^ (key >> 30)).wrapping_mul(NAME);
    key = (key ^ (key >> 27)).wrapping_mul(VALUE);
    key ^ (key >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_of_what_differs_differ() {
        let mut keys = BTreeSet::new();
        let mut count = 0;
        for a in 0..200 {
            for b in 0..200 {
                for labels in [[a, b, 1], [b, 1, a]] {
                    count += u32::from(
                        keys.insert(spread(labels.iter().fold(0, |key, v| add(key, hash("n"), hash(&v.to_string()))))),
                    );
                }
            }
        }
        // [1, 1, 1] is there twice, and so is whatever is its own rotation
        let distinct: BTreeSet<_> = (0..200).flat_map(|a| (0..200).flat_map(move |b| [[a, b, 1], [b, 1, a]])).collect();
        assert_eq!(count as usize, distinct.len());
        // an empty label, and names that change places with values
        assert_ne!(add(0, 1, 2), add(0, 2, 1));
        assert_ne!(value_key(1, 0, "x"), value_key(1, 1, "x"));
    }
}
