//! A recorder that refuses what real backends refuse, and more: it is the judge of the tests.
//!
//! Remote write is judged by its specification and by Prometheus 2.4x (`storage/remote/write_handler.go`,
//! `tsdb/head_append.go`), Loki pushes by Loki 3 (`pkg/distributor/validator.go`, `pkg/ingester/stream.go`) with its
//! default limits. A test compares the rules for remote write with a real Prometheus.
//!
//! What is refused is kept as a [`Violation`]. What real backends swallow without a word, the same sample or line once
//! more, is kept as a [`Duplicate`], and not stored again.

mod labels;
mod loki;
mod rate;
mod remote_write;

pub use remote_write::REPEATED;

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;

use crate::preview::{Observer, Refusal};
use crate::proto::loki::PushRequest;
use crate::proto::remote_write::{TimeSeries, WriteRequest};
use crate::recorder::Recorder;
use crate::symbols::SeriesMetadata;

/// What is asked of a sender beyond what always holds.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How far behind the newest sample of any series one may be that is in order in its own. Prometheus refuses more than
    /// half of its block's range, an hour, unless `out_of_order_time_window` is set.
    pub sample_age: Option<Duration>,
    /// How far behind the newest sample of its series one may be (Prometheus: `out_of_order_time_window`). Zero: not at all.
    pub out_of_order: Duration,
    /// Whether names may be any UTF-8, as from Prometheus 3 on.
    pub utf8_names: bool,
    /// How far ahead of the clock a sample or line may be: 10 minutes in Prometheus (from 2.5x on) and in Loki.
    pub ahead: Duration,
    /// The oldest line that is taken: 7 days in Loki.
    pub line_age: Duration,
    /// Whether pushes of lines must name their tenant (Loki: `auth_enabled`).
    pub tenants: bool,
    /// Whether Loki's rates hold: 3 MB/s a stream and 4 MB/s a tenant. Without, a test need not go slow.
    pub rates: bool,
    /// The clock.
    pub now: fn() -> SystemTime,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            sample_age: Some(Duration::from_hours(1)),
            out_of_order: Duration::ZERO,
            utf8_names: false,
            ahead: Duration::from_mins(10),
            line_age: Duration::from_hours(7 * 24),
            tenants: false,
            rates: false,
            now: SystemTime::now,
        }
    }
}

impl Rules {
    fn now_nanos(&self) -> i64 {
        (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as i64
    }
}

/// A rule that a request broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The request's number, from 0, among all that came to this judge.
    pub request: u64,
    /// The rule, a short fixed word.
    pub rule: &'static str,
    /// The series, stream or header, and what is wrong with it.
    pub what: String,
}

/// A sample or line that had been stored before, equal in everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The request's number, as in [`Violation`].
    pub request: u64,
    /// The series or stream.
    pub of: String,
    /// Its time, in milliseconds for samples and nanoseconds for lines.
    pub time: i64,
}

/// See the [module](self). It is a [`Recorder`] of what it let pass.
#[derive(Debug, Default)]
pub struct Strict {
    rules: Rules,
    recorder: Recorder,
    judge: Mutex<Judge>,
}

#[derive(Debug, Default)]
struct Judge {
    requests: u64,
    samples: remote_write::Newest,
    lines: loki::Seen,
    violations: Vec<Violation>,
    duplicates: Vec<Duplicate>,
}

/// One broken rule, before it is known which request it is in.
#[derive(Debug)]
struct Broken {
    status: u16,
    rule: &'static str,
    what: String,
}

impl Broken {
    fn new(rule: &'static str, what: impl Into<String>) -> Self {
        Self { status: 400, rule, what: what.into() }
    }
}

impl Strict {
    /// A judge by other rules than the default ones.
    pub fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Every rule that was broken, in the order of arrival.
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    /// Everything that came once more, in the order of arrival.
    pub fn duplicates(&self) -> Vec<Duplicate> {
        self.lock().duplicates.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Judge> {
        // a panic in here is a failed test
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Strict {
    type Target = Recorder;

    fn deref(&self) -> &Recorder {
        &self.recorder
    }
}

impl Judge {
    fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests - 1
    }

    /// Keeps what was broken; the answer to it.
    fn refuse(&mut self, request: u64, broken: Vec<Broken>, kept: usize) -> Result<(), Refusal> {
        let Some(first) = broken.first() else { return Ok(()) };
        // where several are wrong, the status that a sender should act on
        let status = broken.iter().map(|b| b.status).find(|s| *s != 400).unwrap_or(first.status);
        let refusal = Refusal { status, reason: format!("{}: {}", first.rule, first.what), kept };
        self.violations.extend(broken.into_iter().map(|b| Violation { request, rule: b.rule, what: b.what }));
        Err(refusal)
    }
}

impl Observer for Strict {
    fn metrics(&self, headers: &HeaderMap, request: &WriteRequest) -> Result<(), Refusal> {
        let mut judge = self.lock();
        let number = judge.request();
        let mut broken = remote_write::headers(headers);
        let judged = judge.samples.judge(&self.rules, request, &mut broken);
        if !broken.is_empty() {
            return judge.refuse(number, broken, 0);
        }
        let duplicates = judge.samples.accept(judged);
        judge.duplicates.extend(duplicates.iter().map(|(of, time)| Duplicate {
            request: number,
            of: of.clone(),
            time: *time,
        }));
        // still locked, so that the recorder's order is the judge's
        self.recorder.metrics(headers, &remote_write::without(request, &duplicates))
    }

    fn described(&self, series: &TimeSeries, metadata: &SeriesMetadata) {
        self.recorder.described(series, metadata);
    }

    fn logs(&self, headers: &HeaderMap, request: &PushRequest) -> Result<(), Refusal> {
        let mut judge = self.lock();
        let number = judge.request();
        let mut broken = vec![];
        let kept = judge.lines.judge(&self.rules, headers, request, &mut broken);
        judge.duplicates.extend(kept.duplicates.into_iter().map(|(of, time)| Duplicate { request: number, of, time }));
        let lines = kept.request.streams.iter().map(|s| s.entries.len()).sum();
        if !kept.request.streams.is_empty() || broken.is_empty() {
            self.recorder.logs(headers, &kept.request)?;
        }
        judge.refuse(number, broken, lines)
    }
}

#[cfg(test)]
mod tests;
