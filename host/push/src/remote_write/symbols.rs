//! A lane's symbols: every string, label and description that its series use, and what they are in the request under way
//! (remote write specification 2.0, "Symbols").
//!
//! A request numbers its strings anew, so a series' references cannot lie ready as bytes. What lies ready is, for each series,
//! the numbers of its labels in this table; and for each label, which many series share, its two references as bytes,
//! made when the first series of a request needs them. Writing a series is then a look-up and a copy of eight bytes for
//! each label, and a string is looked at once a request. No text is hashed but at births.
//!
//! Entries count their users; what nobody uses is forgotten.

mod slab;
mod text;

use weir_model::labels::{RawLabel, put_varint};
use weir_model::{Labels, Metadata, MetricKind};

use crate::wire::{FIELD_1, FIELD_4, FIELD_5, put_field};
use slab::{Entry, Slab};
use text::Texts;

/// In place of a description's number: there is none.
const NOTHING: u32 = u32::MAX;

/// `Metadata.type`, a varint.
const TYPE: u8 = 0x08;
/// `Metadata.help_ref`, a varint.
const HELP: u8 = 0x18;
/// `Metadata.unit_ref`, a varint.
const UNIT: u8 = 0x20;

/// The most symbols of a request: their indexes take three bytes, so that two take no more than [`Label::refs`] has room for.
/// Two million strings are far beyond the bytes of any request that a receiver takes.
const MAX_SYMBOLS: u32 = 1 << 21;

/// A series has at most some thousand labels, so this many symbols.
const MOST_OF_A_SERIES: u32 = 4096;

/// See the [module](self).
#[derive(Default)]
pub(super) struct SymbolTable {
    texts: Texts,
    labels: Slab<Label>,
    descriptions: Slab<Description>,
    /// The request under way; entries know for which they were made.
    request: u32,
    /// How many symbols it has.
    count: u32,
    /// A series' references while they are put together.
    row: Vec<u8>,
}

/// A name and its value.
#[derive(Clone, Copy, Debug)]
struct Label {
    name: u32,
    value: u32,
    /// The request that `refs` is made for.
    request: u32,
    /// Its references as two varints, and in the last byte how long they are.
    refs: [u8; 8],
}

/// What is known of a family.
#[derive(Clone, Copy, Debug)]
struct Description {
    kind: MetricKind,
    help: u32,
    unit: u32,
    /// The request that `field` is made for.
    request: u32,
    /// The field `TimeSeries.metadata`, and in the last byte how long it is.
    field: [u8; 16],
}

impl Entry for Label {
    type Key = (u32, u32);
    fn key(&self) -> (u32, u32) {
        (self.name, self.value)
    }
}

impl Entry for Description {
    type Key = (u8, u32, u32);
    fn key(&self) -> (u8, u32, u32) {
        (self.kind as u8, self.help, self.unit)
    }
}

/// The numbers of a series: its description's, then its labels'.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(Vec<u8>);

impl Numbers {
    /// What [`SymbolTable::put_series`] and [`SymbolTable::release`] take.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn push(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }
}

fn numbers(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b))
}

impl SymbolTable {
    /// Takes a series in, in place of what `out` held: uses its labels and its description.
    pub(super) fn take(&mut self, labels: Labels<'_>, metadata: Option<&Metadata>, out: &mut Numbers) {
        out.0.clear();
        out.push(metadata.map_or(NOTHING, |m| self.describe(m)));
        for label in labels.raw() {
            out.push(self.label(&label));
        }
    }

    /// Uses the same labels with another description.
    pub(super) fn redescribe(&mut self, series: &[u8], metadata: &Metadata, out: &mut Numbers) {
        out.0.clear();
        out.push(self.describe(metadata));
        for label in numbers(series).skip(1) {
            self.labels.use_again(label);
            out.push(label);
        }
    }

    /// No longer uses what a series used.
    pub(super) fn release(&mut self, series: &[u8]) {
        let mut series = numbers(series);
        if let Some(description) = series.next().filter(|n| *n != NOTHING)
            && let Some(gone) = self.descriptions.release(description)
        {
            self.texts.release(gone.help);
            self.texts.release(gone.unit);
        }
        for label in series {
            if let Some(gone) = self.labels.release(label) {
                self.texts.release(gone.name);
                self.texts.release(gone.value);
            }
        }
    }

    /// Appends a series' labels to `out` in their canonical form.
    pub(super) fn labels_of(&self, series: &[u8], out: &mut Vec<u8>) {
        for label in numbers(series).skip(1).filter_map(|n| self.labels.get(n)) {
            let (name, value) = (self.texts.get(label.name), self.texts.get(label.value));
            let mut body = Vec::with_capacity(name.len() + value.len() + 8);
            put_field(&mut body, FIELD_1, name);
            put_field(&mut body, crate::wire::FIELD_2, value);
            put_field(out, FIELD_1, &body);
        }
    }

    /// Begins a request: `head` is where its symbols go, and the first is the empty one.
    pub(super) fn begin(&mut self, head: &mut Vec<u8>) {
        self.request = self.request.wrapping_add(1);
        if self.request == 0 {
            // after four billion requests: whatever was made for an earlier one must not seem to be for a new one
            self.labels.for_each(|label| label.request = 0);
            self.descriptions.for_each(|description| description.request = 0);
            self.texts.forget_requests();
            self.request = 1;
        }
        self.count = 0;
        self.texts.begin();
        self.texts.put(Texts::EMPTY, self.request, &mut self.count, head);
    }

