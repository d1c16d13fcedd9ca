//! Label sets in one canonical form.
//!
//! A label set is a byte string: for each label, in ascending order of its name, the bytes of a protobuf field
//! `1: message { 1: name, 2: value }`, which is how a remote write 1.0 `TimeSeries` carries it (Prometheus remote write
//! specification 1.0, "Protocol"). Two sets are equal exactly when their bytes are; encoding one is a `memcpy`.
//! Names are unique; no name and no value is empty; all text is UTF-8. [`LabelsBuilder::finish`] is the only way to
//! make such bytes from text, and [`LabelSet::from_canonical`] checks the rest.

use std::borrow::Borrow;
use std::fmt;

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
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Takes bytes that are known to be canonical: a slice of what [`as_bytes`](Self::as_bytes) gave earlier.
    ///
    /// Other bytes do no harm beyond a wrong answer: every reader below stops at the first malformed label.
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

/// One label as its canonical bytes; see [`Labels::raw`].
#[derive(Clone, Copy, Debug)]
pub struct RawLabel<'a> {
    bytes: &'a [u8],
    name: Span,
    value: u32,
}

impl<'a> RawLabel<'a> {
    /// The whole label: two labels are equal exactly when these are.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The name, UTF-8.
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.name.of(self.bytes)
    }

    /// The value, UTF-8.
    #[inline]
    pub fn value(&self) -> &'a [u8] {
        self.bytes.get(self.value as usize..).unwrap_or_default()
    }
}

/// The labels of a set in their encoded form; see [`Labels::raw`]. Ends at the first malformed label, as all readers do;
/// whether text is UTF-8 is not looked at.
#[derive(Clone, Debug)]
pub struct RawLabels<'a>(&'a [u8]);

impl<'a> Iterator for RawLabels<'a> {
    type Item = RawLabel<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawLabel<'a>> {
        let (body, rest) = field(self.0, 0x0a)?;
        let bytes = self.0.get(..self.0.len() - rest.len())?;
        let (name, after) = field(body, 0x0a)?;
        let (value, end) = field(after, 0x12)?;
        if !end.is_empty() {
            return None;
        }
        self.0 = rest;
        let name_end = (bytes.len() - after.len()) as u32;
        let name = Span { start: name_end - name.len() as u32, end: name_end };
        Some(RawLabel { bytes, name, value: (bytes.len() - value.len()) as u32 })
    }
}

/// Bytes from `start` up to `end` of some buffer.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[inline]
    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    fn moved(self, by: u32) -> Self {
        Self { start: self.start + by, end: self.end + by }
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

/// Builds label sets, one after the other, without allocating once it is warm.
///
/// Setting a label to the empty string removes it, as everywhere in Prometheus.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// Labels in their canonical form; those that no pair points to any more are left behind.
    encoded: Vec<u8>,
    /// By ascending name, so that labels which nobody touched are neighbours in `encoded` too.
    pairs: Vec<Pair>,
    out: Vec<u8>,
}

/// A label in the builder's `encoded`: it begins at `start` and ends with its value.
#[derive(Clone, Copy, Debug)]
struct Pair {
    start: u32,
    name: Span,
    value: Span,
}

impl LabelsBuilder {
    /// Forgets all labels.
    pub fn clear(&mut self) {
        self.encoded.clear();
        self.pairs.clear();
    }

    /// Begins with the labels of a set, in place of what there was.
    pub fn reset(&mut self, labels: Labels<'_>) {
        self.clear();
        self.encoded.extend_from_slice(labels.as_bytes());
        let mut start = 0;
        self.pairs.extend(labels.raw().map(|label| {
            let value = Span { start: label.value, end: label.bytes.len() as u32 };
            let pair = Pair { start, name: label.name.moved(start), value: value.moved(start) };
            start = pair.value.end;
            pair
        }));
    }

