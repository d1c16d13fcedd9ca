//! Building label sets.

use super::Labels;
use super::encoding::{Span, put_varint, varint_len};

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

/// Labels among which a name is found sooner by looking at each: most differ from it in length. Of more, setting one after another would take
/// the square of their number.
const FEW: usize = 32;

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
        let name = name.as_bytes();
        if self.pairs.len() <= FEW {
            return self.pairs.iter().position(|p| p.name.of(&self.encoded) == name);
        }
        self.pairs.binary_search_by(|p| p.name.of(&self.encoded).cmp(name)).ok()
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
