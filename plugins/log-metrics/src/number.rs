//! Numbers as lines have them.

/// A number, or a duration as Go prints it, in seconds: `12`, `0.5`, `1e3`, `12ms`, `1m30s`.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let number = text.parse::<f64>().ok().or_else(|| duration(text))?;
    number.is_finite().then_some(number)
}

fn duration(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, next) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total += number.parse::<f64>().ok()? * seconds;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers_and_durations() {
        for (text, number) in
            [("12", 12.0), (" -0.5 ", -0.5), ("1e3", 1000.0), ("250ms", 0.25), ("1m30s", 90.0), ("1.5h", 5400.0)]
        {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        assert!((parse("3µs").unwrap() - 3e-6).abs() < 1e-18);
        for text in ["", "-", "ms", "12 apples", "NaN", "inf", "1d", "5m3"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