    /// Sets a label, replacing one of that name; the empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.position(name) {
            Some(at) if value.is_empty() => {
                self.pairs.remove(at);
            }
            Some(at) => {
                self.pairs[at] = self.encode(name, value);
            }
            None if value.is_empty() || name.is_empty() => {}
            None => {
                let pair = self.encode(name, value);
                let at = self.pairs.partition_point(|p| p.name.of(&self.encoded) < name.as_bytes());
                self.pairs.insert(at, pair);
            }
        }
    }

    /// Sets a label only where there is none of that name.
    pub fn set_missing(&mut self, name: &str, value: &str) {
        if self.position(name).is_none() {
            self.set(name, value);
        }
    }

    /// Removes a label; nothing happens where there is none of that name.
    pub fn remove(&mut self, name: &str) {
        self.set(name, "");
    }

    /// Keeps the labels for which the predicate on (name, value) holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        let encoded = &self.encoded;
        self.pairs.retain(|p| keep(text(encoded, p.name), text(encoded, p.value)));
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.position(name).map(|i| text(&self.encoded, self.pairs[i].value))
    }

    /// The labels by ascending name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|p| (text(&self.encoded, p.name), text(&self.encoded, p.value)))
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The set in its canonical form; the builder keeps its labels and can be changed further.
    pub fn finish(&mut self) -> Labels<'_> {
        self.out.clear();
        let mut run = Span::default();
        for pair in &self.pairs {
            if pair.start != run.end {
                self.out.extend_from_slice(run.of(&self.encoded));
                run.start = pair.start;
            }
            run.end = pair.value.end;
        }
        self.out.extend_from_slice(run.of(&self.encoded));
        Labels(&self.out)
    }

    /// Appends a label in its canonical form.
    fn encode(&mut self, name: &str, value: &str) -> Pair {
        let start = self.encoded.len() as u32;
        let out = &mut self.encoded;
        let body = 2 + varint_len(name.len()) + name.len() + varint_len(value.len()) + value.len();
        out.push(0x0a);
        put_varint(out, body);
        let name = put_field(out, 0x0a, name);
        let value = put_field(out, 0x12, value);
        Pair { start, name, value }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.pairs.iter().position(|p| p.name.of(&self.encoded) == name.as_bytes())
    }
}

/// What was put in as text, or came in a set, whose text is UTF-8.
fn text(encoded: &[u8], span: Span) -> &str {
    std::str::from_utf8(span.of(encoded)).unwrap_or_default()
}

fn put_field(out: &mut Vec<u8>, tag: u8, text: &str) -> Span {
    out.push(tag);
    put_varint(out, text.len());
    let start = out.len() as u32;
    out.extend_from_slice(text.as_bytes());
    Span { start, end: out.len() as u32 }
}

/// The first label of canonical bytes and what follows it; `None` at the end and for malformed bytes.
fn split_first(bytes: &[u8]) -> Option<(&str, &str, &[u8])> {
    let (body, rest) = field(bytes, 0x0a)?;
    let (name, after) = field(body, 0x0a)?;
    let (value, end) = field(after, 0x12)?;
    if !end.is_empty() {
        return None;
    }
    Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?, rest))
}

#[inline]
fn field(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first != tag {
        return None;
    }
    let (len, rest) = take_varint(rest)?;
    rest.split_at_checked(len)
}

