//! Timestamps in the forms that log lines have.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsWritten {
    /// The key whose value is the time.
    pub(crate) source: String,
    /// Its form.
    #[serde(default = "rfc3339")]
    format: String,
    /// What is meant where the value says no offset from UTC.
    #[serde(default = "utc")]
    location: String,
}

fn rfc3339() -> String {
    "RFC3339".into()
}

fn utc() -> String {
    "UTC".into()
}

/// The form of a time.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// `2006-01-02T15:04:05.999Z`, with or without a fraction.
    Rfc3339,
    /// A number, of so many nanoseconds each.
    Unix(i64),
    /// As `strptime` reads it.
    Pattern {
        /// The pattern.
        pattern: String,
        /// The offset from UTC of times that name none.
        offset: Offset,
    },
}

impl Format {
    pub(crate) fn new(written: &AsWritten) -> Result<Self, String> {
        let offset = offset(&written.location)?;
        match written.format.as_str() {
            "RFC3339" | "RFC3339Nano" => Ok(Self::Rfc3339),
            "Unix" => Ok(Self::Unix(SECOND)),
            "UnixMs" => Ok(Self::Unix(1_000_000)),
            "UnixUs" => Ok(Self::Unix(1_000)),
            "UnixNs" => Ok(Self::Unix(1)),
            pattern => {
                check(pattern)?;
                Ok(Self::Pattern { pattern: pattern.into(), offset })
            }
        }
    }

    /// Nanoseconds since the epoch. A time without a year is the last one before `read`, or less than a day later.
    pub(crate) fn read(&self, text: &str, read: i64) -> Option<i64> {
        match self {
            Self::Rfc3339 => rfc3339_time(text.as_bytes()),
            Self::Unix(unit) => number(text, *unit),
            Self::Pattern { pattern, offset } => by_pattern(pattern, *offset, text, read),
        }
    }
}

/// Finds what is wrong with a pattern before any line comes.
fn check(pattern: &str) -> Result<(), String> {
    if !pattern.contains('%') {
        let hint = if pattern.contains("2006") || pattern.contains("15:04") {
            "; Go's example times are not read here: 2006-01-02 15:04:05.000 is %Y-%m-%d %H:%M:%S%.f"
        } else {
            ""
        };
        return Err(format!(
            "{pattern:?} is neither RFC3339, Unix, UnixMs, UnixUs, UnixNs nor a pattern such as \"%Y-%m-%d %H:%M:%S%.f\"{hint}"
        ));
    }
    // 2006-01-02T15:04:05.123456789Z
    let example = Timestamp::constant(1_136_214_245, 123_456_789);
    let text = jiff::fmt::strtime::format(pattern, example).map_err(|e| format!("{pattern:?}: {e}"))?;
    let read = by_pattern(pattern, Offset::UTC, &text, example.as_nanosecond() as i64);
    read.map(|_| ())
        .ok_or_else(|| format!("{pattern:?} does not say a date and a time: {text:?} cannot be read with it"))
}

fn by_pattern(pattern: &str, offset: Offset, text: &str, read: i64) -> Option<i64> {
    let mut parts = BrokenDownTime::parse(pattern, text).ok()?;
    let yearless = parts.year().is_none() && parts.timestamp().is_none();
    let offset = parts.offset().unwrap_or(offset);
    if yearless {
        let now = Timestamp::from_nanosecond(read.into()).ok()?;
        let year = offset.to_datetime(now).year();
        parts.set_year(Some(year)).ok()?;
        // the 29th of February needs a year that has one
        let this = parts.to_datetime().ok().and_then(|at| nanoseconds(at, offset));
        return match this {
            Some(time) if time <= read.saturating_add(DAY) => Some(time),
            _ => {
                parts.set_year(Some(year.checked_sub(1)?)).ok()?;
                nanoseconds(parts.to_datetime().ok()?, offset)
            }
        };
    }
    if let Some(timestamp) = parts.timestamp() {
        return i64::try_from(timestamp.as_nanosecond()).ok();
    }
    nanoseconds(parts.to_datetime().ok()?, offset)
}

