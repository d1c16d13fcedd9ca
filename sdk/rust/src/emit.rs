//! New samples and lines, from [`crate::Series::relabel`], [`crate::Samples::process`], [`crate::Logs::process`] and
//! [`crate::Tick::tick`].
//!
//! ```
//! use weir_sdk::emit;
//!
//! emit::samples(|samples| {
//!     for (level, count) in [("info", 12.0), ("error", 3.0)] {
//!         samples.add("app_lines_total", &[("level", level)], count);
//!     }
//! })?;
//! emit::lines(|lines| lines.add(&[("job", "audit")], "3 errors"))?;
//! # Ok::<(), weir_sdk::Error>(())
//! ```
//!
//! What is emitted goes on once the call has succeeded, as if it came from a source `plugin.NAME`: into every pipeline that takes from
//! it, and there behind this plugin. One call with many records is what is fast.

use crate::columns::Table;
use std::fmt;

/// Why nothing was taken. weir counts and logs it as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A metric name, label name or label is not legal; the words say which.
    Malformed(String),
    /// More than the plugin may emit now. Whoever counts up can go on: the next emission says the sum.
    OverBudget,
    /// There is no emitting from [`crate::Plugin::new`], `wants` and [`crate::Tick::interval`].
    NotNow,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "refused what was emitted: {why}"),
            Self::OverBudget => f.write_str("more was emitted than the plugin may emit now"),
            Self::NotNow => f.write_str("there is no emitting from here"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Emits the samples that `fill` adds: all of them or, with an error, none.
///
/// # Errors
/// [`Refusal`], with nothing emitted.
pub fn samples(fill: impl FnOnce(&mut Samples)) -> Result<(), Refusal> {
    let mut samples = Samples::default();
    fill(&mut samples);
    if samples.rows == 0 {
        return Ok(());
    }
    backend::samples(samples.finish())
}

/// Emits the lines that `fill` adds: all of them or, with an error, none.
///
/// # Errors
/// [`Refusal`], with nothing emitted.
pub fn lines(fill: impl FnOnce(&mut Lines)) -> Result<(), Refusal> {
    let mut lines = Lines::default();
    fill(&mut lines);
    if lines.rows == 0 {
        return Ok(());
    }
    backend::lines(lines.finish())
}

/// Samples to emit.
#[derive(Debug, Default)]
pub struct Samples {
    rows: u32,
    sets: Sets,
    values: Vec<u8>,
    /// Empty, or one for each.
    times: Vec<u8>,
}

/// Lines to emit.
#[derive(Debug, Default)]
pub struct Lines {
    rows: u32,
    sets: Sets,
    /// Empty, or one for each.
    times: Vec<u8>,
    /// Ends of the metadata's sets; empty as long as no line has any.
    metadata: Vec<u8>,
    metadata_pairs: Vec<u8>,
    text: Table,
}

impl Samples {
    /// Adds a sample of now. Series that are emitted so end when they are silent for five minutes, or the plugin is gone.
    pub fn add(&mut self, metric: &str, labels: &[(&str, &str)], value: f64) {
        self.push(metric, labels, value);
    }

    fn push(&mut self, metric: &str, labels: &[(&str, &str)], value: f64) {
        self.sets.pair("__name__", metric);
        self.sets.add(labels);
        self.values.extend_from_slice(&value.to_le_bytes());
        self.rows += 1;
    }

    fn finish(self) -> SampleColumns {
        let Self { rows, sets, values, times } = self;
        SampleColumns { rows, sets, values, times }
    }
}

/// Samples that each have a time of their own, in milliseconds since the epoch; ascending for each series. Such series get no marker
/// when they end.
///
/// # Errors
/// [`Refusal`], with nothing emitted.
pub fn samples_at(fill: impl FnOnce(&mut SamplesAt)) -> Result<(), Refusal> {
    let mut samples = SamplesAt::default();
    fill(&mut samples);
    if samples.0.rows == 0 {
        return Ok(());
    }
    backend::samples(samples.0.finish())
}

/// Samples to emit, with times of their own.
#[derive(Debug, Default)]
pub struct SamplesAt(Samples);

impl SamplesAt {
    /// Adds a sample of this time.
    pub fn add(&mut self, time: i64, metric: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push(metric, labels, value);
        self.0.times.extend_from_slice(&time.to_le_bytes());
    }
}

impl Lines {
    /// Adds a line of now to the stream of these labels.
    pub fn add(&mut self, stream: &[(&str, &str)], line: &str) {
        self.push(stream, line);
        if !self.metadata.is_empty() {
            self.end_metadata();
        }
    }

    /// Adds a line with structured metadata.
    pub fn add_with(&mut self, stream: &[(&str, &str)], metadata: &[(&str, &str)], line: &str) {
        if self.metadata.is_empty() {
            // the lines before this one have none
            self.metadata.resize(self.rows as usize * 4, 0);
        }
        self.push(stream, line);
        for (name, value) in metadata {
            let pair = self.sets.symbols_of(name, value);
            self.metadata_pairs.extend_from_slice(&pair);
        }
        self.end_metadata();
    }

    fn push(&mut self, stream: &[(&str, &str)], line: &str) {
        self.sets.add(stream);
        self.text.push(line);
        self.rows += 1;
    }

    fn end_metadata(&mut self) {
        self.metadata.extend_from_slice(&((self.metadata_pairs.len() / 8) as u32).to_le_bytes());
    }

    fn finish(self) -> LineColumns {
        let Self { rows, sets, times, metadata, metadata_pairs, text } = self;
        LineColumns { rows, sets, times, metadata_pairs, metadata_ends: metadata, text }
    }
}

/// Lines that each have a time of their own, in nanoseconds since the epoch.
///
/// # Errors
/// [`Refusal`], with nothing emitted.
pub fn lines_at(fill: impl FnOnce(&mut LinesAt)) -> Result<(), Refusal> {
    let mut lines = LinesAt::default();
    fill(&mut lines);
    if lines.0.rows == 0 {
        return Ok(());
    }
    backend::lines(lines.0.finish())
}

/// Lines to emit, with times of their own.
#[derive(Debug, Default)]
pub struct LinesAt(Lines);

impl LinesAt {
    /// Adds a line of this time to the stream of these labels.
    pub fn add(&mut self, time: i64, stream: &[(&str, &str)], line: &str) {
        self.0.add(stream, line);
        self.0.times.extend_from_slice(&time.to_le_bytes());
    }

    /// Adds a line of this time with structured metadata.
    pub fn add_with(&mut self, time: i64, stream: &[(&str, &str)], metadata: &[(&str, &str)], line: &str) {
        self.0.add_with(stream, metadata, line);
        self.0.times.extend_from_slice(&time.to_le_bytes());
    }
}

/// The contract's `sample-columns`.
pub(crate) struct SampleColumns {
    pub(crate) rows: u32,
    pub(crate) sets: Sets,
    pub(crate) values: Vec<u8>,
    pub(crate) times: Vec<u8>,
}

/// The contract's `line-columns`.
pub(crate) struct LineColumns {
    pub(crate) rows: u32,
    pub(crate) sets: Sets,
    pub(crate) times: Vec<u8>,
    pub(crate) metadata_pairs: Vec<u8>,
    pub(crate) metadata_ends: Vec<u8>,
    pub(crate) text: Table,
}

/// Label sets in the making. A label is mostly that of the set before at the same place, or has at least its name: both are looked
/// at there. Names are else looked for among the first few; values are written, for finding one again costs more than its bytes.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    pub(crate) symbols: Table,
    pub(crate) pairs: Vec<u8>,
    pub(crate) ends: Vec<u8>,
    /// The symbols of names, few.
    names: Vec<u32>,
    /// Which of them is looked at first: metadata has the same names in the same order.
    next: usize,
    /// Where the pairs of the set before and of the one in the making begin.
    begins: [usize; 2],
}

