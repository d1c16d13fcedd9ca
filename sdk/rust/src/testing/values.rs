//! Label sets, samples and lines as tests write them.

use crate::Kind;
use std::collections::BTreeMap;
use std::fmt;

/// A label set.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelSet(pub(super) BTreeMap<String, String>);

/// A label set of these names and values.
pub fn labels<'t>(pairs: impl IntoIterator<Item = (&'t str, &'t str)>) -> LabelSet {
    LabelSet(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
}

impl LabelSet {
    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// As in PromQL: `up{job="node"}`.
impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get("__name__").unwrap_or_default())?;
        let mut open = "{";
        for (name, value) in self.0.iter().filter(|(name, _)| *name != "__name__") {
            write!(f, "{open}{name}={value:?}")?;
            open = ",";
        }
        f.write_str(if open == "," { "}" } else { "" })
    }
}

/// A log line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The text, without its line end.
    pub text: String,
    /// The labels of its stream.
    pub labels: LabelSet,
    /// Its structured metadata.
    pub metadata: LabelSet,
    /// Nanoseconds since the epoch.
    pub timestamp: i64,
}

impl Line {
    /// A line of a stream without labels.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// With a label of its stream.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.0.insert(name.into(), value.into());
        self
    }

    /// With a label of structured metadata.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: &str) -> Self {
        self.metadata.0.insert(name.into(), value.into());
        self
    }

    /// With a time in nanoseconds since the epoch.
    #[must_use]
    pub fn at(mut self, nanoseconds: i64) -> Self {
        self.timestamp = nanoseconds;
        self
    }
}

impl<T: Into<String>> From<T> for Line {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// A sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The labels of its series.
    pub labels: LabelSet,
    /// What it is.
    pub kind: Kind,
    /// Its value; means nothing unless it is a float.
    pub value: f64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// When its counter began, in milliseconds since the epoch; 0 where it is not known.
    pub start_timestamp: i64,
}

impl Sample {
    /// A float.
    pub fn new(labels: LabelSet, value: f64) -> Self {
        Self { labels, value, ..Self::default() }
    }

    /// A native histogram.
    pub fn histogram(labels: LabelSet) -> Self {
        Self { labels, kind: Kind::Histogram, ..Self::default() }
    }

    /// With a time in milliseconds since the epoch.
    #[must_use]
    pub fn at(mut self, milliseconds: i64) -> Self {
        self.timestamp = milliseconds;
        self
    }
}
