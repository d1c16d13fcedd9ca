//! One metric: which lines it is made of, and what they do to it.

use std::time::Duration;

use regex::Regex;
use weir_sdk::{Error, LogRow, LogsBatch};

use crate::config::{Action, AsWritten, Config, Kind};
use crate::number;
use crate::series::{Family, Full, push};

/// One metric.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) family: Family,
    kind: Kind,
    action: Action,
    streams: Vec<(String, Regex)>,
    source: Source,
    value: Option<String>,
    scale: f64,
    labels: Vec<Place>,
    pub(crate) ignored: Ignored,
    key: Vec<u8>,
}

/// Lines that came to nothing since the last tick.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    /// Their series would have been one too many.
    pub(crate) over_limit: u64,
    /// There was no memory for their series.
    pub(crate) no_memory: u64,
    /// Their source is no number.
    pub(crate) unreadable: u64,
}

/// What a number is taken from.
#[derive(Debug)]
enum Source {
    /// No number is needed.
    Line,
    Bytes,
    Text(Place),
}

/// Where a text stands.
#[derive(Debug)]
enum Place {
    /// A group of the pattern.
    Group(usize),
    /// Structured metadata, or else a stream label.
    Named(String),
}

/// What a line's pattern has found.
pub(crate) trait Groups {
    /// The text of a group, if it took part.
    fn get<'t>(&self, line: &'t str, group: usize) -> Option<&'t str>;
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The metric is made of it.
    Counted,
    /// It is not of this metric.
    Passed,
}

impl Metric {
    pub(crate) fn new(
        written: &AsWritten,
        config: &Config,
        interval: Duration,
        pattern: Option<&Regex>,
    ) -> Result<Self, Error> {
        let place = |name: &str| {
            let group = pattern.and_then(|p| p.capture_names().position(|group| group == Some(name)));
            group.map_or_else(|| Place::Named(name.to_owned()), Place::Group)
        };
        let stream = |(label, pattern): (&String, &String)| match Regex::new(&format!("^(?s:{pattern})$")) {
            Ok(regex) => Ok((label.clone(), regex)),
            Err(e) => Err(format!("streams.{label}: {e}")),
        };
        let buckets = if written.kind == Kind::Histogram { written.buckets() } else { &[] };
        let names = written.labels().into_iter().map(|(name, _)| name.to_owned()).collect();
        let (most, expire) = (config.max_series(written)?, config.expire(written, interval)?);
        Ok(Self {
            family: Family::new(&written.name, names, buckets, most, expire),
            kind: written.kind,
            action: written.action(),
            streams: written.streams.iter().map(stream).collect::<Result<_, _>>()?,
            source: match &written.source {
                Some(source) => Source::Text(place(source)),
                None if written.line_bytes => Source::Bytes,
                None => Source::Line,
            },
            value: written.value.clone(),
            scale: written.scale.unwrap_or(1.0),
            labels: written.labels().into_iter().map(|(_, source)| place(source)).collect(),
            ignored: Ignored::default(),
            key: vec![],
        })
    }

    /// The stream labels that choose lines.
    pub(crate) fn stream_labels(&self) -> impl Iterator<Item = &str> {
        self.streams.iter().map(|(label, _)| label.as_str())
    }

    /// The names that may be structured metadata or a stream label.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let source = if let Source::Text(place) = &self.source { Some(place) } else { None };
        self.labels.iter().chain(source).filter_map(|place| match place {
            Place::Named(name) => Some(name.as_str()),
            Place::Group(_) => None,
        })
    }

    /// Whether it reads groups of its pattern.
    pub(crate) fn reads_groups(&self) -> bool {
        let is_group = |place: &Place| matches!(place, Place::Group(_));
        self.labels.iter().any(is_group) || matches!(&self.source, Source::Text(place) if is_group(place))
    }

    /// For each line whether its stream is one of this metric's; `None`: all are.
    pub(crate) fn selected(&self, batch: &LogsBatch<'_>) -> Option<Vec<bool>> {
        let mut all: Option<Vec<bool>> = None;
        for (label, pattern) in &self.streams {
            let mut hits = vec![false; batch.len()];
            for row in batch.having(label, |value| pattern.is_match(value)) {
                if let Some(hit) = hits.get_mut(row.index()) {
                    *hit = true;
                }
            }
            all = Some(match all {
                None => hits,
                Some(others) => others.into_iter().zip(hits).map(|(a, b)| a && b).collect(),
            });
        }
        all
    }

    /// A line of this metric's streams that its pattern matches.
    pub(crate) fn see(&mut self, row: &LogRow<'_, '_>, groups: &impl Groups, room: &mut usize) -> Outcome {
        let number = match &self.source {
            Source::Line => 1.0,
            Source::Bytes => row.line().len() as f64 * self.scale,
            Source::Text(place) => {
                let Some(text) = place.text(row, groups) else { return Outcome::Passed };
                if self.value.as_ref().is_some_and(|value| value != text) {
                    return Outcome::Passed;
                }
                match number::parse(text).filter(|n| self.kind != Kind::Counter || *n >= 0.0) {
                    Some(number) => number * self.scale,
                    None if matches!(self.action, Action::Inc | Action::Dec) => 1.0,
                    None => {
                        self.ignored.unreadable += 1;
                        return Outcome::Passed;
                    }
                }
            }
        };
        self.key.clear();
        for place in &self.labels {
            push(&mut self.key, place.text(row, groups).unwrap_or_default());
        }
        match self.family.apply(&self.key, self.action, number, room) {
            Ok(()) => return Outcome::Counted,
            Err(Full::Series) => self.ignored.over_limit += 1,
            Err(Full::Memory) => self.ignored.no_memory += 1,
        }
        Outcome::Passed
    }
}

impl Place {
    fn text<'a>(&self, row: &LogRow<'a, '_>, groups: &impl Groups) -> Option<&'a str> {
        match self {
            Self::Group(group) => groups.get(row.line(), *group),
            Self::Named(name) => row.metadata(name).or_else(|| row.label(name)),
        }
    }
}
