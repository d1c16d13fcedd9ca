//! A plugin as the pipeline sees it: columns in, checked edits out.
//!
//! The columns are those of the contract (`wit/`), in native types. Whoever implements [`Guest`] has checked every index,
//! length and order of an answer against the batch before handing it on; what an edit *leads to* (a series without a
//! name, say) is the pipeline's to check.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use weir_model::LabelSet;

mod call;

pub use call::{Allowance, CallError, Interface, MAX_BYTES, MAX_ROWS, OnError, Outcome};

/// Strings end to end; string `i` ends at byte `ends[i]` of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// All strings, without separators.
    pub text: String,
    /// Where each string ends, in bytes of `text`; ascending, on character boundaries.
    pub ends: Vec<u32>,
}

impl Symbols {
    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// String `i`, or `None` past the last.
    pub fn get(&self, i: usize) -> Option<&str> {
        self.text.get(self.range(i)?)
    }

    /// The bytes of string `i`, or `None` past the last: for comparing and copying, which need no look at where characters begin.
    #[inline]
    pub fn bytes(&self, i: u32) -> Option<&[u8]> {
        self.text.as_bytes().get(self.range(i as usize)?)
    }

    /// Appends a string and returns its index.
    pub fn push(&mut self, s: &str) -> u32 {
        self.text.push_str(s);
        self.ends.push(self.text.len() as u32);
        self.ends.len() as u32 - 1
    }

    /// Forgets all strings, keeping the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn range(&self, i: usize) -> Option<Range<usize>> {
        let start = if i == 0 { 0 } else { *self.ends.get(i - 1)? as usize };
        Some(start..*self.ends.get(i)? as usize)
    }
}

/// Label sets over a batch's symbols.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSets {
    /// (name, value) as symbol indexes, all sets end to end.
    pub pairs: Vec<[u32; 2]>,
    /// For each set, the index into `pairs` where it ends.
    pub ends: Vec<u32>,
}

impl LabelSets {
    /// Forgets all sets, keeping the memory.
    pub fn clear(&mut self) {
        self.pairs.clear();
        self.ends.clear();
    }
}

/// Which labels a guest reads, and so gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LabelsWanted {
    /// None: a batch has no sets at all.
    #[default]
    Nothing,
    /// All of them.
    Everything,
    /// Those of these names.
    Named(Vec<String>),
}

impl LabelsWanted {
    /// Whether a label of this name is wanted.
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Named(names) => names.iter().any(|n| n == name),
        }
    }
}

/// What a guest's `samples` interface reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamplesWanted {
    /// Labels of the series.
    pub labels: LabelsWanted,
    /// Whether it reads timestamps.
    pub timestamps: bool,
    /// Whether it reads start timestamps.
    pub start_timestamps: bool,
}

/// What a guest's `logs` interface reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogsWanted {
    /// Labels of the streams.
    pub labels: LabelsWanted,
    /// Labels of the structured metadata.
    pub metadata: LabelsWanted,
    /// Whether it reads timestamps.
    pub timestamps: bool,
    /// Whether it reads the lines.
    pub lines: bool,
}

/// The interfaces that a guest exports, with what each reads; fixed for the life of a [`Guest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// `series`, where exported.
    pub series: Option<LabelsWanted>,
    /// `samples`, where exported.
    pub samples: Option<SamplesWanted>,
    /// `logs`, where exported.
    pub logs: Option<LogsWanted>,
    /// How often `tick` is called, where exported.
    pub tick: Option<std::time::Duration>,
}

/// Label sets for a verdict each. At most [`MAX_ROWS`] sets and about [`MAX_BYTES`] of text.
#[derive(Clone, Debug, Default)]
pub struct SeriesBatch {
    /// How many sets there are (`sets` is empty where the guest wants no labels).
    pub rows: u32,
    /// The text of names and values.
    pub symbols: Symbols,
    /// One set a row.
    pub sets: LabelSets,
}

/// Samples, column by column. Columns that the guest does not want are empty.
#[derive(Clone, Debug, Default)]
pub struct SamplesBatch {
    /// How many rows there are.
    pub rows: u32,
    /// The text of names and values.
    pub symbols: Symbols,
    /// The label sets.
    pub sets: LabelSets,
    /// For each row its set; empty where row i has set i.
    pub set_of_row: Vec<u32>,
    /// 0 a float, 1 a native histogram, 2 a stale marker that was received.
    pub kinds: Vec<u8>,
    /// Milliseconds since the epoch.
    pub timestamps: Vec<i64>,
    /// Milliseconds since the epoch; 0 is unknown.
    pub start_timestamps: Vec<i64>,
    /// The values.
    pub values: Vec<f64>,
}

