//! The interface `logs`: deciding by the text of lines.

use crate::columns::{Eights, Strings, Table, eights, i64_at, span};
use crate::edit::{Interner, LabelEdit, LabelOps, Ops, reorder};
use crate::labels::{Labels, Sets, Symbol, Text};
use crate::{Error, Plugin};
use std::cell::RefCell;
use std::ops::Range;

/// Looks at every batch of log lines.
pub trait Logs: Plugin {
    /// What [`Logs::process`] reads; by default the lines alone.
    fn wants(&self) -> LogsWanted {
        LogsWanted { lines: true, ..LogsWanted::default() }
    }

    /// Looks at a batch, by way of its rows. What is not touched goes on as it is.
    ///
    /// State that is kept here is that of one instance; weir may run several of them side by side.
    ///
    /// # Errors
    /// An error is a failed call: weir's failure policy for the plugin decides about all lines.
    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error>;
}

/// What a plugin reads of log lines. The default is nothing at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogsWanted {
    /// Labels of the streams.
    pub labels: Labels,
    /// Labels of the structured metadata.
    pub metadata: Labels,
    /// Whether timestamps are read.
    pub timestamps: bool,
    /// Whether the text of the lines is read.
    pub lines: bool,
}

/// Lines, one a row, and the answer in the making.
#[derive(Debug)]
pub struct LogsBatch<'a> {
    columns: LogColumns<'a>,
    answer: Answer,
}

/// The contract's `batch`, borrowed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogColumns<'a> {
    pub(crate) rows: u32,
    pub(crate) sets: Sets<'a>,
    pub(crate) metadata: Sets<'a>,
    timestamps: Eights<'a>,
    lines: Strings<'a>,
}

impl<'a> LogColumns<'a> {
    pub(crate) fn new(rows: u32, sets: Sets<'a>, metadata: Sets<'a>, timestamps: &'a [u8], lines: Strings<'a>) -> Self {
        Self { rows, sets, metadata, timestamps: eights(timestamps), lines }
    }
}

#[derive(Debug)]
struct Answer {
    strings: RefCell<Interner>,
    dropped: RefCell<Ops<1>>,
    labels: RefCell<LabelOps>,
    metadata: RefCell<LabelOps>,
    times: RefCell<(Ops<1>, Vec<i64>)>,
    changed: RefCell<(Ops<1>, Table)>,
}

/// The contract's `patch`.
#[derive(Debug, Default)]
pub(crate) struct Patch {
    pub(crate) dropped: Vec<u8>,
    pub(crate) labels: Option<LabelEdit>,
    pub(crate) metadata: Option<LabelEdit>,
    /// Rows and their times, in bytes.
    pub(crate) times: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) changed: Vec<u8>,
    pub(crate) lines: Table,
}

impl<'a> LogsBatch<'a> {
    pub(crate) fn new(columns: LogColumns<'a>) -> Self {
        let strings = RefCell::new(Interner::new(columns.sets.strings.len()));
        let (dropped, labels, metadata, times, changed) = Default::default();
        Self { columns, answer: Answer { strings, dropped, labels, metadata, times, changed } }
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
    pub fn rows(&self) -> impl ExactSizeIterator<Item = LogRow<'a, '_>> {
        (0..self.columns.rows).map(|index| LogRow { batch: self, index })
    }

    /// One row; `None` past the last.
    pub fn row(&self, index: usize) -> Option<LogRow<'a, '_>> {
        (index < self.len()).then_some(LogRow { batch: self, index: index as u32 })
    }

    /// Looks up a label name or value once, for use on many rows.
    pub fn symbol(&self, text: &str) -> Symbol<'_> {
        self.columns.sets.symbol(text, &self.answer.strings)
    }

    /// The rows whose stream label `name` has a value that passes; a row without the label passes as the empty value.
    /// Each distinct value is looked at once: this is the fast way to match a pattern.
    pub fn having(&self, name: &str, passes: impl FnMut(&str) -> bool) -> impl Iterator<Item = LogRow<'a, '_>> {
        let hits = self.columns.sets.having(self.columns.rows, name, passes);
        self.rows().zip(hits).filter_map(|(row, hit)| hit.then_some(row))
    }

    /// All lines end to end, with nothing between them: searching it once is faster than searching every line. What is
    /// found may reach over the end of a line; [`LogRow::range`] tells.
    pub fn text(&self) -> &'a str {
        self.columns.lines.text
    }

    /// The answer; `None` where nothing changes.
    pub(crate) fn finish(self) -> Option<Patch> {
        let Answer { strings, dropped, labels, metadata, times, changed } = self.answer;
        let strings = strings.into_inner();
        let (labels, metadata) = (labels.into_inner().finish(&strings), metadata.into_inner().finish(&strings));
        let (rows, lines) = changed.into_inner();
        let lines = match rows.last_of_each() {
            None => lines,
            Some(order) => reorder(lines.strings(), &order),
        };
        let (dropped, changed) = (dropped.into_inner().finish_distinct(), rows.finish_distinct());
        let times = finish_times(times.into_inner());
        let untouched =
            dropped.is_empty() && changed.is_empty() && labels.is_none() && metadata.is_none() && times.is_none();
        (!untouched).then_some(Patch { dropped, labels, metadata, times, changed, lines })
    }
}

