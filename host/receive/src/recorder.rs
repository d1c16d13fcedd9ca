//! An observer that keeps everything, for tests to ask.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use tokio::sync::watch;

use crate::preview::{Observer, Refusal};
use crate::proto::loki::{Entry, PushRequest};
use crate::proto::remote_write::{TimeSeries, WriteRequest};
use crate::symbols::SeriesMetadata;

/// Keeps every sample and line in the order of arrival. Nothing bounds it: it is for tests, which end.
#[derive(Debug)]
pub struct Recorder {
    kept: Mutex<Kept>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    series: BTreeMap<String, Vec<Point>>,
    streams: BTreeMap<String, Vec<Entry>>,
    headers: Vec<HeaderMap>,
    metadata: BTreeMap<String, SeriesMetadata>,
}

/// A sample as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Milliseconds since the epoch.
    pub time: i64,
    /// The value.
    pub value: f64,
}

impl PartialEq for Point {
    /// By bits: a staleness marker equals a staleness marker and no other NaN.
    fn eq(&self, other: &Self) -> bool {
        self.time == other.time && self.value.to_bits() == other.value.to_bits()
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self { kept: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Recorder {
    /// The samples of a series, given as `name{a="b", c="d"}` (or `{a="b"}` without a name), in the order of arrival.
    pub fn samples(&self, series: &str) -> Vec<Point> {
        self.lock().series.get(series).cloned().unwrap_or_default()
    }

    /// All series that arrived, sorted.
    pub fn series(&self) -> Vec<String> {
        self.lock().series.keys().cloned().collect()
    }

    /// How many samples arrived in all.
    pub fn sample_count(&self) -> usize {
        self.lock().series.values().map(Vec::len).sum()
    }

    /// The entries of a stream, given by its labels as sent, in the order of arrival.
    pub fn entries(&self, stream: &str) -> Vec<Entry> {
        self.lock().streams.get(stream).cloned().unwrap_or_default()
    }

    /// The texts of a stream's lines, in the order of arrival.
    pub fn lines(&self, stream: &str) -> Vec<String> {
        self.entries(stream).into_iter().map(|e| e.line).collect()
    }

    /// All streams that arrived, sorted.
    pub fn streams(&self) -> Vec<String> {
        self.lock().streams.keys().cloned().collect()
    }

    /// How many lines arrived in all.
    pub fn line_count(&self) -> usize {
        self.lock().streams.values().map(Vec::len).sum()
    }

    /// What `look` makes of each series and its samples.
    pub fn with_samples<T>(&self, mut look: impl FnMut(&str, &[Point]) -> T) -> Vec<T> {
        self.lock().series.iter().map(|(name, points)| look(name, points)).collect()
    }

    /// What `look` makes of each stream and its entries.
    pub fn with_lines<T>(&self, mut look: impl FnMut(&str, &[Entry]) -> T) -> Vec<T> {
        self.lock().streams.iter().map(|(labels, entries)| look(labels, entries)).collect()
    }

    /// The headers of every stored request, in the order of arrival.
    pub fn headers(&self) -> Vec<HeaderMap> {
        self.lock().headers.clone()
    }

    /// What the last request that said anything of a series' family said.
    pub fn metadata(&self, series: &str) -> Option<SeriesMetadata> {
        self.lock().metadata.get(series).cloned()
    }

    /// Waits until `enough` holds. Looks again at each arrival; a test wraps it in a time-out of its own.
    pub async fn wait_until(&self, mut enough: impl FnMut(&Self) -> bool) {
        let mut changed = self.changed.subscribe();
        while !enough(self) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // only ever appended to: what a panic left is whole
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self) {
        self.changed.send_modify(|n| *n += 1);
    }
}

impl Observer for Recorder {
    fn metrics(&self, headers: &HeaderMap, request: &WriteRequest) -> Result<(), Refusal> {
        let mut kept = self.lock();
        kept.headers.push(headers.clone());
        for series in &request.timeseries {
            let points = series.samples.iter().map(|s| Point { time: s.timestamp, value: s.value });
            kept.series.entry(series_name(series)).or_default().extend(points);
        }
        drop(kept);
        self.arrived();
        Ok(())
    }

    fn described(&self, series: &TimeSeries, metadata: &SeriesMetadata) {
        self.lock().metadata.insert(series_name(series), metadata.clone());
        self.arrived();
    }

    fn logs(&self, headers: &HeaderMap, request: &PushRequest) -> Result<(), Refusal> {
        let mut kept = self.lock();
        kept.headers.push(headers.clone());
        for stream in &request.streams {
            kept.streams.entry(stream.labels.clone()).or_default().extend_from_slice(&stream.entries);
        }
        drop(kept);
        self.arrived();
        Ok(())
    }
}

/// A series as people write it: `name{a="b", c="d"}`.
pub fn series_name(series: &TimeSeries) -> String {
    let name = series.labels.iter().find(|l| l.name == "__name__").map_or("", |l| l.value.as_str());
    let rest: Vec<_> =
        series.labels.iter().filter(|l| l.name != "__name__").map(|l| format!("{}={:?}", l.name, l.value)).collect();
    if rest.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", rest.join(", ")) }
}
