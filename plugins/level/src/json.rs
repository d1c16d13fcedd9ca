//! Severities in JSON: a walk over the top-level keys that reads no further than it must and allocates nothing.

use crate::severity::Severity;
use memchr::memchr2;

pub(crate) fn find(line: &[u8]) -> Option<Severity> {
    let (mut place, mut depth, mut key) = (0, 0_usize, None);
    while let Some(byte) = line.get(place) {
        place += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => key = None,
            b'"' => {
                let end = string_end(line, place)?;
                let text = line.get(place..end)?;
                match key {
                    _ if depth != 1 => {}
                    // a key, if this is where a value is not
                    None => key = Some(text),
                    Some(key) => {
                        if let Some(severity) = Severity::of_word(text).filter(|_| Severity::is_key(key)) {
                            return Some(severity);
                        }
                    }
                }
                place = end + 1;
            }
            b'0'..=b'9' if depth == 1 && key.is_some_and(Severity::is_key) => {
                let digits = line.get(place - 1..)?.iter().take_while(|b| b.is_ascii_digit()).count();
                if let Some(severity) = Severity::of_number(line.get(place - 1..place - 1 + digits)?) {
                    return Some(severity);
                }
                place += digits - 1;
            }
            _ => {}
        }
    }
    None
}

/// The closing quote of the string that begins at `from`.
fn string_end(line: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr2(b'"', b'\\', line.get(from..)?)?;
        if line.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}