/// Lines, column by column, borrowed where the batch has them ready. Columns that the guest does not want are empty.
#[derive(Clone, Copy, Debug)]
pub struct LogsBatch<'a> {
    /// How many lines there are.
    pub rows: u32,
    /// The text of label and metadata names and values.
    pub symbols: &'a Symbols,
    /// One set a stream.
    pub sets: &'a LabelSets,
    /// For each line its stream's set; empty where line i has set i.
    pub set_of_row: &'a [u32],
    /// One set a line, or none at all.
    pub metadata: &'a LabelSets,
    /// Nanoseconds since the epoch.
    pub timestamps: &'a [i64],
    /// All lines end to end.
    pub lines: &'a str,
    /// Where each line ends in `lines`.
    pub line_ends: &'a [u32],
}

/// Changes to label sets. Checked: rows ascend and are below the batch's, symbols are below those of the batch and
/// `added` together, names are label names, values contain no unknown symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelEdit {
    /// Strings whose indexes follow those of the batch.
    pub added: Symbols,
    /// (row, name, value), after all removals of the row.
    pub assigned: Vec<[u32; 3]>,
    /// (row, name).
    pub removed: Vec<[u32; 2]>,
}

/// Samples that a call has emitted. Checked: every set is a series' with a legal name, and columns have one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmittedSamples {
    /// The series' labels in canonical form, end to end.
    pub labels: Vec<u8>,
    /// Where each set ends in `labels`.
    pub label_ends: Vec<u32>,
    /// For each row its set; empty where row i has set i.
    pub set_of_row: Vec<u32>,
    /// Milliseconds since the epoch; empty: those of the host's clock.
    pub timestamps: Vec<i64>,
    /// The values; never a staleness marker.
    pub values: Vec<f64>,
}

impl EmittedSamples {
    /// How many bytes they have as they are held: labels written out, values, times.
    pub fn bytes(&self) -> usize {
        self.labels.len() + size_of_val(self.values.as_slice()) + size_of_val(self.timestamps.as_slice())
    }
}

/// Lines that a call has emitted. Checked, as the columns of a [`weir_model::LogBatch`], of which these are the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmittedLines {
    /// The streams' labels, at least one each.
    pub streams: Vec<LabelSet>,
    /// For each line its stream; empty where all are of the first.
    pub stream_of_line: Vec<u32>,
    /// Nanoseconds since the epoch; empty: those of the host's clock.
    pub times: Vec<i64>,
    /// All lines end to end.
    pub text: String,
    /// Where each line ends.
    pub ends: Vec<u32>,
    /// For each line its structured metadata; empty where none has any.
    pub metadata: Vec<LabelSet>,
}

impl EmittedLines {
    /// How many bytes they have as they are held: labels and metadata written out, texts, times.
    pub fn bytes(&self) -> usize {
        let labels = self.streams.iter().chain(&self.metadata).map(|set| set.as_labels().as_bytes().len());
        labels.sum::<usize>() + self.text.len() + size_of_val(self.times.as_slice())
    }
}

/// All that one call has emitted. It counts once the call's answer is accepted ([`Guest::emit`]); dropped before, it never was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Emission {
    /// Samples, an item for each time that the guest emitted some.
    pub samples: Vec<EmittedSamples>,
    /// Lines, likewise.
    pub lines: Vec<EmittedLines>,
    /// Samples that were refused, because the guest emitted too much.
    pub samples_over_budget: u64,
    /// Lines that were refused for that.
    pub lines_over_budget: u64,
    /// How many series of its the guest may have alive.
    pub most_series: usize,
}

impl Emission {
    /// Whether there is nothing to hand on or to count.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.lines.is_empty() && self.samples_over_budget + self.lines_over_budget == 0
    }
}

/// Takes what plugins emit.
pub trait Emitter: Send + Sync {
    /// A call of `plugin` that counts has emitted this. Must not block.
    fn emit(&self, plugin: &str, emission: Emission);
}

/// The answer of `series`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdicts {
    /// Rows that end here, ascending.
    pub dropped: Vec<u32>,
    /// Changes to the sets of the others.
    pub labels: Option<LabelEdit>,
    /// What the call has emitted.
    pub emitted: Emission,
}

