//! Payment cards (PANs, ISO/IEC 7812): 13 to 19 digits of a known issuer with a right check digit, written in one piece or
//! in groups with a space or a dash between them.

use crate::text::{Lines, at, is_word, run};

const SHORTEST: usize = 13;
const LONGEST: usize = 19;

/// Looks at every 13th byte first: a byte that no card number contains rules out all that would reach over it.
pub(crate) fn search(lines: &mut Lines<'_>, mut hit: impl FnMut(usize, usize)) {
    let text = lines.bytes();
    let mut from = 0;
    while let Some(window) = text.get(from..from + SHORTEST) {
        if let Some(last) = window.iter().rposition(|b| !is_part(*b)) {
            from += last + 1;
            continue;
        }
        let end = run(text, from, text.len(), is_part);
        search_run(text, lines, from, end, &mut hit);
        from = end;
    }
}

fn is_part(byte: u8) -> bool {
    // one lookup instead of three comparisons
    const PART: [bool; 256] = {
        let mut part = [false; 256];
        part[b' ' as usize] = true;
        part[b'-' as usize] = true;
        let mut digit = b'0';
        while digit <= b'9' {
            part[digit as usize] = true;
            digit += 1;
        }
        part
    };
    PART.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Tries every group of digits in a run of digits and separators as the start of a number.
fn search_run(text: &[u8], lines: &mut Lines<'_>, from: usize, end: usize, hit: &mut impl FnMut(usize, usize)) {
    let mut place = from;
    while place < end {
        place = run(text, place, end, |b| !b.is_ascii_digit());
        let (line_start, line_end) = lines.around(place);
        let stop = end.min(line_end);
        let beside = place.max(1) - 1;
        let joined = place > line_start && (is_word(at(text, beside)) || at(text, beside) == b'.');
        let continues = |to: usize| to < line_end && is_word(at(text, to));
        match number(text, place, stop) {
            Some(to) if !joined && !continues(to) => {
                hit(place, to);
                place = to;
            }
            // on to the next group, or the line's end
            _ => place = run(text, place, stop, |b| b.is_ascii_digit()).max(place + 1),
        }
    }
}

/// The end of the card number that starts here.
fn number(text: &[u8], from: usize, end: usize) -> Option<usize> {
    let mut digits = [0_u8; LONGEST];
    let (mut count, mut place, mut separator, mut longest) = (0, from, None, None);
    loop {
        let group = run(text, place, end, |b| b.is_ascii_digit());
        let length = group - place;
        // in groups, the first has four digits and the others three to seven; one piece is one group
        let fits = if separator.is_none() { length == 4 || length >= SHORTEST } else { (3..=7).contains(&length) };
        if !fits || count + length > LONGEST {
            return longest;
        }
        for (digit, byte) in digits.iter_mut().skip(count).zip(text.get(place..group)?) {
            *digit = byte - b'0';
        }
        count += length;
        if digits.get(..count).is_some_and(is_card) {
            longest = Some(group);
        }
        let next = at(text, group);
        if group >= end || separator.is_some_and(|s| s != next) {
            return longest;
        }
        separator = Some(next);
        place = group + 1;
    }
}

fn is_card(digits: &[u8]) -> bool {
    (SHORTEST..=LONGEST).contains(&digits.len()) && is_issued(digits) && luhn(digits)
}

/// Whether an issuer's numbers begin so and have this length.
fn is_issued(digits: &[u8]) -> bool {
    let head = digits.iter().take(4).fold(0_u16, |n, d| n * 10 + u16::from(*d));
    match head {
        // Visa
        4000..=4999 => matches!(digits.len(), 13 | 16 | 19),
        // Mastercard
        5100..=5599 | 2221..=2720 => digits.len() == 16,
        // American Express
        3400..=3499 | 3700..=3799 => digits.len() == 15,
        // Diners Club
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14..=LONGEST).contains(&digits.len()),
        // JCB, Discover, UnionPay
        3528..=3589 | 6011 | 6440..=6599 | 6200..=6299 => (16..=LONGEST).contains(&digits.len()),
        // Maestro
        5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763 => true,
        _ => false,
    }
}

/// The check digit (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let doubled = |d: u8| if d > 4 { 2 * d - 9 } else { 2 * d };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(i, d)| u32::from(if i % 2 == 1 { doubled(*d) } else { *d })).sum();
    sum.is_multiple_of(10)
}
