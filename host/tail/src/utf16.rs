//! Lines out of UTF-16, for files that begin with its byte order mark (Windows tools write them). Rare, so simple.

use crate::frame::{FrameLimits, Lines, shorten};

/// As [`frame_utf8`](crate::frame::frame_utf8), for UTF-16 in one byte order. The chunk begins on a whole unit.
pub(crate) fn frame_utf16(
    chunk: &[u8],
    big_endian: bool,
    mid_line: &mut bool,
    last: bool,
    limits: &FrameLimits,
    out: &mut Lines,
) -> usize {
    let mut units = Vec::new();
    let mut start = 0;
    for (i, pair) in chunk.chunks_exact(2).enumerate() {
        let pair = [pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)];
        let unit = if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        if unit != u16::from(b'\n') {
            if !*mid_line {
                units.push(unit);
            }
            continue;
        }
        if !std::mem::take(mid_line) && !push_units(&units, limits, out) {
            return start;
        }
        units.clear();
        start = (i + 1) * 2;
    }
    if *mid_line {
        // half a unit at the end of a file stands for nothing
        return if last { chunk.len() } else { chunk.len() & !1 };
    }
    // every unit is at least a byte of text; one more may be the \r of a line that just fits
    let too_long = units.len() > limits.line_bytes + 1;
    if last && units.is_empty() {
        return chunk.len();
    }
    if (too_long || last) && push_units(&units, limits, out) {
        *mid_line = !last;
        return if last { chunk.len() } else { chunk.len() & !1 };
    }
    start
}

fn push_units(units: &[u16], limits: &FrameLimits, out: &mut Lines) -> bool {
    let units = units.strip_suffix(&[u16::from(b'\r')]).unwrap_or(units);
    let mut line = String::with_capacity(units.len());
    let mut invalid = false;
    let mut cut = false;
    for c in char::decode_utf16(units.iter().copied()) {
        if line.len() >= limits.line_bytes {
            cut = true;
            break;
        }
        line.push(c.unwrap_or_else(|_| {
            invalid = true;
            char::REPLACEMENT_CHARACTER
        }));
    }
    let short = shorten(&line, limits.line_bytes);
    cut |= short.len() < line.len();
    if !out.push(short, limits) {
        return false;
    }
    out.cut += u64::from(cut);
    out.invalid += u64::from(invalid);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: FrameLimits = FrameLimits { line_bytes: 8, batch_lines: 100, batch_bytes: 1000 };

    fn encode(text: &str, big_endian: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|u| if big_endian { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    fn all(bytes: &[u8], big_endian: bool, step: usize) -> (Vec<String>, u64) {
        let (mut mid, mut out, mut at, mut seen) = (false, Lines::default(), 0, 0);
        while at < bytes.len() {
            let last = seen >= bytes.len();
            seen = (seen + step).min(bytes.len());
            at += frame_utf16(&bytes[at..seen], big_endian, &mut mid, last, &LIMITS, &mut out);
        }
        let mut start = 0;
        let lines =
            out.ends.iter().map(|&e| out.text[std::mem::replace(&mut start, e as usize)..e as usize].to_owned());
        (lines.collect(), out.cut)
    }

    #[test]
    fn lines_in_both_byte_orders_and_any_chunks() {
        for big_endian in [false, true] {
            let bytes = encode("grün\r\n\n𝄞\nlong long line\nopen", big_endian);
            for step in 1..=bytes.len() {
                let (lines, cut) = all(&bytes, big_endian, step);
                assert_eq!(lines, ["grün", "", "𝄞", "long lon", "open"], "step {step}");
                assert_eq!(cut, 1);
            }
        }
    }

    #[test]
    fn a_lone_surrogate_is_replaced_and_counted() {
        let mut out = Lines::default();
        let bytes = [0x00, 0xd8, b'a', 0, b'\n', 0];
        assert_eq!(frame_utf16(&bytes, false, &mut false, false, &LIMITS, &mut out), 6);
        assert_eq!((out.text.as_str(), out.invalid), ("\u{fffd}a", 1));
    }

    fn units() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => Just(vec![b'\n', 0]),
            1 => Just(vec![b'\r', 0]),
            3 => prop::collection::vec(any::<u8>(), 0..6),
            3 => "[a-zé𝄞]{0,12}".prop_map(|text: String| encode(&text, false)),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn chunks_never_show_in_any_bytes(bytes in units(), step in 1usize..40, big_endian: bool) {
            let (whole, cut) = all(&bytes, big_endian, bytes.len().max(1));
            prop_assert!(whole.iter().all(|line| line.len() <= LIMITS.line_bytes));
            prop_assert_eq!(all(&bytes, big_endian, step), (whole, cut));
        }
    }
}
