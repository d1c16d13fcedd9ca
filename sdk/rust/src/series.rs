//! The interface `series`: deciding by labels alone.

use crate::edit::{Interner, LabelEdit, LabelOps, Ops};
use crate::labels::{Labels, Sets, Symbol, Text};
use crate::{Error, Plugin};
use std::cell::RefCell;

/// Decides which series (or log streams) go on, and with which labels.
///
/// weir asks once for every new label set and keeps the answer for as long as the series lives, so such a plugin costs
/// nothing in steady state. The answer must depend on the labels and the configuration alone.
pub trait Series: Plugin {
    /// Which labels [`Series::relabel`] reads.
    fn wants(&self) -> Labels;

    /// Decides on the label sets of a batch, by way of their rows. What is not touched goes on as it is.
    ///
    /// # Errors
    /// An error is a failed call: weir's failure policy for the plugin decides about all rows, and asks again later.
    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error>;
}

/// Label sets, one a row, and the answer in the making.
#[derive(Debug)]
pub struct SeriesBatch<'a> {
    rows: u32,
    sets: Sets<'a>,
    answer: Answer,
}

#[derive(Debug)]
struct Answer {
    strings: RefCell<Interner>,
    dropped: RefCell<Ops<1>>,
    labels: RefCell<LabelOps>,
}

/// The contract's `verdicts`.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    pub(crate) dropped: Vec<u8>,
    pub(crate) labels: Option<LabelEdit>,
}

impl<'a> SeriesBatch<'a> {
    pub(crate) fn new(rows: u32, sets: Sets<'a>) -> Self {
        let strings = RefCell::new(Interner::new(sets.strings.len()));
        let answer = Answer { strings, dropped: RefCell::default(), labels: RefCell::default() };
        Self { rows, sets, answer }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows as usize
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// All rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = SeriesRow<'a, '_>> {
        (0..self.rows).map(|index| SeriesRow { batch: self, index })
    }

    /// Looks up a label name or value once, for use on many rows.
    pub fn symbol(&self, text: &str) -> Symbol<'_> {
        self.sets.symbol(text, &self.answer.strings)
    }

    /// The rows whose label `name` has a value that passes; a row without the label passes as the empty value. Each
    /// distinct value is looked at once: this is the fast way to match a pattern.
    pub fn having(&self, name: &str, passes: impl FnMut(&str) -> bool) -> impl Iterator<Item = SeriesRow<'a, '_>> {
        let hits = self.sets.having(self.rows, name, passes);
        self.rows().zip(hits).filter_map(|(row, hit)| hit.then_some(row))
    }

    pub(crate) fn finish(self) -> Verdicts {
        let Answer { strings, dropped, labels } = self.answer;
        let labels = labels.into_inner().finish(&strings.into_inner());
        Verdicts { dropped: dropped.into_inner().finish_distinct(), labels }
    }
}

/// One label set. Reading shows the labels as they came, not what was changed since.
#[derive(Clone, Copy, Debug)]
pub struct SeriesRow<'a, 'b> {
    batch: &'b SeriesBatch<'a>,
    index: u32,
}

impl<'a> SeriesRow<'a, '_> {
    /// The row's place in the batch.
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// The value of a label, if the set has it and the plugin wants it.
    pub fn label(&self, name: impl Text) -> Option<&'a str> {
        self.batch.sets.label(self.index, name)
    }

    /// The labels that the plugin wants, by ascending name.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.batch.sets.labels(self.index)
    }

    /// Drops the series or stream. Other changes to it then mean nothing.
    pub fn drop(&self) {
        self.batch.answer.dropped.borrow_mut().push([self.index]);
    }

    /// Sets a label, in place of one of that name. An empty value removes it.
    pub fn set(&self, name: impl Text, value: impl Text) {
        let answer = &self.batch.answer;
        let mut strings = answer.strings.borrow_mut();
        let (name, value) = (name.index(&mut strings), value.index(&mut strings));
        answer.labels.borrow_mut().set(self.index, name, value);
    }

    /// Removes a label, if the set has it (wanted or not).
    pub fn remove(&self, name: impl Text) {
        let answer = &self.batch.answer;
        let mut strings = answer.strings.borrow_mut();
        let name = name.index(&mut strings);
        answer.labels.borrow_mut().remove(self.index, name, &mut strings);
    }
}
