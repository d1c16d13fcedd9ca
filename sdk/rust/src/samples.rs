//! The interface `samples`: deciding by values.

use crate::columns::{Eights, eights, i64_at};
use crate::edit::{Interner, LabelEdit, LabelOps, Ops};
use crate::labels::{Labels, Sets, Symbol, Text};
use crate::{Error, Plugin};
use std::cell::RefCell;

/// Looks at every batch of samples.
pub trait Samples: Plugin {
    /// What [`Samples::process`] reads besides values; by default nothing.
    fn wants(&self) -> SamplesWanted {
        SamplesWanted::default()
    }

    /// Looks at a batch, by way of its rows. What is not touched goes on as it is.
    ///
    /// State that is kept here is that of one instance; weir may run several of them side by side.
    ///
    /// # Errors
    /// An error is a failed call: weir's failure policy for the plugin decides about all rows.
    fn process(&mut self, batch: &SamplesBatch<'_>) -> Result<(), Error>;
}

/// What a plugin reads of samples. Values and kinds are always there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamplesWanted {
    /// Labels of the series.
    pub labels: Labels,
    /// Whether timestamps are read.
    pub timestamps: bool,
    /// Whether start timestamps are read.
    pub start_timestamps: bool,
}

/// What a sample is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    #[default]
    Float,
    /// A native histogram: it can be dropped or relabelled, but has no single value.
    Histogram,
    /// A mark by a pusher that the series has ended.
    Stale,
}

/// Samples, one a row, and the answer in the making.
#[derive(Debug)]
pub struct SamplesBatch<'a> {
    columns: SampleColumns<'a>,
    answer: Answer,
}

/// The contract's `batch`, borrowed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SampleColumns<'a> {
    pub(crate) rows: u32,
    pub(crate) sets: Sets<'a>,
    pub(crate) kinds: &'a [u8],
    timestamps: Eights<'a>,
    start_timestamps: Eights<'a>,
    values: Eights<'a>,
}

impl<'a> SampleColumns<'a> {
    pub(crate) fn new(rows: u32, sets: Sets<'a>, kinds: &'a [u8], values: &'a [u8]) -> Self {
        Self { rows, sets, kinds, values: eights(values), ..Self::default() }
    }

    pub(crate) fn times(mut self, timestamps: &'a [u8], start_timestamps: &'a [u8]) -> Self {
        (self.timestamps, self.start_timestamps) = (eights(timestamps), eights(start_timestamps));
        self
    }
}

#[derive(Debug)]
struct Answer {
    strings: RefCell<Interner>,
    dropped: RefCell<Ops<1>>,
    labels: RefCell<LabelOps>,
    changed: RefCell<(Ops<1>, Vec<f64>)>,
}

/// The contract's `patch`.
#[derive(Debug, Default)]
pub(crate) struct Patch {
    pub(crate) dropped: Vec<u8>,
    pub(crate) labels: Option<LabelEdit>,
    pub(crate) changed: Vec<u8>,
    pub(crate) values: Vec<u8>,
}

impl<'a> SamplesBatch<'a> {
    pub(crate) fn new(columns: SampleColumns<'a>) -> Self {
        let strings = RefCell::new(Interner::new(columns.sets.strings.len()));
        let (dropped, labels, changed) = Default::default();
        Self { columns, answer: Answer { strings, dropped, labels, changed } }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.columns.rows as usize
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.columns.rows == 0
    }