/// How many names are looked for before one is written again.
const MAX_NAMES: usize = 16;

impl Sets {
    fn pair(&mut self, name: &str, value: &str) {
        let (mut known_name, mut known_value) = (None, None);
        if let Some((of_name, of_value)) = self.before() {
            known_name = self.symbols.is_at(of_name, name).then_some(of_name);
            known_value = self.symbols.is_at(of_value, value).then_some(of_value);
        }
        let name = known_name.unwrap_or_else(|| self.name(name));
        let value = known_value.unwrap_or_else(|| self.push(value));
        self.pairs.extend_from_slice(&as_pair(name, value));
    }

    /// The pair at this place in the set before.
    fn before(&self) -> Option<(u32, u32)> {
        let [before, begin] = self.begins;
        let at = before + (self.pairs.len() - begin);
        let pair = self.pairs.get(..begin)?.get(at..)?.first_chunk::<8>()?;
        let pair = u64::from_le_bytes(*pair);
        Some((pair as u32, (pair >> 32) as u32))
    }

    /// The rest of a set; then it ends.
    fn add(&mut self, labels: &[(&str, &str)]) {
        for (name, value) in labels {
            self.pair(name, value);
        }
        self.ends.extend_from_slice(&((self.pairs.len() / 8) as u32).to_le_bytes());
        self.begins = [self.begins[1], self.pairs.len()];
    }