    /// Whether the request can have the symbols of another series.
    pub(super) fn has_room(&self) -> bool {
        self.count < MAX_SYMBOLS - MOST_OF_A_SERIES
    }

    /// Appends a series with its sample field to `out`, and what it needs of symbols to `head`. Returns false, and appends
    /// nothing, where the series has no labels.
    #[inline]
    pub(super) fn put_series(&mut self, series: &[u8], sample: &[u8], head: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
        let Some((description, labels)) = series.split_first_chunk::<4>().filter(|(_, labels)| !labels.is_empty())
        else {
            return false;
        };
        let description = u32::from_le_bytes(*description);
        let end = self.refs_of(labels, head);
        let refs = self.row.get(..end).unwrap_or_default();
        let about = match self.descriptions.get(description) {
            None => [0; 16],
            Some(known) if known.request == self.request => known.field,
            Some(_) => {
                describe(&mut self.descriptions, &mut self.texts, description, self.request, &mut self.count, head)
            }
        };
        let about = about.get(..usize::from(about[15])).unwrap_or_default();
        let body = crate::wire::field_len(refs.len()) + sample.len() + about.len();
        out.reserve(body + 6);
        out.push(FIELD_5);
        put_varint(out, body);
        out.push(FIELD_1);
        put_varint(out, refs.len());
        out.extend_from_slice(refs);
        out.extend_from_slice(about);
        // behind it, other samples can be added
        out.extend_from_slice(sample);
        true
    }

    /// Puts the references of these labels into `row`, and what they need of symbols into `head`; how many bytes they are.
    // apart from its caller, whose values would take the registers that this loop needs
    #[inline(never)]
    fn refs_of(&mut self, labels: &[u8], head: &mut Vec<u8>) -> usize {
        // a label's number takes four bytes, its references eight
        let room = labels.len() * 2 + 8;
        if self.row.len() < room {
            self.row.resize(room, 0);
        }
        let mut row = std::mem::take(&mut self.row);
        let mut end = 0;
        for number in numbers(labels) {
            let refs = match self.labels.get(number) {
                Some(label) if label.request == self.request => label.refs,
                _ => self.refer(number, head),
            };
            if let Some(place) = row.get_mut(end..end + 8) {
                place.copy_from_slice(&refs);
            }
            // the last byte is overwritten by the next label's
            end += usize::from(refs[7]);
        }
        self.row = row;
        end
    }

    /// Makes a label's references for this request.
    #[cold]
    fn refer(&mut self, number: u32, head: &mut Vec<u8>) -> [u8; 8] {
        let Some(label) = self.labels.get_mut(number) else { return [0; 8] };
        let name = self.texts.put(label.name, self.request, &mut self.count, head);
        let value = self.texts.put(label.value, self.request, &mut self.count, head);
        let mut refs = [0; 8];
        let mut len = 0;
        push_varint(&mut refs, &mut len, name);
        push_varint(&mut refs, &mut len, value);
        refs[7] = len as u8;
        (label.refs, label.request) = (refs, self.request);
        refs
    }

    fn label(&mut self, label: &RawLabel<'_>) -> u32 {
        let (name, value) = (self.texts.take(label.name()), self.texts.take(label.value()));
        let (number, new) = self.labels.take(Label { name, value, request: 0, refs: [0; 8] });
        if !new {
            // the label uses its strings once, whoever uses the label
            self.texts.release(name);
            self.texts.release(value);
        }
        number
    }

    fn describe(&mut self, metadata: &Metadata) -> u32 {
        let (help, unit) = (self.texts.take(metadata.help.as_bytes()), self.texts.take(metadata.unit.as_bytes()));
        let description = Description { kind: metadata.kind, help, unit, request: 0, field: [0; 16] };
        let (number, new) = self.descriptions.take(description);
        if !new {
            self.texts.release(help);
            self.texts.release(unit);
        }
        number
    }

    /// Strings, labels and descriptions in use.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> (usize, usize, usize) {
        (self.texts.in_use(), self.labels.in_use(), self.descriptions.in_use())
    }
}

/// Makes a description's field for a request.
#[cold]
fn describe(
    descriptions: &mut Slab<Description>,
    texts: &mut Texts,
    number: u32,
    request: u32,
    count: &mut u32,
    head: &mut Vec<u8>,
) -> [u8; 16] {
    let Some(known) = descriptions.get_mut(number) else { return [0; 16] };
    let help = texts.put(known.help, request, count, head);
    let unit = texts.put(known.unit, request, count, head);
    let mut field = [0; 16];
    field[0] = FIELD_5;
    let mut len = 2;
    for (tag, value) in [(TYPE, known.kind as u32), (HELP, help), (UNIT, unit)] {
        // what is 0 is not sent, as protobuf has it
        if value != 0 {
            field[len] = tag;
            len += 1;
            push_varint(&mut field, &mut len, value);
        }
    }
    field[1] = (len - 2) as u8;
    field[15] = len as u8;
    (known.field, known.request) = (field, request);
    field
}

/// Appends a varint of at most three bytes to what an array holds.
fn push_varint(out: &mut [u8], len: &mut usize, mut value: u32) {
    loop {
        let more = value >= 0x80;
        if let Some(byte) = out.get_mut(*len) {
            *byte = value as u8 & 0x7f | if more { 0x80 } else { 0 };
        }
        *len += 1;
        value >>= 7;
        if !more {
            return;
        }
    }
}

/// Appends a symbol.
fn put_symbol(head: &mut Vec<u8>, text: &[u8]) {
    put_field(head, FIELD_4, text);
}

#[cfg(test)]
mod tests;
