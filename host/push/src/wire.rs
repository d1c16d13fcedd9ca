//! The few pieces of protobuf that the encoders write, and that the splitter and the transcoder read.

use weir_model::labels::{put_varint, varint_len};

/// Field 1, length-delimited: `WriteRequest.timeseries`, `PushRequest.streams`, `Stream.labels`, `TimeSeries.labels`.
pub(crate) const FIELD_1: u8 = 0x0a;
/// Field 2, length-delimited: `TimeSeries.samples`, `Stream.entries`, `Entry.line`.
pub(crate) const FIELD_2: u8 = 0x12;
/// Field 3, length-delimited: `Entry.structuredMetadata`.
pub(crate) const FIELD_3: u8 = 0x1a;

/// Field 4, length-delimited: `Request.symbols` of remote write 2.0.
pub(crate) const FIELD_4: u8 = 0x22;
/// Field 5, length-delimited: `Request.timeseries` and `TimeSeries.metadata` of remote write 2.0.
pub(crate) const FIELD_5: u8 = 0x2a;

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

/// Any field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    /// Its number.
    pub(crate) number: u32,
    /// Its value.
    pub(crate) value: Value<'a>,
    /// All its bytes.
    pub(crate) whole: &'a [u8],
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A number of variable length.
    Varint(u64),
    /// Text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// A number of four or eight bytes.
    Fixed,
}

/// All fields of a message. Ends with a `None` item at what it cannot read.
#[derive(Clone, Debug)]
pub(crate) struct AnyFields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for AnyFields<'a> {
    type Item = Option<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = any_field(self.0);
        let taken = field.map_or(self.0.len(), |f| f.whole.len());
        self.0 = self.0.get(taken..).unwrap_or_default();
        Some(field)
    }
}

fn any_field(bytes: &[u8]) -> Option<Field<'_>> {
    let (tag, tag_len) = take_varint_64(bytes)?;
    let after = bytes.get(tag_len..)?;
    let (value, len) = match tag & 7 {
        0 => {
            let (number, len) = take_varint_64(after)?;
            (Value::Varint(number), len)
        }
        1 => (Value::Fixed, 8),
        2 => {
            let (len, head) = take_varint_64(after)?;
            let end = head.checked_add(usize::try_from(len).ok()?)?;
            (Value::Bytes(after.get(head..end)?), end)
        }
        5 => (Value::Fixed, 4),
        _ => return None,
    };
    let number = u32::try_from(tag >> 3).ok().filter(|n| *n > 0)?;
    Some(Field { number, value, whole: bytes.get(..tag_len + len)? })
}

/// The numbers of a packed field; ends with a `None` item at what it cannot read.
pub(crate) fn packed(mut bytes: &[u8]) -> impl Iterator<Item = Option<u32>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let Some((number, len)) = take_varint_64(bytes) else {
            bytes = &[];
            return Some(None);
        };
        bytes = bytes.get(len..).unwrap_or_default();
        Some(u32::try_from(number).ok())
    })
}

fn take_varint_64(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (i, &b) in bytes.iter().enumerate().take(10) {
        value |= u64::from(b & 0x7f) << (7 * i);
        if b < 0x80 {
            return Some((value, i + 1));
        }
    }
    None
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
