//! IP addresses, of both kinds.

use crate::text::{Lines, at, is_word, run, run_back};
use memchr::memchr;
use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) fn search_v4(lines: &mut Lines<'_>, hit: impl FnMut(usize, usize)) {
    let beside = |before: u8, after: u8| before.is_ascii_digit() && after.is_ascii_digit();
    search(lines, b'.', beside, |b| b.is_ascii_digit() || b == b'.', is_v4, hit);
}

pub(crate) fn search_v6(lines: &mut Lines<'_>, hit: impl FnMut(usize, usize)) {
    let beside = |before: u8, after: u8| before.is_ascii_hexdigit() || after == b':';
    search(lines, b':', beside, |b| b.is_ascii_hexdigit() || b == b':' || b == b'.', is_v6, hit);
}

/// Looks at what is around every separator: all that an address may consist of. The bytes `beside` a separator rule most
/// out, so that those between a JSON key and its value cost little.
fn search(
    lines: &mut Lines<'_>,
    separator: u8,
    beside: impl Fn(u8, u8) -> bool,
    part: impl Fn(u8) -> bool,
    is_address: impl Fn(&str) -> bool,
    mut hit: impl FnMut(usize, usize),
) {
    let (text, mut from) = (lines.bytes(), 0);
    while let Some(place) = memchr(separator, text.get(from..).unwrap_or_default()).map(|i| from + i) {
        if !beside(at(text, place.wrapping_sub(1)), at(text, place + 1)) {
            from = place + 1;
            continue;
        }
        let (start, end) = lines.around(place);
        let first = run_back(text, start.max(from), place, &part);
        let whole = run(text, place, end, &part);
        from = whole;
        // a full stop or a colon behind an address belongs to the sentence
        let last = match text.get(first..whole) {
            Some([.., b':', b':']) => whole,
            _ => run_back(text, first, whole, |b| b == b'.' || b == b':'),
        };
        let joined =
            (first > start && is_word(at(text, first.max(1) - 1))) || (whole < end && is_word(at(text, whole)));
        let address = text.get(first..last).and_then(|address| std::str::from_utf8(address).ok());
        if !joined && address.is_some_and(&is_address) {
            hit(first, last);
        }
    }
}

fn is_v4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

/// An address, and not a path of some language: `a::b` is both, and so is `::`.
fn is_v6(text: &str) -> bool {
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    digits && text.parse::<Ipv6Addr>().is_ok()
}
