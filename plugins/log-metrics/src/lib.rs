//! Counters, gauges and histograms from log lines: kept over time, emitted on every tick.

mod config;
mod kept;
mod metric;
mod number;
mod report;
mod series;
#[cfg(test)]
mod tests;

use std::time::Duration;

use config::Config;
use metric::{Groups, Metric, Outcome};
use regex::{CaptureLocations, Regex};
use report::Report;
use weir_sdk::{Error, Labels, Logs, LogsBatch, LogsWanted, Moment, Plugin, Tick};

/// The plugin.
#[derive(Debug)]
pub struct LogMetrics {
    /// Metrics by what is searched in a line, so that each pattern is searched once.
    searches: Vec<Search>,
    interval: Duration,
    drop_lines: bool,
    /// Bytes that further series may take.
    room: usize,
    report: Report,
}

/// A pattern and the metrics that lines with a match of it make.
#[derive(Debug)]
struct Search {
    pattern: Option<Regex>,
    /// As written, by which others are known to be the same.
    text: Option<String>,
    found: Found,
    reads_groups: bool,
    metrics: Vec<Metric>,
}

/// Where the groups of the last match stand.
#[derive(Debug)]
struct Found(Option<CaptureLocations>);

impl Groups for Found {
    fn get<'t>(&self, line: &'t str, group: usize) -> Option<&'t str> {
        let (start, end) = self.0.as_ref()?.get(group)?;
        line.get(start..end)
    }
}

impl Plugin for LogMetrics {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        let interval = config.interval()?;
        let (mut searches, mut room): (Vec<Search>, usize) = (vec![], series::ROOM);
        for (i, written) in config.metrics.iter().enumerate() {
            let at = if let Some(at) = searches.iter().position(|s| s.text == written.pattern) {
                at
            } else {
                let search = Search::new(written.pattern.as_deref());
                searches.push(search.map_err(|e| format!("config.metrics[{i}].pattern: {e}"))?);
                searches.len() - 1
            };
            let Some(search) = searches.get_mut(at) else { continue };
            let mut metric = Metric::new(written, &config, interval, search.pattern.as_ref())
                .map_err(|e| format!("config.metrics[{i}].{e}"))?;
            kept::take_up(&mut metric.family, &mut room);
            search.reads_groups |= metric.reads_groups();
            search.metrics.push(metric);
        }
        Ok(Self { searches, interval, drop_lines: config.drop_lines, room, report: Report::default() })
    }
}

impl Logs for LogMetrics {
    fn wants(&self) -> LogsWanted {
        let metrics = || self.searches.iter().flat_map(|s| &s.metrics);
        let names = || metrics().flat_map(Metric::names);
        LogsWanted {
            labels: named(names().chain(metrics().flat_map(Metric::stream_labels))),
            metadata: named(names()),
            timestamps: false,
            lines: true,
        }
    }

    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        let mut counted = vec![false; if self.drop_lines { batch.len() } else { 0 }];
        for search in &mut self.searches {
            search.run(batch, &mut counted, &mut self.room);
        }
        for (row, _) in batch.rows().zip(counted).filter(|(_, counted)| *counted) {
            row.drop();
        }
        Ok(())
    }
}

impl Search {
    fn new(pattern: Option<&str>) -> Result<Self, regex::Error> {
        let regex = pattern.map(Regex::new).transpose()?;
        let found = Found(regex.as_ref().map(Regex::capture_locations));
        Ok(Self { pattern: regex, text: pattern.map(str::to_owned), found, reads_groups: false, metrics: vec![] })
    }

    fn run(&mut self, batch: &LogsBatch<'_>, counted: &mut [bool], room: &mut usize) {
        let selected: Vec<Option<Vec<bool>>> = self.metrics.iter().map(|m| m.selected(batch)).collect();
        let is_of = |selected: &Option<Vec<bool>>, row: usize| {
            selected.as_ref().is_none_or(|rows| rows.get(row).copied().unwrap_or_default())
        };
        for row in batch.rows() {
            if !selected.iter().any(|s| is_of(s, row.index())) || !self.matches(row.line()) {
                continue;
            }
            for (metric, selected) in self.metrics.iter_mut().zip(&selected) {
                if is_of(selected, row.index())
                    && metric.see(&row, &self.found, room) == Outcome::Counted
                    && let Some(counted) = counted.get_mut(row.index())
                {
                    *counted = true;
                }
            }
        }
    }

    fn matches(&mut self, line: &str) -> bool {
        match (&self.pattern, &mut self.found.0) {
            (None, _) => true,
            (Some(pattern), Some(found)) if self.reads_groups => pattern.captures_read(found, line).is_some(),
            (Some(pattern), _) => pattern.is_match(line),
        }
    }
}

impl Tick for LogMetrics {
    fn interval(&self) -> Duration {
        self.interval
    }

    /// The last tick is as any other: what is emitted and kept then is what the next version goes on from.
    fn tick(&mut self, _: Moment) -> Result<(), Error> {
        for metric in self.searches.iter_mut().flat_map(|s| &mut s.metrics) {
            metric.family.age(&mut self.room);
            if let Err(refusal) = metric.family.emit() {
                self.report.refused(&metric.family, &refusal);
            }
            if metric.family.changed {
                self.report.kept(&metric.family, kept::keep(&metric.family));
                metric.family.changed = false;
            }
            self.report.ignored(&metric.family, &std::mem::take(&mut metric.ignored));
        }
        self.report.tick(self.interval);
        Ok(())
    }
}

fn named<'a>(names: impl Iterator<Item = &'a str>) -> Labels {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { Labels::Nothing } else { Labels::named(names) }
}

weir_sdk::export!(LogMetrics: Logs, Tick);