/// The answer of `samples`; the default changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SamplesEdit {
    /// Rows that end here, ascending.
    pub dropped: Vec<u32>,
    /// Changes to the label sets of rows.
    pub labels: Option<LabelEdit>,
    /// Rows with a new value, ascending; only rows of kind 0.
    pub changed: Vec<u32>,
    /// Their values, as many as `changed`.
    pub values: Vec<f64>,
    /// What the call has emitted.
    pub emitted: Emission,
}

/// The answer of `logs`; the default changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogsEdit {
    /// Lines that end here, ascending.
    pub dropped: Vec<u32>,
    /// Changes to the stream labels of lines.
    pub labels: Option<LabelEdit>,
    /// Changes to the structured metadata of lines.
    pub metadata: Option<LabelEdit>,
    /// (line, nanoseconds since the epoch), ascending.
    pub times: Vec<(u32, i64)>,
    /// Lines with new text, ascending.
    pub changed: Vec<u32>,
    /// Their texts, as many as `changed`.
    pub lines: Symbols,
    /// What the call has emitted.
    pub emitted: Emission,
}

/// One loaded version of a plugin with one configuration. Calls may come from several threads at once.
pub trait Guest: Send + Sync {
    /// The guest as one pipeline calls it, where it has an instance for each pipeline; `None`: all share it. The same for the
    /// same pipeline as long as somebody holds it; once nobody does, no call comes any more.
    fn in_pipeline(&self, pipeline: &str) -> Option<Arc<dyn Guest>> {
        let _ = pipeline;
        None
    }

    /// The answer of a call was accepted: what the call has emitted counts.
    fn emit(&self, emission: Emission) {
        let _ = emission;
    }

    /// The plugin's name: its file's, without the ending.
    fn name(&self) -> &str;

    /// Which interfaces it has and what they read.
    fn wants(&self) -> &Wants;

    /// How often the guest has said that its verdicts no longer hold: what was kept before a change of this number is asked again.
    fn forgotten(&self) -> u64 {
        0
    }

    /// What becomes of the records of a failed call.
    fn on_error(&self) -> OnError;

    /// How much processor time one call may take.
    fn time_limit(&self) -> Duration;

    /// Verdicts on label sets. After the last of the calls that a batch takes, [`settled`](Self::settled).
    fn try_relabel(&self, batch: &SeriesBatch, time: &mut Allowance) -> Result<Verdicts, CallError>;

    /// Edits to samples; as above.
    fn try_samples(&self, batch: &SamplesBatch, time: &mut Allowance) -> Result<SamplesEdit, CallError>;

    /// Edits to lines; as above.
    fn try_logs(&self, batch: &LogsBatch<'_>, time: &mut Allowance) -> Result<LogsEdit, CallError>;

    /// How a batch came out: what the guest's host judges the guest by, and logs.
    fn settled(&self, outcome: &Outcome<'_>);

    /// The pipeline found that an answer leads to something that must not be (a series without a name): the guest is to
    /// count it like an answer against the contract.
    fn reject(&self);
}

/// Batches that go whole or not at all, for whoever has no pipeline.
impl dyn Guest + '_ {
    /// Verdicts on label sets.
    pub fn relabel(&self, batch: &SeriesBatch) -> Result<Verdicts, CallError> {
        self.whole(Interface::Series, batch.rows, |time| self.try_relabel(batch, time))
    }

    /// Edits to samples.
    pub fn samples(&self, batch: &SamplesBatch) -> Result<SamplesEdit, CallError> {
        self.whole(Interface::Samples, batch.rows, |time| self.try_samples(batch, time))
    }

    /// Edits to lines.
    pub fn logs(&self, batch: &LogsBatch<'_>) -> Result<LogsEdit, CallError> {
        self.whole(Interface::Logs, batch.rows, |time| self.try_logs(batch, time))
    }

    fn whole<T>(
        &self,
        interface: Interface,
        rows: u32,
        call: impl FnOnce(&mut Allowance) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let answer = call(&mut Allowance::whole(self.time_limit()));
        let (rows, error) = (rows as usize, answer.as_ref().err());
        let unserved = if error.is_some() { rows } else { 0 };
        self.settled(&Outcome { interface, rows, unserved, error });
        answer
    }
}