fn nanoseconds(at: DateTime, offset: Offset) -> Option<i64> {
    i64::try_from(offset.to_timestamp(at).ok()?.as_nanosecond()).ok()
}

/// `UTC`, `Z` or `+02:00`.
fn offset(written: &str) -> Result<Offset, String> {
    if matches!(written, "UTC" | "Z" | "") {
        return Ok(Offset::UTC);
    }
    let seconds = match written.as_bytes() {
        [sign @ (b'+' | b'-'), rest @ ..] => zone(*sign, rest),
        _ => None,
    };
    seconds.and_then(|s| Offset::from_seconds(s as i32).ok()).ok_or_else(|| {
        format!("{written:?} is neither \"UTC\" nor an offset such as \"+02:00\"; names of time zones are not known to plugins")
    })
}

/// `02:00` or `0200` as seconds.
fn zone(sign: u8, digits: &[u8]) -> Option<i64> {
    let (hours, minutes) = match digits {
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => (two(*h1, *h2)?, two(*m1, *m2)?),
        _ => return None,
    };
    let seconds = hours * 3_600 + minutes * 60;
    (hours < 24 && minutes < 60).then_some(if sign == b'-' { -seconds } else { seconds })
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// RFC 3339 (section 5.6), as the commonest form without a detour. A blank for the `T`, a comma before the fraction and an offset without
/// a colon are taken too.
pub(crate) fn rfc3339_time(text: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', h1, h2, b':', i1, i2, b':', s1, s2, rest @ ..] =
        text
    else {
        return None;
    };
    let (year, month, day) = (two(*y1, *y2)? * 100 + two(*y3, *y4)?, two(*m1, *m2)?, two(*d1, *d2)?);
    let (hour, minute, second) = (two(*h1, *h2)?, two(*i1, *i2)?, two(*s1, *s2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    // 60 is a leap second
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, rest) = match rest {
        [b'.' | b',', rest @ ..] => {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            let (digits, rest) = rest.split_at(digits);
            (fraction(digits)?, rest)
        }
        _ => (0, rest),
    };
    let offset = match rest {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), digits @ ..] => zone(*sign, digits)?,
        _ => return None,
    };
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    seconds.checked_mul(SECOND)?.checked_add(fraction)
}

/// Nanoseconds of the digits behind a point; what is finer is cut off.
fn fraction(digits: &[u8]) -> Option<i64> {
    let read = digits.iter().take(9).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let missing = 9_u32.saturating_sub(digits.len() as u32);
    (!digits.is_empty()).then(|| read * 10_i64.pow(missing))
}