    /// Both symbols as the column has them.
    fn symbols_of(&mut self, name: &str, value: &str) -> [u8; 8] {
        let name = self.name(name);
        as_pair(name, self.push(value))
    }

    fn name(&mut self, name: &str) -> u32 {
        let is_it = |symbol: &u32| self.symbols.is_at(*symbol, name);
        let guessed = self.names.get(self.next).is_some_and(is_it);
        let at = if guessed { Some(self.next) } else { self.names.iter().position(is_it) };
        let known = at.and_then(|at| self.names.get(at)).copied();
        let symbol = known.unwrap_or_else(|| {
            let symbol = self.push(name);
            if self.names.len() < MAX_NAMES {
                self.names.push(symbol);
            }
            symbol
        });
        self.next = at.map_or(0, |at| at + 1) % self.names.len().max(1);
        symbol
    }

    fn push(&mut self, text: &str) -> u32 {
        self.symbols.push(text);
        self.symbols.len() as u32 - 1
    }
}

fn as_pair(name: u32, value: u32) -> [u8; 8] {
    (u64::from(value) << 32 | u64::from(name)).to_le_bytes()
}

#[cfg(target_family = "wasm")]
use crate::component::emit as backend;
#[cfg(not(target_family = "wasm"))]
use crate::testing::emit as backend;

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::testing::{Line, Sample, emitted_lines, emitted_samples, labels};

    #[test]
    fn what_is_added_is_emitted_whole_or_not_at_all() {
        samples(|s| {
            s.add("a_total", &[("job", "x")], 1.0);
            s.add("b_total", &[("job", "y"), ("kind", "")], 2.0);
        })
        .unwrap();
        samples_at(|s| s.add(7, "c", &[], 3.0)).unwrap();
        assert_eq!(
            emitted_samples(),
            [
                Sample::new(labels([("__name__", "a_total"), ("job", "x")]), 1.0),
                Sample::new(labels([("__name__", "b_total"), ("job", "y")]), 2.0),
                Sample::new(labels([("__name__", "c")]), 3.0).at(7),
            ]
        );
        let refused = samples(|s| s.add("", &[("job", "x")], 1.0)).unwrap_err();
        assert!(matches!(refused, Refusal::Malformed(_)) && emitted_samples().is_empty());
    }

    #[test]
    fn lines_may_have_metadata() {
        lines(|l| {
            l.add(&[("job", "x")], "one");
            l.add_with(&[("job", "x")], &[("trace", "1")], "two");
            l.add(&[("job", "y")], "three");
        })
        .unwrap();
        assert_eq!(
            emitted_lines(),
            [
                Line::new("one").label("job", "x"),
                Line::new("two").label("job", "x").metadata("trace", "1"),
                Line::new("three").label("job", "y"),
            ]
        );
        lines_at(|l| {
            l.add(7, &[("job", "x")], "four");
            l.add_with(8, &[("job", "x")], &[("trace", "1")], "five");
        })
        .unwrap();
        let times: Vec<i64> = emitted_lines().iter().map(|line| line.timestamp).collect();
        assert_eq!(times, [7, 8]);
    }
}
