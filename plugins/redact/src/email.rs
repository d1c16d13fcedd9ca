//! E-mail addresses: `local@domain.tld`, in ASCII.

use crate::text::{Lines, at, is_word, run, run_back};
use memchr::memchr_iter;

pub(crate) fn search(lines: &mut Lines<'_>, mut hit: impl FnMut(usize, usize)) {
    let text = lines.bytes();
    for place in memchr_iter(b'@', text) {
        let (start, end) = lines.around(place);
        if let Some((from, to)) = address(text, start, place, end) {
            hit(from, to);
        }
    }
}

/// The address around an `@`.
fn address(text: &[u8], start: usize, place: usize, end: usize) -> Option<(usize, usize)> {
    let local = |b: u8| b.is_ascii_alphanumeric() || b"._%+-".contains(&b);
    let from = run_back(text, start, place, local);
    let from = run(text, from, place, |b| b == b'.');
    let mut to = run(text, place + 1, end, |b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    // a full stop or a dash behind an address belongs to the sentence
    to = run_back(text, place + 1, to, |b| b == b'.' || b == b'-');
    let top = run_back(text, place + 1, to, |b| b.is_ascii_alphanumeric() || b == b'-');
    let letters = text.get(top..to).unwrap_or_default().iter().filter(|b| b.is_ascii_alphabetic()).count();
    let has_domain = top > place + 2 && at(text, top - 1) == b'.' && at(text, place + 1) != b'.';
    let continues = to < end && is_word(at(text, to));
    (from < place && has_domain && letters >= 2 && !continues).then_some((from, to))
}
