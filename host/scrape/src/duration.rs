//! Durations as Prometheus writes them (`prometheus/common`, `model.Duration`): `15s`, `1h30m`, `500ms`.
//!
//! They occur in labels: relabelling may read and set `__scrape_interval__` and `__scrape_timeout__`.

use std::time::Duration;

/// The units, largest first, in milliseconds; the first three are only written when nothing would be left over.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The duration in Prometheus' form, in whole milliseconds.
pub(crate) fn format(duration: Duration) -> String {
    let mut rest = duration.as_millis() as u64;
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (i, (unit, size)) in UNITS.iter().enumerate() {
        if rest >= *size && (i > 2 || rest.is_multiple_of(*size)) {
            out.push_str(&(rest / size).to_string());
            out.push_str(unit);
            rest %= size;
        }
    }
    out
}

/// Reads Prometheus' form: units in descending order, each at most once. `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let (mut rest, mut total, mut units) = (text, 0u64, UNITS.iter());
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let (_, size) = units.find(|u| u.0 == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*size)?)?;
        rest = next;
    }
    Some(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([0-9]{0,20}(y|w|d|h|m|s|ms|x|é)?){0,8}|\\PC{0,12}") {
            if let Some(duration) = parse(&text) {
                prop_assert_eq!(parse(&format(duration)), Some(duration), "{}", text);
            }
        }
    }

    #[test]
    fn writes_and_reads_as_prometheus_does() {
        for (text, millis) in [
            ("15s", 15_000),
            ("1m", 60_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("1h0m", 3_600_000),
            ("1w", 604_800_000),
            ("1y1d", 366 * 86_400_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "s", "15", "1s1m", "1s1s", "1.5s", "-1s", "1x", "99999999999999999999s", "18446744073709551615y"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        for (millis, text) in [(0, "0s"), (15_000, "15s"), (90_000, "1m30s"), (86_400_000, "1d"), (90_000_000, "25h")] {
            assert_eq!(format(Duration::from_millis(millis)), text);
        }
    }
}
