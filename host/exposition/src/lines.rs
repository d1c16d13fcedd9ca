//! A page, line by line.

use crate::error::Fault;
use crate::line::{self, Kind, Tail};

/// What a page consists of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line<'a> {
    /// A comment, `TYPE` or `HELP`, without its line end.
    Comment(&'a [u8]),
    /// A sample: the text of its series, for [`Series::parse`](crate::Series::parse), and what follows.
    Sample(&'a [u8], Tail),
}

/// Walks a page. The first fault is the last item; it is a fault of the whole page. A series' own text is not looked into.
pub fn lines(page: &[u8]) -> impl Iterator<Item = Result<Line<'_>, Fault>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at = line::skip_blank(page, at);
        let step = match line::kind(page, at) {
            Kind::End => return None,
            Kind::Comment => comment(page, at),
            Kind::Sample => sample(page, at),
        };
        at = step.as_ref().map_or(page.len(), |s| s.1);
        Some(step.map(|s| s.0))
    })
}

fn comment(page: &[u8], at: usize) -> Result<(Line<'_>, usize), Fault> {
    let next = line::comment(page, at)?;
    Ok((Line::Comment(page.get(at..line::line_end(page, at)).unwrap_or_default()), next))
}

fn sample(page: &[u8], at: usize) -> Result<(Line<'_>, usize), Fault> {
    let end = line::series_end(page, at)?;
    let tail = line::tail(page, end)?;
    Ok((Line::Sample(page.get(at..end).unwrap_or_default(), tail), tail.next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reason, Series};
    use proptest::prelude::*;
    use std::fmt::Write;

    type Sample = (String, Vec<(String, String)>, f64, Option<i64>);

    fn read(page: &[u8]) -> Result<Vec<Sample>, Fault> {
        let (mut out, mut series) = (vec![], Series::default());
        for line in lines(page) {
            if let Line::Sample(text, tail) = line? {
                series.parse(text)?;
                let labels = series.labels().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
                out.push((series.name().to_owned(), labels, tail.value, tail.time));
            }
        }
        Ok(out)
    }

    fn quoted(text: &str) -> String {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
    }

    fn render(samples: &[Sample]) -> String {
        let mut page = String::new();
        for (name, labels, value, time) in samples {
            writeln!(page, "# HELP {} all there is\n# TYPE {} gauge", quoted(name), quoted(name)).unwrap();
            write!(page, "{{{}", quoted(name)).unwrap();
            for (n, v) in labels {
                write!(page, ",{}={}", quoted(n), quoted(v)).unwrap();
            }
            write!(page, "}} {value:?}").unwrap();
            if let Some(time) = time {
                write!(page, " {time}").unwrap();
            }
            page.push('\n');
        }
        page
    }

    fn any_sample() -> impl Strategy<Value = Sample> {
        let labels = prop::collection::btree_map("[a-z.é\"\\\\\n]{1,6}", "(?s).{0,12}", 0..5);
        let name = "[a-z.é\"\\\\\n]{1,8}".prop_map(|n: String| n.replace('\n', "_"));
        let value = any::<f64>().prop_map(|v| if v.is_nan() { f64::from_bits(0x7ff8_0000_0000_0001) } else { v });
        (name, labels, value, prop::option::of(0..i64::MAX))
            .prop_map(|(name, labels, value, time)| (name, labels.into_iter().collect(), value, time))
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(samples in prop::collection::vec(any_sample(), 0..6)) {
            let page = render(&samples);
            let got = read(page.as_bytes()).map_err(|f| f.locate(page.as_bytes()));
            // Debug, for a NaN is not equal to itself
            prop_assert_eq!(format!("{got:?}"), format!("{:?}", Ok::<_, ()>(samples)));
        }

        #[test]
        fn never_panics_on_bytes(page in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(fault) = read(&page) {
                let _ = fault.locate(&page).to_string();
            }
        }

        #[test]
        fn never_panics_on_what_looks_like_a_page(page in "([a-c]{0,2}|[{}=,\"\\\\ \t\n#\r0-9.]|le|# TYPE |# HELP |NaN|\u{0}){0,40}") {
            if let Err(fault) = read(page.as_bytes()) {
                let found = fault.locate(page.as_bytes());
                prop_assert!(found.line <= page.matches('\n').count() + 1);
            }
        }
    }

    #[test]
    fn an_error_says_where() {
        let page = b"up 1\n\nnode_load{a=\"x\"} one\n";
        let fault = lines(page).find_map(Result::err).unwrap();
        let error = fault.locate(page);
        assert_eq!((error.line, error.column, error.reason), (3, 18, Reason::BadValue));
        assert!(error.to_string().starts_with("line 3, column 18: not a number"), "{error}");
        assert_eq!(lines(page).count(), 2, "nothing after a fault");
    }

    #[test]
    fn the_last_line_needs_no_end() {
        let page = b"# TYPE a counter\na 1\n\n  b{x=\"\"} 2 5";
        let got = read(page).unwrap();
        let empty = vec![("x".to_owned(), String::new())];
        assert_eq!(got, [("a".into(), vec![], 1.0, None), ("b".into(), empty, 2.0, Some(5))]);
    }
}
