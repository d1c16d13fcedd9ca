//! Streams: their labels as text, and their clocks.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weir_model::{LabelSet, Labels, LabelsBuilder};

use crate::wire::{FIELD_1, put_field};

/// A stream that has had no line for so long is forgotten; its clock by then lies far behind any new line's time.
const IDLE: Duration = Duration::from_hours(1);

/// Streams remembered at once, a group or a lane: some 30 MB with labels of usual size, and ten times what a Loki
/// tenant may have by default (5,000). Beyond it those unused for longest go first.
const MOST: usize = 50_000;

/// A stream as it is sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// A hash of its labels that is the same in every process: it decides the lane.
    pub(crate) hash: u64,
    /// The message's first field, `labels`.
    pub(crate) head: Box<[u8]>,
}

impl Stream {
    /// The stream of a batch's label set, with the external labels where it has none of their names.
    pub(crate) fn new(labels: Labels<'_>, external: Labels<'_>) -> Self {
        let mut builder = LabelsBuilder::default();
        builder.reset(labels);
        for (name, value) in external {
            builder.set_missing(name, value);
        }
        let labels = builder.finish();
        let mut head = Vec::new();
        put_field(&mut head, FIELD_1, label_text(labels).as_bytes());
        Self { hash: labels.stable_hash(), head: head.into() }
    }
}

/// `{a="b", c="d"}`, the values quoted as Go does it (`strconv.Quote`), which is how Loki unquotes them.
pub(crate) fn label_text(labels: Labels<'_>) -> String {
    let mut out = String::with_capacity(labels.as_bytes().len() + 2);
    out.push('{');
    for (i, (name, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(name);
        out.push_str("=\"");
        quote(&mut out, value);
        out.push('"');
    }
    out.push('}');
    out
}

fn quote(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c if c < ' ' || c == '\x7f' => {
                // writing to a String does not fail
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
}

/// A map that forgets what is idle, and what is unused for longest when it grows too large.
#[derive(Debug)]
pub(crate) struct Remembered<K, V> {
    map: HashMap<K, (V, Instant)>,
    most: usize,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { map: HashMap::new(), most: MOST }
    }
}

impl<K: Eq + Hash + Clone, V> Remembered<K, V> {
    /// The value of a key, made where there is none.
    pub(crate) fn get_or(&mut self, key: &K, now: Instant, make: impl FnOnce() -> V) -> &mut V {
        if self.map.len() >= self.most && !self.map.contains_key(key) {
            self.shrink();
        }
        let (value, used) = self.map.entry(key.clone()).or_insert_with(|| (make(), now));
        *used = now;
        value
    }

    /// Forgets what is idle.
    pub(crate) fn forget_idle(&mut self, now: Instant) {
        self.map.retain(|_, (_, used)| now.saturating_duration_since(*used) < IDLE);
        self.map.shrink_to(self.map.len() * 2);
    }

    /// Forgets the half that was unused for longest: a rare pass over all, so that most insertions cost nothing.
    fn shrink(&mut self) {
        let mut times: Vec<_> = self.map.values().map(|(_, used)| *used).collect();
        let half = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(half);
        let median = *median;
        self.map.retain(|_, (_, used)| *used > median);
    }
}

/// The streams of a group, by the label set that the batches carry.
pub(crate) type Streams = Remembered<LabelSet, Arc<Stream>>;
/// For each stream of a lane, by hash, the time of its last entry in nanoseconds since the epoch.
pub(crate) type Clocks = Remembered<u64, i64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_quoted_as_go_does() {
        let set: LabelSet =
            [("a", "plain é 世"), ("b", "q\"b\\s"), ("c", "n\nt\tr\rv\x0bf\x0ca\x07b\x08"), ("d", "\x01\x7f")]
                .iter()
                .collect();
        let want = r#"{a="plain é 世", b="q\"b\\s", c="n\nt\tr\rv\vf\fa\ab\b", d="\x01\x7f"}"#;
        assert_eq!(label_text(set.as_labels()), want);
        assert_eq!(label_text(Labels::default()), "{}");
    }

    #[test]
    fn external_labels_fill_only_gaps() {
        let set = |pairs: &[(&str, &str)]| pairs.iter().collect::<LabelSet>();
        let with = Stream::new(set(&[("job", "a")]).as_labels(), set(&[("job", "x"), ("zone", "z")]).as_labels());
        let plain = Stream::new(set(&[("job", "a"), ("zone", "z")]).as_labels(), Labels::default());
        assert_eq!(with, plain);
    }

    #[test]
    fn the_longest_unused_go_first() {
        let mut map = Remembered::<u64, u64> { map: HashMap::new(), most: 4 };
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        for key in 0..4 {
            map.get_or(&key, at(key), || key);
        }
        map.get_or(&0, at(4), || unreachable!("it is there"));
        map.get_or(&9, at(5), || 9);
        let mut left: Vec<_> = map.map.keys().copied().collect();
        left.sort_unstable();
        assert_eq!(left, [0, 9]);
        map.forget_idle(at(4) + IDLE);
        assert_eq!(map.map.len(), 1);
    }
}
