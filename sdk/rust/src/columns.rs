//! Columns as the contract has them: little-endian bytes, read in place.

/// A column of 32-bit numbers: reading one is a plain load, whatever its alignment.
pub(crate) type U32s<'a> = &'a [[u8; 4]];

/// A column of 64-bit numbers.
pub(crate) type Eights<'a> = &'a [[u8; 8]];

/// The whole numbers of a byte column. (The host sends no others.)
pub(crate) fn u32s(bytes: &[u8]) -> U32s<'_> {
    bytes.as_chunks().0
}

/// The whole 64-bit groups of a byte column.
pub(crate) fn eights(bytes: &[u8]) -> Eights<'_> {
    bytes.as_chunks().0
}

/// Number `i`, or 0 past the end, where the host sends nothing.
pub(crate) fn u32_at(column: U32s<'_>, i: usize) -> u32 {
    column.get(i).map_or(0, |b| u32::from_le_bytes(*b))
}

/// Number `i` of a column whose absence means 0.
pub(crate) fn i64_at(column: Eights<'_>, i: usize) -> i64 {
    column.get(i).map_or(0, |b| i64::from_le_bytes(*b))
}

/// The half-open range that entry `i` of a column of ends covers.
pub(crate) fn span(ends: U32s<'_>, i: usize) -> (usize, usize) {
    let start = if i == 0 { 0 } else { u32_at(ends, i - 1) };
    (start as usize, u32_at(ends, i) as usize)
}

/// Strings end to end, borrowed from a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strings<'a> {
    pub(crate) text: &'a str,
    pub(crate) ends: U32s<'a>,
}

impl<'a> Strings<'a> {
    pub(crate) fn new(text: &'a str, ends: &'a [u8]) -> Self {
        Self { text, ends: u32s(ends) }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// String `i`; empty past the last.
    pub(crate) fn get(&self, i: usize) -> &'a str {
        let (start, end) = span(self.ends, i);
        self.text.get(start..end).unwrap_or_default()
    }

    /// The index of a string.
    pub(crate) fn find(&self, wanted: &str) -> Option<u32> {
        let (bytes, mut start) = (self.text.as_bytes(), 0);
        for (i, end) in self.ends.iter().enumerate() {
            let end = u32::from_le_bytes(*end) as usize;
            if end.wrapping_sub(start) == wanted.len() && bytes.get(start..end) == Some(wanted.as_bytes()) {
                return Some(i as u32);
            }
            start = end;
        }
        None
    }
}

/// Strings that a guest makes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) text: String,
    pub(crate) ends: Vec<u8>,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.ends.len() / 4
    }

    pub(crate) fn push(&mut self, s: &str) {
        self.text.push_str(s);
        self.close();
    }

    /// Ends a string that was written to `text` directly.
    pub(crate) fn close(&mut self) {
        self.ends.extend_from_slice(&(self.text.len() as u32).to_le_bytes());
    }

    pub(crate) fn strings(&self) -> Strings<'_> {
        Strings::new(&self.text, &self.ends)
    }

    /// Whether string `i` is this one.
    pub(crate) fn is_at(&self, i: u32, wanted: &str) -> bool {
        let (start, end) = span(u32s(&self.ends), i as usize);
        end.wrapping_sub(start) == wanted.len()
            && self.text.as_bytes().get(start..end).is_some_and(|b| is_same(b, wanted.as_bytes()))
    }
}

/// Whether the bytes of two slices of one length are the same, eight at a time: the comparison of a guest's C library goes byte by byte.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    a.iter().zip(b).all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}
