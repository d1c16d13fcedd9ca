//! What tells series apart: hashes of 64 bits. That any two of 400,000 are taken for one has a chance of one to 200 million.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use weir_sdk::SampleRow;

const SERIES: RapidSecrets = RapidSecrets::seed(0x7365_7269);
const METRIC: RapidSecrets = RapidSecrets::seed(0x6d65_7472);
const VALUE: RapidSecrets = RapidSecrets::seed(0x7661_6c75);
const GROUP: RapidSecrets = RapidSecrets::seed(0x6772_6f75);

/// What stands behind each text in a key: no text has this byte.
const END: u8 = 0xff;

/// A series.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) key: u64,
    pub(crate) metric: u64,
    pub(crate) name: Option<&'a str>,
    labels: &'a [(&'a str, &'a str)],
}

impl<'a> Identity<'a> {
    /// That of a row. `labels` and `text` are room to work in.
    #[inline]
    pub(crate) fn of<'t: 'a>(
        row: &SampleRow<'t, '_>,
        labels: &'a mut Vec<(&'t str, &'t str)>,
        text: &mut Vec<u8>,
    ) -> Self {
        labels.clear();
        labels.extend(row.labels());
        let name = labels.iter().find(|(name, _)| *name == "__name__").map(|(_, value)| *value);
        let metric = rapidhash_v3_seeded(name.unwrap_or_default().as_bytes(), &METRIC);
        Self { key: hash(labels.iter().copied(), text, &SERIES), metric, name, labels }
    }

    pub(crate) fn label(&self, name: &str) -> Option<&'a str> {
        self.labels.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    /// The labels with one value in the place of those that are given up, and the key of that; `None` where it has none of them.
    pub(crate) fn without(
        &self,
        given_up: &[String],
        other: &'a str,
        text: &mut Vec<u8>,
    ) -> Option<(u64, impl Iterator<Item = (&'a str, &'a str)>)> {
        let is_given_up = |name: &str| given_up.iter().any(|label| label == name);
        if !self.labels.iter().any(|(name, _)| is_given_up(name)) {
            return None;
        }
        let labels: Vec<(&str, &str)> =
            self.labels.iter().map(|(n, v)| (*n, if is_given_up(n) { other } else { *v })).collect();
        Some((hash(labels.iter().copied(), text, &GROUP), labels.into_iter()))
    }
}

/// Of a label's value within a metric.
pub(crate) fn value_key(metric: u64, label: usize, value: &str) -> u64 {
    // both numbers go into the seed's place: values alone are hashed
    rapidhash_v3_seeded(value.as_bytes(), &VALUE) ^ metric.rotate_left(label as u32 + 1)
}

fn hash<'t>(labels: impl Iterator<Item = (&'t str, &'t str)>, text: &mut Vec<u8>, secrets: &RapidSecrets) -> u64 {
    text.clear();
    for (name, value) in labels {
        text.extend_from_slice(name.as_bytes());
        text.push(END);
        text.extend_from_slice(value.as_bytes());
        text.push(END);
    }
    rapidhash_v3_seeded(text, secrets)
}
