//! Durations and sizes as people write them.

use std::time::Duration;

/// Prometheus' duration: `15s`, `1m30s`, `500ms`, `2h`, `15d`, `1y`; units from the largest to the smallest, each once.
/// `0` needs no unit. The error says what is wrong.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    // a day has 24 hours and a year 365 days, as for Prometheus
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err("a duration cannot be empty".into());
    }
    let (mut rest, mut next, mut total) = (text, 0, 0_u64);
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if unit.is_empty() {
            return Err(format!("`{number}` has no unit"));
        }
        let Some(at) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("`{unit}` is not a unit of time"));
        };
        if at < next {
            return Err("units must go from the largest to the smallest, each once".into());
        }
        let milliseconds = UNITS.get(at).map_or(0, |(_, ms)| *ms);
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(milliseconds))
            .and_then(|part| total.checked_add(part))
            // Prometheus' own limit: nanoseconds in 64 bits
            .filter(|total| *total <= i64::MAX as u64 / 1_000_000)
            .ok_or("this is longer than 292 years")?;
        (next, rest) = (at + 1, after);
    }
    Ok(Duration::from_millis(total))
}

/// A size in bytes: `512`, `64KiB`, `10MB`, `4GiB`. As in Prometheus' `body_size_limit`, units are powers of 1024 with
/// and without the `i`. The error says what is wrong.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Err("a size cannot be empty".into());
    }
    let (number, unit) = split_number(text)?;
    let shift = match unit {
        "" | "B" => 0,
        "KB" | "KiB" => 10,
        "MB" | "MiB" => 20,
        "GB" | "GiB" => 30,
        "TB" | "TiB" => 40,
        other => return Err(format!("`{other}` is not a unit of size")),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "this is larger than 16 EiB".to_owned())
}

fn split_number(text: &str) -> Result<(&str, &str), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if digits == 0 {
        return Err(format!("a whole number is missing before `{text}`"));
    }
    Ok(text.split_at(digits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_those_of_prometheus() {
        let seconds = |text| duration(text).map(|d| d.as_secs_f64());
        assert_eq!(seconds("15s"), Ok(15.0));
        assert_eq!(seconds("1m30s"), Ok(90.0));
        assert_eq!(seconds("500ms"), Ok(0.5));
        assert_eq!(seconds("1h0m1ms"), Ok(3600.001));
        assert_eq!(seconds("1y2w3d"), Ok(((365 + 14 + 3) * 86_400).into()));
        assert_eq!(seconds("0"), Ok(0.0));
        for wrong in ["", "1", "s", "1.5s", "-1s", "1s1m", "1s1s", "1 s", "1S", "1ms1s", "999999999y", "1sec", "5µs"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("10MB"), Ok(10 << 20));
        assert_eq!(size("4GiB"), Ok(4 << 30));
        for wrong in ["", "MB", "1.5GB", "-1", "1 GB", "1gb", "1K", "99999999999999999999", "99999999999TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = duration(&text);
            let _ = size(&text);
        }

        #[test]
        fn what_is_written_is_read(h in 0_u64..1000, m in 0_u64..1000, s in 0_u64..1000) {
            prop_assert_eq!(duration(&format!("{h}h{m}m{s}s")), Ok(Duration::from_secs(h * 3600 + m * 60 + s)));
        }
    }
}
