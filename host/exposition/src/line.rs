//! One line at a position: where its series ends, its value and time, or its comment.
//!
//! A page is walked with a cursor: [`skip_blank`], then by what [`kind`] says [`comment`], or [`series_end`] and [`tail`].
//! Each gives the position where to go on, which is where the next line begins or the page's end.

use memchr::{memchr, memchr2};

use crate::error::{Fault, Reason};
use crate::float;

/// What begins at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sample.
    Sample,
    /// A comment, `TYPE` or `HELP`.
    Comment,
    /// The page's end.
    End,
}

/// What follows a series on its line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// The value. A NaN is always the ordinary one.
    pub value: f64,
    /// Milliseconds since the epoch, where the page says so.
    pub time: Option<i64>,
    /// Where the next line begins.
    pub next: usize,
}

/// Passes empty lines and the blanks that a line begins with.
#[inline]
pub fn skip_blank(page: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n') = page.get(at) {
        at += 1;
    }
    at
}

/// What is at a position that [`skip_blank`] gave.
#[inline]
pub fn kind(page: &[u8], at: usize) -> Kind {
    match page.get(at) {
        None => Kind::End,
        Some(b'#') => Kind::Comment,
        Some(_) => Kind::Sample,
    }
}

/// Where the series ends that begins at `at`. Only what is needed to find the end is checked; the rest is
/// [`Series::parse`](crate::Series::parse)'s to do.
pub fn series_end(page: &[u8], at: usize) -> Result<usize, Fault> {
    let name_end = at + name_len(page.get(at..).unwrap_or_default());
    let brace = skip_spaces(page, name_end);
    if page.get(brace) != Some(&b'{') {
        return if name_end > at { Ok(name_end) } else { Err(fault(at, Reason::NoName)) };
    }
    let mut rest = brace + 1;
    loop {
        let found = memchr2(b'"', b'}', page.get(rest..).unwrap_or_default());
        rest += found.ok_or_else(|| fault(brace, Reason::OpenBrace))?;
        if page.get(rest) == Some(&b'}') {
            return Ok(rest + 1);
        }
        rest = quote_end(page, rest)?;
    }
}

/// How long the classic metric name is that a text begins with.
pub(crate) fn name_len(text: &[u8]) -> usize {
    if text.first().is_some_and(u8::is_ascii_digit) {
        return 0;
    }
    let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':');
    text.iter().position(|b| !name(b)).unwrap_or(text.len())
}

/// Where the quoted text ends, behind its closing quote, whose opening quote is at `at`.
pub(crate) fn quote_end(page: &[u8], at: usize) -> Result<usize, Fault> {
    let mut rest = at + 1;
    loop {
        let found = memchr2(b'"', b'\\', page.get(rest..).unwrap_or_default());
        rest += found.ok_or_else(|| fault(at, Reason::OpenQuote))?;
        match (page.get(rest), page.get(rest + 1)) {
            (Some(b'"'), _) => return Ok(rest + 1),
            (_, None | Some(b'\n')) => return Err(fault(at, Reason::OpenQuote)),
            _ => rest += 2,
        }
    }
}

/// The value and the time of the sample whose series ends at `at`.
#[inline]
pub fn tail(page: &[u8], at: usize) -> Result<Tail, Fault> {
    let start = skip_spaces(page, at);
    if let Some((value, end)) = float::usual(page, start) {
        match page.get(end) {
            Some(b'\n') => return Ok(Tail { value, time: None, next: end + 1 }),
            None => return Ok(Tail { value, time: None, next: end }),
            Some(b' ' | b'\t') => return after_value(page, end, value),
            Some(_) => {}
        }
    }
    unusual_tail(page, start)
}

#[cold]
fn unusual_tail(page: &[u8], start: usize) -> Result<Tail, Fault> {
    let rest = page.get(start..).unwrap_or_default();
    let len = rest.iter().position(|b| matches!(b, b'{' | b' ' | b'\t' | b'\n')).unwrap_or(rest.len());
    let text = rest.get(..len).unwrap_or_default();
    if text.is_empty() {
        return Err(fault(start, Reason::NoValue));
    }
    match float::parse(text) {
        Some(value) => after_value(page, start + len, value),
        None if text.ends_with(b"\r") => Err(fault(start + len - 1, Reason::CarriageReturn)),
        None => Err(fault(start, Reason::BadValue)),
    }
}

/// The timestamp, where there is one, and the line's end.
fn after_value(page: &[u8], end: usize, value: f64) -> Result<Tail, Fault> {
    let start = skip_spaces(page, end);
    let mut at = start;
    let mut millis = 0i64;
    while let Some(digit) = page.get(at).filter(|b| b.is_ascii_digit()) {
        millis = millis
            .checked_mul(10)
            .and_then(|t| t.checked_add(i64::from(digit - b'0')))
            .ok_or_else(|| fault(start, Reason::BadTime))?;
        at += 1;
    }
    let time = (at > start).then_some(millis);
    let stop = skip_spaces(page, at);
    match page.get(stop) {
        None => Ok(Tail { value, time, next: stop }),
        Some(b'\n') => Ok(Tail { value, time, next: stop + 1 }),
        Some(b'\r') => Err(fault(stop, Reason::CarriageReturn)),
        Some(_) if time.is_none() => Err(fault(stop, Reason::BadTime)),
        Some(_) => Err(fault(stop, Reason::Trailing)),
    }
}

/// Checks the comment that begins at `at` and passes it.
pub fn comment(page: &[u8], at: usize) -> Result<usize, Fault> {
    let end = line_end(page, at);
    let line = page.get(at..end).unwrap_or_default();
    let next = (end + 1).min(page.len());
    let word = skip_spaces(line, 1);
    let rest = line.get(word..).unwrap_or_default();
    let is_type = rest.starts_with(b"TYPE");
    // `#TYPE` without a blank and `# TYPE` with nothing behind it are plain comments
    let is_meta = word > 1 && (is_type || rest.starts_with(b"HELP")) && matches!(rest.get(4), Some(b' ' | b'\t'));
    if !is_meta {
        return Ok(next);
    }
    let name = skip_spaces(line, word + 4);
    let name_end = match line.get(name) {
        Some(b'"') => quote_end(line, name).map_err(|f| f.shifted(at))?,
        _ => name + name_len(line.get(name..).unwrap_or_default()),
    };
    if name_end == name {
        return Err(fault(at + name, Reason::NoMetaName));
    }
    let text = line.get(name_end + 1..).unwrap_or_default();
    if is_type && !matches!(text, b"counter" | b"gauge" | b"histogram" | b"summary" | b"untyped") {
        let reason = if text.ends_with(b"\r") { Reason::CarriageReturn } else { Reason::BadType };
        return Err(fault(at + (name_end + 1).min(line.len()), reason));
    }
    if let Err(e) = std::str::from_utf8(text)
        && !is_type
    {
        return Err(fault(at + name_end + 1 + e.valid_up_to(), Reason::NotUtf8));
    }
    Ok(next)
}

/// Where the line ends that `at` is on: its `\n` or the page's end.
#[inline]
pub fn line_end(page: &[u8], at: usize) -> usize {
    let rest = page.get(at..).unwrap_or_default();
    at + memchr(b'\n', rest).unwrap_or(rest.len())
}

/// Passes blanks within a line.
#[inline]
pub(crate) fn skip_spaces(page: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t') = page.get(at) {
        at += 1;
    }
    at
}

fn fault(at: usize, reason: Reason) -> Fault {
    Fault { at, reason }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
