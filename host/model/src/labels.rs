//! Label sets in one canonical form.
//!
//! A label set is a byte string: for each label, in ascending order of its name, the bytes of a protobuf field
//! `1: message { 1: name, 2: value }`, which is how a remote write 1.0 `TimeSeries` carries it (Prometheus remote write
//! specification 1.0, "Protocol"). Two sets are equal exactly when their bytes are; encoding one is a `memcpy`.
//! Names are unique; no name and no value is empty; all text is UTF-8. [`LabelsBuilder::finish`] is the only way to
//! make such bytes from text, and [`LabelSet::from_canonical`] checks the rest.

mod builder;
mod encoding;

use std::borrow::Borrow;
use std::fmt;

pub use builder::LabelsBuilder;
use encoding::split_first;
pub use encoding::{RawLabel, RawLabels, put_varint, varint_len};

/// The name of the label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// A fixed seed, so that a label set hashes alike in every process: what is kept on disk (a series' lane) depends on it.
const STABLE_SEED: u64 = 0x7765_6972_6c61_6265;

/// An owned label set; see the [module](self) for its form.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct LabelSet(Box<[u8]>);

/// A borrowed label set; see the [module](self) for its form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Labels<'a>(&'a [u8]);

/// Why bytes are not a canonical label set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a canonical label set, at byte {at}")]
pub struct NotCanonical {
    /// Where the first offending label begins.
    pub at: usize,
}

impl LabelSet {
    /// Takes bytes that were made elsewhere (read from disk, say) after checking every rule of the canonical form.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, NotCanonical> {
        let mut rest = bytes;
        let mut last: Option<&str> = None;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let (name, value, after) = split_first(rest).ok_or(NotCanonical { at })?;
            if name.is_empty() || value.is_empty() || last.is_some_and(|l| l >= name) {
                return Err(NotCanonical { at });
            }
            last = Some(name);
            rest = after;
        }
        Ok(Self(bytes.into()))
    }

    /// The set, borrowed.
    pub fn as_labels(&self) -> Labels<'_> {
        Labels(&self.0)
    }
}

impl<'a, N: AsRef<str>, V: AsRef<str>> FromIterator<&'a (N, V)> for LabelSet
where
    N: 'a,
    V: 'a,
{
    fn from_iter<T: IntoIterator<Item = &'a (N, V)>>(pairs: T) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.finish().to_owned()
    }
}

impl<'a> Labels<'a> {
    /// The canonical bytes.
    #[inline]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Takes bytes that are known to be canonical: a slice of what [`as_bytes`](Self::as_bytes) gave earlier.
    ///
    /// Other bytes do no harm beyond a wrong answer: every reader below stops at the first malformed label.
    #[inline]
    pub fn from_trusted(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The labels as (name, value), by ascending name.
    pub fn iter(self) -> LabelIter<'a> {
        LabelIter(self.0)
    }

    /// The labels in their encoded form, by ascending name: for whoever compares or copies and reads few of them.
    pub fn raw(self) -> RawLabels<'a> {
        RawLabels(self.0)
    }

    /// The value of a label, or `None` where the set has no such label.
    #[inline]
    pub fn get(self, name: &str) -> Option<&'a str> {
        let label = self.raw().find(|l| l.name() == name.as_bytes())?;
        std::str::from_utf8(label.value()).ok()
    }

    /// How many labels there are.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Whether there is no label at all.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// A hash that is the same in every process and version; for placing (lanes), never against an adversary.
    pub fn stable_hash(self) -> u64 {
        rapidhash::v3::rapidhash_v3_seeded(self.0, &rapidhash::v3::RapidSecrets::seed_cpp(STABLE_SEED))
    }

    /// An owned copy.
    pub fn to_owned(self) -> LabelSet {
        LabelSet(self.0.into())
    }
}

impl<'a> IntoIterator for Labels<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelIter<'a>;
    fn into_iter(self) -> LabelIter<'a> {
        self.iter()
    }
}

/// The labels of a set; see [`Labels::iter`].
#[derive(Clone, Debug)]
pub struct LabelIter<'a>(&'a [u8]);

impl<'a> Iterator for LabelIter<'a> {
    type Item = (&'a str, &'a str);
    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = split_first(self.0)?;
        self.0 = rest;
        Some((name, value))
    }
}

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_labels(), f)
    }
}

impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_labels(), f)
    }
}

impl Borrow<[u8]> for LabelSet {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
