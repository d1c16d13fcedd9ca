//! All lines of a batch as one text, searched once.

/// The lines, end to end, and where the search stands. Searches go through the text in order, so the line of a place is
/// found by walking on from the last one.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    ends: &'a [usize],
    row: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str, ends: &'a [usize]) -> Self {
        Self { text, ends, row: 0 }
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The start and end of the line that a place is in. Places must not descend from one call to the next.
    pub(crate) fn around(&mut self, place: usize) -> (usize, usize) {
        let rest = self.ends.get(self.row..).unwrap_or_default();
        self.row += rest.iter().take_while(|end| **end <= place).count();
        let start = self.row.checked_sub(1).and_then(|row| self.ends.get(row)).copied().unwrap_or_default();
        (start, self.ends.get(self.row).copied().unwrap_or(self.text.len()))
    }
}

/// The byte at a place; 0 outside of the text.
pub(crate) fn at(text: &[u8], place: usize) -> u8 {
    text.get(place).copied().unwrap_or_default()
}

/// How far a class of bytes reaches from `from` on, at most to `end`.
pub(crate) fn run(text: &[u8], from: usize, end: usize, of: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(from..end).unwrap_or_default();
    from + rest.iter().take_while(|b| of(**b)).count()
}

/// How far a class of bytes reaches back before `from`, at most to `start`.
pub(crate) fn run_back(text: &[u8], start: usize, from: usize, of: impl Fn(u8) -> bool) -> usize {
    let before = text.get(start..from).unwrap_or_default();
    from - before.iter().rev().take_while(|b| of(**b)).count()
}

/// Whether a byte belongs to a word: what stands directly beside a word is a part of something else.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
