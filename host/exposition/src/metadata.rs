//! What `# TYPE`, `# HELP` and `# UNIT` lines say of a metric family.

use crate::line::{line_end, name_len, quote_end, skip_spaces};

/// The type of a family as the text format names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Type {
    /// `untyped`, `unknown`, or nothing was said.
    #[default]
    Unknown,
    /// `counter`
    Counter,
    /// `gauge`
    Gauge,
    /// `histogram`
    Histogram,
    /// `summary`
    Summary,
}

/// A family as the lines above its samples describe it; borrowed from the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Family<'a> {
    /// Its name as it stands on the page, without quotes; escapes stay as they are.
    pub name: &'a [u8],
    /// Its type.
    pub kind: Type,
    /// Its help text as it stands on the page, with its escapes; see [`unescaped`].
    pub help: &'a [u8],
    /// Its unit. The text format 0.0.4 has no `UNIT` line; where a page has one all the same, it is meant so.
    pub unit: &'a [u8],
}

/// Whether a line that begins here says something of a family.
pub fn is_metadata(page: &[u8], at: usize) -> bool {
    read(page.get(at..line_end(page, at)).unwrap_or_default()).is_some()
}

impl<'a> Family<'a> {
    /// The last family that the comments beginning at `at` speak of, up to the first line that is none: the one that the
    /// samples behind them belong to (as in Prometheus, where the last line with metadata counts).
    pub fn above_samples(page: &'a [u8], mut at: usize) -> Option<Self> {
        let mut family: Option<Self> = None;
        loop {
            at = crate::line::skip_blank(page, at);
            if page.get(at) != Some(&b'#') {
                return family;
            }
            let end = line_end(page, at);
            if let Some((word, name, text)) = read(page.get(at..end).unwrap_or_default()) {
                let same = family.filter(|f| f.name == name);
                let mut now = same.unwrap_or(Self { name, ..Self::default() });
                match word {
                    Word::Type => now.kind = kind(text),
                    Word::Help => now.help = text,
                    Word::Unit => now.unit = text,
                }
                family = Some(now);
            }
            at = end;
        }
    }

    /// Whether a series of this name belongs to the family (Prometheus: `isSeriesPartOfFamily`, `scrape.go`).
    pub fn has(&self, series: &str) -> bool {
        let Some(suffix) = series.as_bytes().strip_prefix(self.name) else {
            // a counter's family may be named with or without its suffix
            return self.kind == Type::Counter
                && self.name.strip_suffix(b"_total").is_some_and(|name| name == series.as_bytes());
        };
        match self.kind {
            Type::Counter => matches!(suffix, b"" | b"_total"),
            Type::Histogram => matches!(suffix, b"" | b"_bucket" | b"_sum" | b"_count"),
            Type::Summary => matches!(suffix, b"" | b"_sum" | b"_count"),
            Type::Gauge | Type::Unknown => suffix.is_empty(),
        }
    }
}

/// Help text with `\\\\` and `\\n` read, cut to at most `longest` bytes at a character's end.
pub fn unescaped(help: &[u8], longest: usize) -> String {
    let text = String::from_utf8_lossy(help);
    let mut out = String::with_capacity(text.len().min(longest));
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match (c, chars.peek()) {
            ('\\', Some('n')) => {
                chars.next();
                '\n'
            }
            ('\\', Some('\\')) => {
                chars.next();
                '\\'
            }
            _ => c,
        };
        if out.len() + c.len_utf8() > longest {
            break;
        }
        out.push(c);
    }
    out
}

#[derive(Clone, Copy, Debug)]
enum Word {
    Type,
    Help,
    Unit,
}

/// A line's word, the name it is about, and its text.
fn read(line: &[u8]) -> Option<(Word, &[u8], &[u8])> {
    let at = skip_spaces(line, 1);
    // `#TYPE` without a blank is a plain comment
    let rest = line.get(at..).filter(|_| at > 1)?;
    let word = match rest.get(..4)? {
        b"TYPE" => Word::Type,
        b"HELP" => Word::Help,
        b"UNIT" => Word::Unit,
        _ => return None,
    };
    let name = skip_spaces(line, at + 4);
    if name == at + 4 {
        return None;
    }
    let (name, end) = if line.get(name) == Some(&b'"') {
        let end = quote_end(line, name).ok()?;
        (line.get(name + 1..end - 1)?, end)
    } else {
        let end = name + name_len(line.get(name..)?);
        (line.get(name..end)?, end)
    };
    (!name.is_empty()).then(|| (word, name, line.get(end + 1..).unwrap_or_default()))
}

fn kind(text: &[u8]) -> Type {
    match text {
        b"counter" => Type::Counter,
        b"gauge" => Type::Gauge,
        b"histogram" => Type::Histogram,
        b"summary" => Type::Summary,
        _ => Type::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_family_above_the_samples_counts() {
        let page = b"# HELP a_total All \\\\ of\\nit.\n# a remark\n# TYPE a_total counter\n\n# UNIT a_total seconds\na_total 1\n# TYPE b gauge\n";
        let family = Family::above_samples(page, 0).unwrap();
        assert_eq!((family.name, family.kind, family.unit), (&b"a_total"[..], Type::Counter, &b"seconds"[..]));
        assert_eq!(unescaped(family.help, 100), "All \\ of\nit.");
        assert_eq!(unescaped("hällo".as_bytes(), 2), "h");
        let two = b"# HELP a first\n# TYPE b gauge\n# TYPE \"c.d\" summary\n";
        let family = Family::above_samples(two, 0).unwrap();
        assert_eq!((family.name, family.kind, family.help), (&b"c.d"[..], Type::Summary, &b""[..]));
        assert!(Family::above_samples(b"#TYPE a gauge\n# TYPE\n# nothing\na 1", 0).is_none());
    }

    #[test]
    fn series_belong_to_a_family_by_its_type() {
        let family = |name: &'static str, kind| Family { name: name.as_bytes(), kind, ..Family::default() };
        for (name, kind, yes, no) in [
            ("a", Type::Gauge, &["a"][..], &["a_total", "ab", ""][..]),
            ("a", Type::Counter, &["a", "a_total"], &["a_sum"]),
            ("a_total", Type::Counter, &["a_total", "a"], &["a_total_total_x"]),
            ("a", Type::Histogram, &["a_bucket", "a_sum", "a_count"], &["a_total", "b_sum"]),
            ("a", Type::Summary, &["a", "a_sum", "a_count"], &["a_bucket"]),
            ("a", Type::Unknown, &["a"], &["a_sum"]),
        ] {
            for series in yes {
                assert!(family(name, kind).has(series), "{series} of {name}");
            }
            for series in no {
                assert!(!family(name, kind).has(series), "{series} of {name}");
            }
        }
    }

    proptest! {
        #[test]
        fn never_panics(page in "(# (TYPE|HELP|UNIT|x)[ \t]?|[ab\"\\\\ \n]|counter|é){0,30}", at in 0usize..40) {
            let page = page.as_bytes();
            let _ = is_metadata(page, at);
            if let Some(family) = Family::above_samples(page, at) {
                let _ = unescaped(family.help, 5);
            }
        }
    }
}