fn finish_times((rows, times): (Ops<1>, Vec<i64>)) -> Option<(Vec<u8>, Vec<u8>)> {
    if rows.is_empty() {
        return None;
    }
    let order = rows.last_of_each().unwrap_or_else(|| (0..rows.len()).collect());
    let times = order.iter().filter_map(|i| times.get(*i)).flat_map(|t| t.to_le_bytes()).collect();
    Some((rows.finish_distinct(), times))
}

/// One line. Reading shows it as it came, not what was changed since.
#[derive(Clone, Copy, Debug)]
pub struct LogRow<'a, 'b> {
    batch: &'b LogsBatch<'a>,
    index: u32,
}

impl<'a> LogRow<'a, '_> {
    /// The row's place in the batch.
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// The text, without its line end; empty unless the plugin wants lines.
    pub fn line(&self) -> &'a str {
        self.batch.columns.lines.get(self.index())
    }

    /// Where the line stands in [`LogsBatch::text`].
    pub fn range(&self) -> Range<usize> {
        let (start, end) = span(self.batch.columns.lines.ends, self.index());
        start..end
    }

    /// The value of a stream label, if the stream has it and the plugin wants it.
    pub fn label(&self, name: impl Text) -> Option<&'a str> {
        self.batch.columns.sets.label(self.index, name)
    }

    /// The stream labels that the plugin wants, by ascending name.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.batch.columns.sets.labels(self.index)
    }

    /// The value of a label of the structured metadata, if the line has it and the plugin wants it.
    pub fn metadata(&self, name: impl Text) -> Option<&'a str> {
        self.batch.columns.metadata.label(self.index, name)
    }

    /// The structured metadata that the plugin wants, by ascending name.
    pub fn metadata_labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.batch.columns.metadata.labels(self.index)
    }

    /// The line's time, in nanoseconds since the epoch; 0 unless the plugin wants timestamps.
    pub fn timestamp(&self) -> i64 {
        i64_at(self.batch.columns.timestamps, self.index())
    }

    /// Drops the line. Other changes to it then mean nothing.
    pub fn drop(&self) {
        self.batch.answer.dropped.borrow_mut().push([self.index]);
    }

    /// Gives the line another text.
    pub fn set_line(&self, text: &str) {
        self.set_line_parts([text]);
    }

    /// Gives the line a text of several parts, without joining them first.
    pub fn set_line_parts<'t>(&self, parts: impl IntoIterator<Item = &'t str>) {
        let mut changed = self.batch.answer.changed.borrow_mut();
        changed.0.push([self.index]);
        changed.1.text.extend(parts);
        changed.1.close();
    }

    /// Gives the line another time, in nanoseconds since the epoch.
    pub fn set_timestamp(&self, nanoseconds: i64) {
        let mut times = self.batch.answer.times.borrow_mut();
        times.0.push([self.index]);
        times.1.push(nanoseconds);
    }

    /// Sets a label of this line's stream, in place of one of that name. An empty value removes it. Lines with different
    /// labels are different streams from there on.
    pub fn set(&self, name: impl Text, value: impl Text) {
        self.assign(&self.batch.answer.labels, name, value);
    }

    /// Removes a stream label, if the stream has it (wanted or not).
    pub fn remove(&self, name: impl Text) {
        self.unassign(&self.batch.answer.labels, name);
    }

    /// Sets a label of the line's structured metadata, in place of one of that name. An empty value removes it.
    pub fn set_metadata(&self, name: impl Text, value: impl Text) {
        self.assign(&self.batch.answer.metadata, name, value);
    }

    /// Removes a label of the structured metadata, if the line has it (wanted or not).
    pub fn remove_metadata(&self, name: impl Text) {
        self.unassign(&self.batch.answer.metadata, name);
    }

    fn assign(&self, ops: &RefCell<LabelOps>, name: impl Text, value: impl Text) {
        let mut strings = self.batch.answer.strings.borrow_mut();
        let (name, value) = (name.index(&mut strings), value.index(&mut strings));
        ops.borrow_mut().set(self.index, name, value);
    }

    fn unassign(&self, ops: &RefCell<LabelOps>, name: impl Text) {
        let mut strings = self.batch.answer.strings.borrow_mut();
        let name = name.index(&mut strings);
        ops.borrow_mut().remove(self.index, name, &mut strings);
    }
}
