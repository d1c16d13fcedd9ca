//! Bearer tokens, and the credentials of an `Authorization` header.

use crate::text::{Lines, at, is_word, run};
use memchr::memmem::Finder;

/// Shorter words after "bearer" are words: "the bearer of".
const SHORTEST_TOKEN: usize = 8;

pub(crate) fn search(lines: &mut Lines<'_>, mut hit: impl FnMut(usize, usize)) {
    let text = lines.bytes();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for place in Finder::new("earer ").find_iter(text) {
        if place > 0 && at(text, place - 1).eq_ignore_ascii_case(&b'b') {
            places.push((place, place + "earer".len()));
        }
    }
    let scheme = places.len();
    for place in Finder::new("uthorization").find_iter(text) {
        if place > 0 && at(text, place - 1).eq_ignore_ascii_case(&b'a') {
            places.push((place, place + "uthorization".len()));
        }
    }
    // the two searches are each in order, but lines are walked through once
    let headers = places.split_off(scheme);
    let mut headers = headers.into_iter().peekable();
    let mut tokens = places.into_iter().peekable();
    loop {
        let header_first = match (headers.peek(), tokens.peek()) {
            (Some(header), Some(token)) => header.0 < token.0,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return,
        };
        let next = if header_first { headers.next() } else { tokens.next() };
        let Some((place, after)) = next else { return };
        let (start, end) = lines.around(place);
        // the first letter may be the last byte of the line before
        if place > start {
            let secret = if header_first { credentials(text, after, end) } else { token(text, after, end) };
            if let Some((from, to)) = secret {
                hit(from, to);
            }
        }
    }
}

/// The token after "bearer".
fn token(text: &[u8], after: usize, end: usize) -> Option<(usize, usize)> {
    let from = run(text, after, end, |b| b == b' ');
    let to = run(text, from, end, |b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    (to - from >= SHORTEST_TOKEN).then_some((from, to))
}

/// What a header's value hides: the word after its scheme, or the value where it has none.
fn credentials(text: &[u8], after: usize, end: usize) -> Option<(usize, usize)> {
    let quote = |b: u8| b == b'"' || b == b'\'' || b == b'\\';
    let name_end = run(text, after, end, quote);
    let separator = run(text, name_end, end, |b| b == b' ');
    if separator >= end || !b":=".contains(&at(text, separator)) {
        return None;
    }
    let value = run(text, separator + 1, end, |b| b == b' ' || b == b'[' || quote(b));
    let word = |from: usize| run(text, from, end, |b| !b.is_ascii_whitespace() && !quote(b) && !b",;<>]".contains(&b));
    let first = word(value);
    let is_scheme = text.get(value..first).unwrap_or_default().iter().all(|b| b.is_ascii_alphabetic() || *b == b'-');
    let second = run(text, first, end, |b| b == b' ');
    let (from, to) = if is_scheme && second > first { (second, word(second)) } else { (value, first) };
    (to > from && is_word(at(text, from))).then_some((from, to))
}
