//! Durations in a plugin's configuration, as Prometheus writes them.

use std::time::Duration;

/// The time of `500ms`, `10s`, `5m`, `1h`, `1d` or a sequence of them, the largest unit first as `1h30m`.
///
/// # Errors
/// What is wrong with it, in words for the operator: put the key before them.
pub fn parse(written: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let wrong = || format!("{written:?} is not a duration such as \"10s\" or \"1h30m\"");
    let (mut rest, mut total, mut units) = (written, 0_u64, UNITS.as_slice());
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let at = units.iter().position(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let (_, long) = units.get(at).ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(*long).and_then(|more| total.checked_add(more)).ok_or_else(wrong)?;
        (rest, units) = (next, units.get(at + 1..).unwrap_or_default());
    }
    // what plugins reckon with is nanoseconds in an i64
    let fits = i64::try_from(u128::from(total) * 1_000_000).is_ok();
    if total > 0 && fits { Ok(Duration::from_millis(total)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_prometheus() {
        for (written, milliseconds) in [("500ms", 500), ("10s", 10_000), ("1h30m", 5_400_000), ("1d", 86_400_000)] {
            assert_eq!(parse(written), Ok(Duration::from_millis(milliseconds)), "{written}");
        }
        for written in [
            "",
            "0s",
            "10",
            "s",
            "10 s",
            "-1s",
            "1m1h",
            "1.5s",
            "1y",
            "999999d",
            "99999999999999d",
            "99999999999999999999d",
        ] {
            assert!(parse(written).is_err(), "{written}");
        }
    }
}
