//! Reading a `/metrics` page.

use std::collections::BTreeMap;

/// One sample of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// A page of metrics.
#[derive(Clone, Debug, Default)]
pub struct Page(pub Vec<Sample>);

impl Page {
    /// Reads a page; a line that is none fails the test.
    pub fn read(text: &str) -> Self {
        Self(text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(line).collect())
    }

    /// The sum of all samples of this name that have these labels (among others).
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|s| s.value).sum()
    }

    /// All samples of this name that have these labels (among others).
    pub fn matching<'a>(&'a self, name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Sample> {
        let has = |s: &Sample| labels.iter().all(|(n, v)| s.labels.get(*n).is_some_and(|x| x == v));
        self.0.iter().filter(move |s| s.name == name && has(s))
    }
}

fn line(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let mut labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("no labels: {line}"));
    let mut set = BTreeMap::new();
    while let Some((name, rest)) = labels.split_once("=\"") {
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("no end of a value: {line}")) {
                (_, '\\') => value.push(match chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, c)) => c,
                    None => panic!("no end of a value: {line}"),
                }),
                (at, '"') => break at,
                (_, c) => value.push(c),
            }
        };
        set.insert(name.trim_start_matches(',').to_owned(), value);
        labels = &rest[end + 1..];
    }
    let value = value.parse().unwrap_or_else(|_| panic!("no value: {line}"));
    Sample { name: name.to_owned(), labels: set, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_labels_with_escapes() {
        let page = Page::read("# HELP x\nup 1\na_total{x=\"1,}\\\"\",y=\"z\"} 2.5\n");
        assert_eq!(page.sum("up", &[]), 1.0);
        assert_eq!(page.sum("a_total", &[("x", "1,}\""), ("y", "z")]), 2.5);
        assert_eq!(page.sum("a_total", &[("x", "2")]), 0.0);
    }
}