/// Days from 1970-01-01, in the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// A decimal number of units of so many nanoseconds.
fn number(text: &str, unit: i64) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    if whole.is_empty() || part.is_empty() || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
        // 1.7e9, as some languages print a float
        let number: f64 = text.contains(['e', 'E']).then(|| text.parse().ok()).flatten()?;
        let time = number * unit as f64;
        return (time.is_finite() && time.abs() < i64::MAX as f64).then_some(time as i64);
    }
    let whole = whole.parse::<i64>().ok()?.checked_mul(unit)?;
    // of a billionth of a unit, to nanoseconds
    let part = i128::from(fraction(part.as_bytes())?) * i128::from(unit) / i128::from(SECOND);
    let time = whole.checked_add(part as i64)?;
    Some(if negative { -time } else { time })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(format: &str, location: &str) -> Format {
        Format::new(&AsWritten { source: String::new(), format: format.into(), location: location.into() }).unwrap()
    }

    #[test]
    fn times_of_rfc_3339() {
        let read = |text: &str| Format::Rfc3339.read(text, 0);
        for (text, time) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2023-11-14T22:13:20Z", 1_700_000_000 * SECOND),
            ("2023-11-14T22:13:20.5Z", 1_700_000_000 * SECOND + 500_000_000),
            ("2023-11-14t22:13:20.123456789123z", 1_700_000_000 * SECOND + 123_456_789),
            ("2023-11-15T00:13:20+02:00", 1_700_000_000 * SECOND),
            ("2023-11-14 20:43:20,25-0130", 1_700_000_000 * SECOND + 250_000_000),
            ("2024-02-29T12:00:00Z", 1_709_208_000 * SECOND),
            ("1969-12-31T23:59:59Z", -SECOND),
            ("2016-12-31T23:59:60Z", 1_483_228_800 * SECOND),
        ] {
            assert_eq!(read(text), Some(time), "{text}");
            // jiff says the same
            if !text.contains([' ', ',']) && !text.contains("6789123") {
                let theirs: jiff::Timestamp = text.parse().unwrap();
                // to whom a leap second is the one before
                let leap = if text.contains(":60") { SECOND } else { 0 };
                assert_eq!(theirs.as_nanosecond() as i64, time - leap, "{text}");
            }
        }
        for bad in [
            "",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20.Z",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:13:20+2:00",
            "2023-11-14T22:13:20Zx",
            "9999-12-31T23:59:59Z",
            "é023-11-14T22:13:20Z",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_of_any_unit() {
        let time = 1_700_000_000 * SECOND;
        for (name, text, wanted) in [
            ("Unix", "1700000000", time),
            ("Unix", "1700000000.25", time + 250_000_000),
            ("Unix", "1.7e9", time),
            ("Unix", "-1.5", -1_500_000_000),
            ("UnixMs", "1700000000123", time + 123_000_000),
            ("UnixMs", "1700000000123.5", time + 123_500_000),
            ("UnixUs", "1700000000000001", time + 1_000),
            ("UnixNs", "1700000000000000007", time + 7),
        ] {
            assert_eq!(format(name, "UTC").read(text, 0), Some(wanted), "{name} {text}");
        }
        for bad in ["", "x", "1.", ".", "NaN", "inf", "99999999999", "1700000000 "] {
            assert_eq!(format("Unix", "UTC").read(bad, 0), None, "{bad}");
        }
    }

    #[test]
    fn patterns_with_and_without_offset_and_year() {
        let time = 1_700_000_000 * SECOND;
        for (pattern, location, text, wanted) in [
            ("%Y-%m-%d %H:%M:%S%.f", "UTC", "2023-11-14 22:13:20.5", time + 500_000_000),
            ("%Y-%m-%d %H:%M:%S", "+02:00", "2023-11-15 00:13:20", time),
            ("%d/%b/%Y:%H:%M:%S %z", "+02:00", "14/Nov/2023:22:13:20 +0000", time),
            ("%s", "UTC", "1700000000", time),
            ("%b %d %H:%M:%S", "UTC", "Nov 14 22:13:20", time),
        ] {
            assert_eq!(format(pattern, location).read(text, time + SECOND), Some(wanted), "{pattern} {text}");
        }
        let yearless = format("%b %d %H:%M:%S", "UTC");
        // read on the 1st of January, written the day before
        let new_year = rfc3339_time(b"2024-01-01T00:00:05Z").unwrap();
        assert_eq!(yearless.read("Dec 31 23:59:59", new_year), rfc3339_time(b"2023-12-31T23:59:59Z"));
        assert_eq!(yearless.read("Jan 01 00:00:01", new_year), rfc3339_time(b"2024-01-01T00:00:01Z"));
        let march = rfc3339_time(b"2025-03-01T00:00:00Z").unwrap();
        assert_eq!(yearless.read("Feb 29 00:00:00", march), rfc3339_time(b"2024-02-29T00:00:00Z"));
        assert_eq!(yearless.read("Feb 30 00:00:00", march), None);
    }

    #[test]
    fn what_is_wrong_is_said_before_any_line_comes() {
        let error = |format: &str, location: &str| {
            let written = AsWritten { source: String::new(), format: format.into(), location: location.into() };
            Format::new(&written).unwrap_err()
        };
        assert!(error("2006-01-02 15:04:05", "UTC").contains("Go's example times are not read here"));
        assert!(error("RFC1123", "UTC").contains("is neither RFC3339, Unix"));
        assert!(error("%H:%M:%S", "UTC").contains("does not say a date and a time"));
        assert!(error("%Y-%m-%d %", "UTC").contains("%Y-%m-%d %"));
        assert!(error("RFC3339", "Europe/Berlin").contains("names of time zones are not known"));
    }
}
