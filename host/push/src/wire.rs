//! The few pieces of protobuf that the encoders write and the splitter reads. Everything is length-delimited but numbers.

use weir_model::labels::{put_varint, varint_len};

/// Field 1, length-delimited: `WriteRequest.timeseries`, `PushRequest.streams`, `Stream.labels`, `TimeSeries.labels`.
pub(crate) const FIELD_1: u8 = 0x0a;
/// Field 2, length-delimited: `TimeSeries.samples`, `Stream.entries`, `Entry.line`.
pub(crate) const FIELD_2: u8 = 0x12;
/// Field 3, length-delimited: `Entry.structuredMetadata`.
pub(crate) const FIELD_3: u8 = 0x1a;

/// Appends a length-delimited field.
pub(crate) fn put_field(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    put_varint(out, body.len());
    out.extend_from_slice(body);
}

/// How many bytes [`put_field`] would append.
pub(crate) fn field_len(body: usize) -> usize {
    1 + varint_len(body) + body
}

/// The length-delimited fields of a message as (tag, body, whole). Ends early at what it cannot read, which in bytes of
/// weir's own making means that they were damaged.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u8, &'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, after) = self.0.split_first()?;
        let (len, head) = take_varint(after)?;
        let end = (1 + head).checked_add(len)?;
        let (whole, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some((tag, whole.get(1 + head..)?, whole))
    }
}

/// A varint and how many bytes it took.
fn take_varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0usize;
    // five bytes hold every length that a body of at most 4 GiB can have
    for (i, &b) in bytes.iter().enumerate().take(5) {
        value |= usize::from(b & 0x7f) << (7 * i);
        if b < 0x80 {
            return Some((value, i + 1));
        }
    }
    None
}
