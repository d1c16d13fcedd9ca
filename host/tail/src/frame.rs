//! Lines out of bytes: UTF-8. Pure; the same lines come out wherever the chunks are cut.
//!
//! A line is what stands before a `\n`, without one `\r` before it. Invalid UTF-8 becomes U+FFFD, NUL bytes and empty
//! lines are kept. A line longer than the limit is cut at the last character that fits, and its rest is skipped.

use memchr::{memchr, memchr_iter, memrchr};

/// A character that begins within the limit may end this many bytes behind it; with them at hand the cut falls alike
/// wherever the chunk ends.
const OVERHANG: usize = 3;

/// How much goes into one batch and one line.
#[derive(Clone, Copy, Debug)]
pub struct FrameLimits {
    /// Most bytes of a line, after decoding.
    pub line_bytes: usize,
    /// Most lines of a batch.
    pub batch_lines: usize,
    /// Most bytes of a batch; its first line may exceed them.
    pub batch_bytes: usize,
}

/// The lines of a batch in the making.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// All lines end to end, without line ends.
    pub text: String,
    /// For each line, the byte of `text` where it ends.
    pub ends: Vec<u32>,
    /// How many were cut.
    pub cut: u64,
    /// How many were not valid in their encoding.
    pub invalid: u64,
    /// A line did not fit any more.
    pub full: bool,
}

impl Lines {
    /// Takes a line of at most `limits.line_bytes`; false when the batch is full and the line was not taken.
    #[inline]
    pub(crate) fn push(&mut self, line: &str, limits: &FrameLimits) -> bool {
        let fits = self.ends.len() < limits.batch_lines
            && (self.ends.is_empty() || self.text.len() + line.len() <= limits.batch_bytes);
        if !fits {
            self.full = true;
            return false;
        }
        self.text.push_str(line);
        self.ends.push(self.text.len() as u32);
        true
    }
}

/// Appends the lines of `chunk` to `out` until the chunk or the batch is at its end, and returns how many bytes were
/// consumed; the caller presents the others again, with more behind them.
///
/// `mid_line` says that the chunk begins within a line of which the beginning was already handed on (it was too long);
/// it is kept up to date. `last` says that nothing will ever follow the chunk: what remains without a line end is a line.
pub fn frame_utf8(chunk: &[u8], mid_line: &mut bool, last: bool, limits: &FrameLimits, out: &mut Lines) -> usize {
    let mut at = 0;
    if *mid_line {
        let Some(end) = memchr(b'\n', chunk) else { return chunk.len() };
        *mid_line = false;
        at = end + 1;
    }
    let (_, rest) = chunk.split_at(at);
    let (complete, open) = rest.split_at(memrchr(b'\n', rest).map_or(0, |n| n + 1));
    // one check for the whole chunk; the lines are looked at one by one only where it fails
    let taken = match std::str::from_utf8(complete) {
        Ok(text) => frame_valid(text, limits, out),
        Err(_) => frame_bytes(complete, limits, out),
    };
    at += taken;
    if taken < complete.len() || open.is_empty() {
        return at;
    }
    let too_long = open.len() > limits.line_bytes + OVERHANG + 1;
    if (last || too_long) && push_bytes(open, limits, out) {
        *mid_line = !last;
        at = chunk.len();
    }
    at
}

fn frame_valid(text: &str, limits: &FrameLimits, out: &mut Lines) -> usize {
    let mut start = 0;
    for end in memchr_iter(b'\n', text.as_bytes()) {
        let line = text.get(start..end).unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let cut = line.len() > limits.line_bytes;
        let line = if cut { shorten(line, limits.line_bytes) } else { line };
        if !out.push(line, limits) {
            return start;
        }
        out.cut += u64::from(cut);
        start = end + 1;
    }
    start
}

fn frame_bytes(bytes: &[u8], limits: &FrameLimits, out: &mut Lines) -> usize {
    let mut start = 0;
    for end in memchr_iter(b'\n', bytes) {
        if !push_bytes(bytes.get(start..end).unwrap_or_default(), limits, out) {
            return start;
        }
        start = end + 1;
    }
    start
}

/// Takes a line of any bytes; false when the batch is full.
fn push_bytes(line: &[u8], limits: &FrameLimits, out: &mut Lines) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let seen = line.get(..limits.line_bytes + OVERHANG).unwrap_or(line);
    let text = String::from_utf8_lossy(seen);
    // a replacement character is never shorter than what it stands for: what fits comes from the bytes seen
    let short = shorten(&text, limits.line_bytes);
    if !out.push(short, limits) {
        return false;
    }
    out.cut += u64::from(short.len() < text.len());
    let invalid = std::str::from_utf8(seen).is_err_and(|e| e.valid_up_to() < short.len());
    out.invalid += u64::from(invalid);
    true
}

/// The longest beginning of `text` within `most` bytes.
pub(crate) fn shorten(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
