//! Numbers, as Go's `strconv.ParseFloat` reads them and Prometheus restricts it: decimal only, no underscores, and what
//! rounds to infinity is an error.

/// The one NaN that a value can be, whatever the page says (Prometheus `model/value`, `NormalNaN`).
const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// The powers of ten that a 64-bit float holds exactly.
const TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The largest whole number below which a 64-bit float holds every one exactly.
const EXACT: u64 = 1 << 53;

/// More digits than this could overflow the accumulator.
const DIGITS: usize = 19;

/// Reads a number of the usual shapes (`17`, `-0.25`, `1.5e+09`) at a position: the value and where the number ends.
///
/// `None` says nothing about the text: it may be a number of an unusual shape. A product or quotient of a whole number
/// below 2^53 and a power of ten up to 10^22 is rounded once, hence exact (Clinger 1990).
#[inline]
pub fn usual(page: &[u8], at: usize) -> Option<(f64, usize)> {
    let mut rest = page.get(at..)?;
    let negative = rest.first() == Some(&b'-');
    if negative {
        rest = &rest[1..];
    }
    let all = rest.len();
    let (mut mantissa, mut scale) = (0u64, 0i32);
    let whole = digits(&mut rest, &mut mantissa);
    let mut count = whole;
    if let Some((b'.', after)) = rest.split_first() {
        rest = after;
        let fraction = digits(&mut rest, &mut mantissa);
        count += fraction;
        scale = -(fraction as i32);
    }
    if count == 0 || count > DIGITS {
        return None;
    }
    if let Some((b'e' | b'E', after)) = rest.split_first() {
        let (down, after) = match after.split_first() {
            Some((b'-', r)) => (true, r),
            Some((b'+', r)) => (false, r),
            _ => (false, after),
        };
        rest = after;
        let mut exponent = 0;
        let n = digits(&mut rest, &mut exponent);
        if n == 0 || n > 3 {
            return None;
        }
        scale += if down { -(exponent as i32) } else { exponent as i32 };
    }
    if mantissa > EXACT {
        return None;
    }
    let power = *TEN.get(scale.unsigned_abs() as usize)?;
    let magnitude = if scale < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
    let end = at + usize::from(negative) + (all - rest.len());
    Some((if negative { -magnitude } else { magnitude }, end))
}

/// Takes decimal digits off the front; how many there were. The accumulator is right for up to [`DIGITS`] in all.
#[inline]
fn digits(rest: &mut &[u8], into: &mut u64) -> usize {
    let before = rest.len();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *into = into.wrapping_mul(10).wrapping_add(u64::from(digit));
        *rest = after;
    }
    before - rest.len()
}

/// Reads a whole text as a number; `None` when it is none, or rounds to infinity.
pub fn parse(text: &[u8]) -> Option<f64> {
    if let Some((value, end)) = usual(text, 0)
        && end == text.len()
    {
        return Some(value);
    }
    if is_decimal(text) {
        let unsigned = text.strip_prefix(b"+").unwrap_or(text);
        return fast_float2::parse::<f64, _>(unsigned).ok().filter(|v| v.is_finite());
    }
    special(text)
}

fn special(text: &[u8]) -> Option<f64> {
    if text.eq_ignore_ascii_case(b"nan") {
        return Some(NAN);
    }
    let (sign, word) = match text.split_first()? {
        (b'-', word) => (-1.0, word),
        (b'+', word) => (1.0, word),
        _ => (1.0, text),
    };
    let infinite = word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity");
    infinite.then_some(sign * f64::INFINITY)
}

fn is_decimal(text: &[u8]) -> bool {
    let mut rest = match text.split_first() {
        Some((b'+' | b'-', rest)) => rest,
        _ => text,
    };
    let mut ignored = 0;
    let mut count = digits(&mut rest, &mut ignored);
    if let Some(after) = rest.strip_prefix(b".") {
        rest = after;
        count += digits(&mut rest, &mut ignored);
    }
    if let Some((b'e' | b'E', after)) = rest.split_first() {
        rest = match after.split_first() {
            Some((b'+' | b'-', r)) => r,
            _ => after,
        };
        if digits(&mut rest, &mut ignored) == 0 {
            return false;
        }
    }
    count > 0 && rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_what_prometheus_takes() {
        for (text, want) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("17", 17.0),
            ("+17", 17.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1.5e+09", -1.5e9),
            ("1E-3", 0.001),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("123456789012345678901234567890", 1.234_567_890_123_456_8e29),
            ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
            ("1e-400", 0.0),
            ("+Inf", f64::INFINITY),
            ("inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(want.to_bits()), "{text}");
        }
        assert_eq!(parse(b"nAn").map(f64::to_bits), Some(0x7ff8_0000_0000_0001));
    }

    #[test]
    fn refuses_what_prometheus_refuses() {
        for text in [
            "", ".", "-", "+", "e5", "1e", "1e+", "1_000", "0x10", "0x1p4", "1p4", "+NaN", "-nan", "infin", "1.2.3",
            "1e400", "-1e999", "1 ", " 1", "--1", "1\r", "١",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn is_exact(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:?}")] {
                prop_assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()), "{}", text);
            }
        }

        #[test]
        fn short_decimals_are_exact(whole in 0u64..1_000_000_000, fraction in 0u32..1_000_000, e in -12i32..12) {
            let text = format!("{whole}.{fraction:06}e{e}");
            prop_assert_eq!(parse(text.as_bytes()), text.parse::<f64>().ok());
        }

        #[test]
        fn agrees_with_the_standard_library(text in "[-+]?[0-9]{0,25}[.]?[0-9]{0,25}([eE][-+]?[0-9]{0,4})?") {
            let want = text.parse::<f64>().ok().filter(|v| v.is_finite());
            prop_assert_eq!(parse(text.as_bytes()).map(f64::to_bits), want.map(f64::to_bits));
        }
    }
}