    /// All rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = SampleRow<'a, '_>> {
        (0..self.columns.rows).map(|index| SampleRow { batch: self, index })
    }

    /// Looks up a label name or value once, for use on many rows.
    pub fn symbol(&self, text: &str) -> Symbol<'_> {
        self.columns.sets.symbol(text, &self.answer.strings)
    }

    /// The names and values of all labels, each once: what has to be done with every string is best done here.
    /// [`SampleRow::symbols`] says which of them a row has.
    pub fn strings(&self) -> impl ExactSizeIterator<Item = &'a str> {
        let strings = self.columns.sets.strings;
        (0..strings.len()).map(move |i| strings.get(i))
    }

    /// The rows whose label `name` has a value that passes; a row without the label passes as the empty value. Each
    /// distinct value is looked at once: this is the fast way to match a pattern.
    pub fn having(&self, name: &str, passes: impl FnMut(&str) -> bool) -> impl Iterator<Item = SampleRow<'a, '_>> {
        let hits = self.columns.sets.having(self.columns.rows, name, passes);
        self.rows().zip(hits).filter_map(|(row, hit)| hit.then_some(row))
    }

    /// The answer; `None` where nothing changes.
    pub(crate) fn finish(self) -> Option<Patch> {
        let Answer { strings, dropped, labels, changed } = self.answer;
        let (rows, values) = changed.into_inner();
        let values: Vec<u8> = match rows.last_of_each() {
            None => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Some(order) => order.iter().filter_map(|i| values.get(*i)).flat_map(|v| v.to_le_bytes()).collect(),
        };
        let labels = labels.into_inner().finish(&strings.into_inner());
        let (dropped, changed) = (dropped.into_inner().finish_distinct(), rows.finish_distinct());
        let untouched = dropped.is_empty() && changed.is_empty() && labels.is_none();
        (!untouched).then_some(Patch { dropped, labels, changed, values })
    }
}

/// One sample. Reading shows it as it came, not what was changed since.
#[derive(Clone, Copy, Debug)]
pub struct SampleRow<'a, 'b> {
    batch: &'b SamplesBatch<'a>,
    index: u32,
}

impl<'a> SampleRow<'a, '_> {
    /// The row's place in the batch.
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// The value of a label of the series, if it has it and the plugin wants it.
    pub fn label(&self, name: impl Text) -> Option<&'a str> {
        self.batch.columns.sets.label(self.index, name)
    }

    /// The labels that the plugin wants, by ascending name.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.batch.columns.sets.labels(self.index)
    }

    /// The same as places in [`SamplesBatch::strings`], of name and value.
    pub fn symbols(&self) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        self.batch.columns.sets.symbols(self.index)
    }

    /// What the sample is.
    pub fn kind(&self) -> Kind {
        match self.batch.columns.kinds.get(self.index()) {
            None | Some(0) => Kind::Float,
            Some(1) => Kind::Histogram,
            Some(_) => Kind::Stale,
        }
    }

    /// The value of a float; `None` for any other kind.
    pub fn value(&self) -> Option<f64> {
        let value = self.batch.columns.values.get(self.index())?;
        (self.kind() == Kind::Float).then(|| f64::from_le_bytes(*value))
    }

    /// When it was taken, in milliseconds since the epoch; 0 unless the plugin wants timestamps.
    pub fn timestamp(&self) -> i64 {
        i64_at(self.batch.columns.timestamps, self.index())
    }

    /// When its counter began, in milliseconds since the epoch; 0 where it is not known or not wanted.
    pub fn start_timestamp(&self) -> i64 {
        i64_at(self.batch.columns.start_timestamps, self.index())
    }

    /// Drops the sample. Other changes to it then mean nothing.
    pub fn drop(&self) {
        self.batch.answer.dropped.borrow_mut().push([self.index]);
    }

    /// Gives a float another value; does nothing to other kinds, which have none.
    pub fn set_value(&self, value: f64) {
        if self.kind() == Kind::Float {
            let mut changed = self.batch.answer.changed.borrow_mut();
            changed.0.push([self.index]);
            changed.1.push(value);
        }
    }

    /// Sets a label of this sample's series, in place of one of that name. An empty value removes it.
    pub fn set(&self, name: impl Text, value: impl Text) {
        let answer = &self.batch.answer;
        let mut strings = answer.strings.borrow_mut();
        let (name, value) = (name.index(&mut strings), value.index(&mut strings));
        answer.labels.borrow_mut().set(self.index, name, value);
    }

    /// Removes a label, if the series has it (wanted or not).
    pub fn remove(&self, name: impl Text) {
        let answer = &self.batch.answer;
        let mut strings = answer.strings.borrow_mut();
        let name = name.index(&mut strings);
        answer.labels.borrow_mut().remove(self.index, name, &mut strings);
    }
}