#[inline]
fn take_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    // Nearly all lengths are below 128.
    if let Some((&first, rest)) = bytes.split_first()
        && first < 0x80
    {
        return Some((usize::from(first), rest));
    }
    let mut value = 0usize;
    for (i, &b) in bytes.iter().enumerate().take(5) {
        value |= usize::from(b & 0x7f) << (7 * i);
        if b < 0x80 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

/// Appends a protobuf varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`put_varint`] would append.
pub fn varint_len(value: usize) -> usize {
    ((usize::BITS - (value | 1).leading_zeros()) as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn labels_come_back_sorted_and_unique() {
        let mut b = LabelsBuilder::default();
        b.set("pod", "a");
        b.set("__name__", "up");
        b.set("pod", "b");
        b.set("gone", "x");
        b.set("gone", "");
        let set = b.finish().to_owned();
        assert_eq!(set.as_labels().iter().collect::<Vec<_>>(), [("__name__", "up"), ("pod", "b")]);
        assert_eq!(set.as_labels().get("pod"), Some("b"));
        assert_eq!(set.as_labels().get("nothing"), None);
        assert_eq!(LabelSet::from_canonical(set.as_labels().as_bytes()), Ok(set.clone()));
        assert_eq!(set.to_string(), r#"{__name__="up", pod="b"}"#);
    }

    #[test]
    fn bytes_that_break_a_rule_are_refused() {
        let set: LabelSet = [("a", "1"), ("b", "2")].iter().collect();
        let bytes = set.as_labels().as_bytes();
        let half = bytes.len() / 2;
        let swapped = [&bytes[half..], &bytes[..half]].concat();
        assert_eq!(LabelSet::from_canonical(&swapped), Err(NotCanonical { at: half }));
        assert!(LabelSet::from_canonical(&bytes[..bytes.len() - 1]).is_err());
        assert!(LabelSet::from_canonical(&[&bytes[..half], &bytes[..half]].concat()).is_err());
    }

    #[test]
    fn the_stable_hash_never_changes() {
        let set: LabelSet = [("__name__", "up"), ("job", "node")].iter().collect();
        assert_eq!(
            set.as_labels().stable_hash(),
            16_474_566_678_509_055_781,
            "series already on disk would move to another lane"
        );
    }

    proptest! {
        #[test]
        fn a_builder_is_a_sorted_map(ops in prop::collection::vec(("[a-d]{0,2}", ".{0,200}"), 0..20)) {
            let (mut builder, mut map) = (LabelsBuilder::default(), BTreeMap::new());
            for (n, v) in &ops {
                builder.set(n, v);
                if n.is_empty() {
                } else if v.is_empty() {
                    map.remove(n);
                } else {
                    map.insert(n.clone(), v.clone());
                }
            }
            let set = builder.finish().to_owned();
            let got: Vec<_> = set.as_labels().iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
            prop_assert_eq!(got, map.into_iter().collect::<Vec<_>>());
            prop_assert!(LabelSet::from_canonical(set.as_labels().as_bytes()).is_ok());
            for name in ["a", "b", "cd", "nothing"] {
                prop_assert_eq!(set.as_labels().get(name), set.as_labels().iter().find(|l| l.0 == name).map(|l| l.1));
            }
        }

        #[test]
        fn a_set_is_changed_like_a_sorted_map(
            first in prop::collection::btree_map("[a-e]{1,2}", ".{1,150}", 0..8),
            ops in prop::collection::vec(("[a-e]{1,2}", ".{0,150}"), 0..8),
        ) {
            let set: LabelSet = first.iter().map(|(n, v)| (n.clone(), v.clone())).collect::<Vec<_>>().iter().collect();
            let (mut builder, mut map) = (LabelsBuilder::default(), first);
            builder.reset(set.as_labels());
            prop_assert_eq!(builder.finish(), set.as_labels());
            for (n, v) in &ops {
                builder.set(n, v);
                if v.is_empty() { map.remove(n); } else { map.insert(n.clone(), v.clone()); }
                prop_assert_eq!(builder.get(n), map.get(n).map(String::as_str));
            }
            let pairs: Vec<_> = map.into_iter().collect();
            let changed = builder.finish().to_owned();
            prop_assert_eq!(&changed, &pairs.iter().collect::<LabelSet>());
            prop_assert!(LabelSet::from_canonical(changed.as_labels().as_bytes()).is_ok());
            let raw: Vec<_> = changed.as_labels().raw().map(|l| (l.name(), l.value())).collect();
            prop_assert_eq!(raw, pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect::<Vec<_>>());
            let joined: Vec<u8> = changed.as_labels().raw().flat_map(|l| l.as_bytes().to_vec()).collect();
            prop_assert_eq!(joined, changed.as_labels().as_bytes());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = LabelSet::from_canonical(&bytes);
            let _ = Labels::from_trusted(&bytes).iter().count();
            let mut builder = LabelsBuilder::default();
            builder.reset(Labels::from_trusted(&bytes));
            builder.set("a", "b");
            let _ = builder.iter().count();
            let _ = builder.finish().raw().count();
        }
    }
}
