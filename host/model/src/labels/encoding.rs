//! The canonical bytes themselves: labels as protobuf fields, read without a copy and without looking at the text.

/// The first label of canonical bytes and what follows it; `None` at the end and for malformed bytes.
pub(super) fn split_first(bytes: &[u8]) -> Option<(&str, &str, &[u8])> {
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
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`put_varint`] would append.
#[inline]
pub fn varint_len(value: usize) -> usize {
    ((usize::BITS - (value | 1).leading_zeros()) as usize).div_ceil(7)
}

/// One label as its canonical bytes; see [`Labels::raw`](super::Labels::raw).
#[derive(Clone, Copy, Debug)]
pub struct RawLabel<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) name: Span,
    pub(super) value: u32,
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

/// The labels of a set in their encoded form; see [`Labels::raw`](super::Labels::raw). Ends at the first malformed label, as all readers do;
/// whether text is UTF-8 is not looked at.
#[derive(Clone, Debug)]
pub struct RawLabels<'a>(pub(super) &'a [u8]);

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
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    #[inline]
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub(super) fn moved(self, by: u32) -> Self {
        Self { start: self.start + by, end: self.end + by }
    }
}
