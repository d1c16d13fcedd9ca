//! Names that rotation gives: `app.log` becomes `app.log.1`, `app.log-20261125`, `app-2026-11-25.log`.

use std::cmp::Ordering;

/// Digits that a number within a name has at least when it is a date. `worker-1.log` beside `worker.log` is more likely the log of
/// another worker.
const DATE_DIGITS: usize = 6;

/// What tells the generations of one log apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GenerationName {
    /// The numbers in it, in their order.
    numbers: Vec<u64>,
    /// Whether they stand before the ending and are too short for a date: `app.1.log`.
    pub(crate) doubtful: bool,
}

impl GenerationName {
    /// Reads `name` as that of an older generation of the log `stream`, both without their directory.
    pub(crate) fn of(stream: &[u8], name: &[u8]) -> Option<Self> {
        if let Some(suffix) = name.strip_prefix(stream) {
            return Some(Self { numbers: numbers(suffix)?, doubtful: false });
        }
        let dot = stream.iter().rposition(|b| *b == b'.').filter(|dot| *dot > 0)?;
        let (stem, ending) = stream.split_at(dot);
        let infix = name.strip_prefix(stem)?.strip_suffix(ending)?;
        let doubtful = infix.iter().filter(|b| b.is_ascii_digit()).count() < DATE_DIGITS;
        Some(Self { numbers: numbers(infix)?, doubtful })
    }

    /// What all names of generations begin with.
    pub(crate) fn stem(stream: &[u8]) -> &[u8] {
        let dot = stream.iter().rposition(|b| *b == b'.').filter(|dot| *dot > 0);
        dot.and_then(|dot| stream.get(..dot)).unwrap_or(stream)
    }

    /// Whether the numbers count dates, and not how often the file was renamed.
    pub(crate) fn is_dated(&self) -> bool {
        self.numbers.first().is_some_and(|n| *n >= 1000)
    }

    /// By the numbers.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers)
    }
}

/// The numbers of what rotation adds to a name: a separator, then digits, separators, and the letters of a time
/// (`2026-11-25T10-00-00Z`).
fn numbers(added: &[u8]) -> Option<Vec<u64>> {
    let [b'.' | b'-' | b'_', rest @ ..] = added else { return None };
    let mut numbers = Vec::new();
    let mut before = b'.';
    let mut number = None::<u64>;
    for &b in rest {
        match b {
            b'0'..=b'9' => number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(b - b'0'))),
            b'.' | b'-' | b'_' | b':' | b'+' => numbers.extend(number.take()),
            // `.Z` alone is what compress adds
            b'T' | b'Z' if before.is_ascii_digit() => numbers.extend(number.take()),
            _ => return None,
        }
        before = b;
    }
    numbers.extend(number);
    (!numbers.is_empty()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stream: &str, name: &str) -> Option<(Vec<u64>, bool)> {
        GenerationName::of(stream.as_bytes(), name.as_bytes()).map(|n| (n.numbers, n.doubtful))
    }

    #[test]
    fn names_that_rotation_gives_are_known() {
        for (name, numbers) in [
            ("app.log.1", vec![1]),
            ("app.log.007", vec![7]),
            ("app.log-20261125", vec![20_261_125]),
            ("app.log_2", vec![2]),
            ("app.log.2026-11-25", vec![2026, 11, 25]),
            ("app.log-20261125-1732500000", vec![20_261_125, 1_732_500_000]),
            ("app.log.2026-11-25T10:00:00Z", vec![2026, 11, 25, 10, 0, 0]),
            ("app-2026-11-25.log", vec![2026, 11, 25]),
            ("app-2026-11-25T10-00-00.123.log", vec![2026, 11, 25, 10, 0, 0, 123]),
            ("app.20261125.0.log", vec![20_261_125, 0]),
        ] {
            assert_eq!(read("app.log", name), Some((numbers, false)), "{name}");
        }
        assert_eq!(read("0.log", "0.log.20261125-101010"), Some((vec![20_261_125, 101_010], false)));
        assert_eq!(read("app.log", "app.1.log"), Some((vec![1], true)));
        assert_eq!(read("worker.log", "worker-1.log"), Some((vec![1], true)));
        assert_eq!(read("syslog", "syslog.1"), Some((vec![1], false)));
        assert_eq!(read(".log", ".log.1"), Some((vec![1], false)));
    }

    #[test]
    fn other_names_are_not() {
        for name in [
            "app.log",
            "app.log.",
            "app.log.gz",
            "app.log.1.gz",
            "app.log.1.zst",
            "app.log.1.Z",
            "app.log.Z",
            "app.log.bak",
            "app.log1",
            "app.login.1",
            "app.log.d",
            "app.log~",
            "app.log.1~",
            "app.log.old",
            "app.log.-",
            "application-20261125.log",
            "app20261125.log",
            "app-2026-11-25.txt",
            "app-error.log",
            "app-20261125.log.gz",
            "other.log.1",
            "app.log.T1",
            "app.lo",
            "app",
            "",
        ] {
            assert_eq!(read("app.log", name), None, "{name}");
        }
        assert_eq!(read("syslog", "sys-20261125.log"), None);
        assert_eq!(read(".log", ".20261125.log"), None);
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let name = |n: &str| GenerationName::of(b"a.log", n.as_bytes()).unwrap();
        assert_eq!(name("a.log.10").compare(&name("a.log.9")), Ordering::Greater);
        assert_eq!(name("a.log-20261125").compare(&name("a.log-20261125.1")), Ordering::Less);
        assert!(name("a-2026-11-25.log").is_dated() && !name("a.log.12").is_dated());
    }
}
