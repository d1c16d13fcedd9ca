//! Batches as the host makes them: only the labels that are wanted, equal sets once.

use super::apply::{drop_rows, relabel, strings, times};
use super::{LabelSet, Line, Sample};
use crate::columns::{Strings, Table};
use crate::labels::Sets;
use crate::logs::LogColumns;
use crate::samples::SampleColumns;
use crate::{
    Error, Kind, Labels, Logs, LogsBatch, LogsWanted, Samples, SamplesBatch, SamplesWanted, Series, SeriesBatch,
};
use std::collections::BTreeMap;

/// What a plugin makes of label sets: for each its labels, or `None` where it is dropped.
///
/// # Errors
/// The plugin's own error, or what its answer has against the contract.
pub fn series<P: Series>(plugin: &P, sets: impl IntoIterator<Item = LabelSet>) -> Result<Vec<Option<LabelSet>>, Error> {
    let mut out: Vec<LabelSet> = sets.into_iter().collect();
    let mut columns = SetColumns::default();
    let mut strings = StringColumns::default();
    for set in &out {
        columns.push(set, &plugin.wants(), &mut strings);
    }
    let batch = SeriesBatch::new(out.len() as u32, columns.borrow(&strings, false));
    plugin.relabel(&batch)?;
    let answer = batch.finish();
    relabel(&mut out.iter_mut().collect::<Vec<_>>(), strings.table.strings(), answer.labels.as_ref())?;
    drop_rows(out, &answer.dropped)
}

/// What a plugin makes of samples: for each what goes on, or `None` where it is dropped.
///
/// # Errors
/// The plugin's own error, or what its answer has against the contract.
pub fn samples<P: Samples>(
    plugin: &mut P,
    samples: impl IntoIterator<Item = Sample>,
) -> Result<Vec<Option<Sample>>, Error> {
    let mut out: Vec<Sample> = samples.into_iter().collect();
    let columns = SampleRows::new(&out, &plugin.wants());
    let batch = columns.batch();
    plugin.process(&batch)?;
    let patch = batch.finish().unwrap_or_default();
    let mut rows: Vec<&mut LabelSet> = out.iter_mut().map(|s| &mut s.labels).collect();
    relabel(&mut rows, columns.strings.table.strings(), patch.labels.as_ref())?;
    for (row, bits) in times(&patch.changed, &patch.values)? {
        out.get_mut(row).ok_or("a changed row is past the last")?.value = f64::from_bits(bits.cast_unsigned());
    }
    drop_rows(out, &patch.dropped)
}

/// What a plugin makes of lines: for each what goes on, or `None` where it is dropped.
///
/// # Errors
/// The plugin's own error, or what its answer has against the contract.
pub fn logs<P: Logs>(
    plugin: &mut P,
    lines: impl IntoIterator<Item = impl Into<Line>>,
) -> Result<Vec<Option<Line>>, Error> {
    let mut out: Vec<Line> = lines.into_iter().map(Into::into).collect();
    let columns = LogLines::new(&out, &plugin.wants());
    let batch = columns.batch();
    plugin.process(&batch)?;
    let patch = batch.finish().unwrap_or_default();
    let symbols = columns.strings.table.strings();
    relabel(&mut out.iter_mut().map(|l| &mut l.labels).collect::<Vec<_>>(), symbols, patch.labels.as_ref())?;
    relabel(&mut out.iter_mut().map(|l| &mut l.metadata).collect::<Vec<_>>(), symbols, patch.metadata.as_ref())?;
    for (row, text) in strings(&patch.changed, &patch.lines)? {
        out.get_mut(row).ok_or("a changed row is past the last")?.text = text.into();
    }
    let (rows, at) = patch.times.unwrap_or_default();
    for (row, time) in times(&rows, &at)? {
        out.get_mut(row).ok_or("a row with a new time is past the last")?.timestamp = time;
    }
    drop_rows(out, &patch.dropped)
}

/// Lines made ready for many calls: for measuring a plugin.
#[derive(Debug, Default)]
pub struct LogLines {
    rows: u32,
    strings: StringColumns,
    sets: SetColumns,
    metadata: SetColumns,
    timestamps: Vec<u8>,
    lines: Table,
}

impl LogLines {
    /// Lines as a plugin that wants this gets them.
    pub fn new(lines: &[Line], wanted: &LogsWanted) -> Self {
        let mut columns = Self { rows: lines.len() as u32, ..Self::default() };
        for line in lines {
            columns.sets.push(&line.labels, &wanted.labels, &mut columns.strings);
            columns.metadata.push(&line.metadata, &wanted.metadata, &mut columns.strings);
            if wanted.timestamps {
                columns.timestamps.extend_from_slice(&line.timestamp.to_le_bytes());
            }
            if wanted.lines {
                columns.lines.push(&line.text);
            }
        }
        columns
    }

    /// A batch for [`Logs::process`].
    pub fn batch(&self) -> LogsBatch<'_> {
        let sets = self.sets.borrow(&self.strings, true);
        let metadata = self.metadata.borrow(&self.strings, false);
        LogsBatch::new(LogColumns::new(self.rows, sets, metadata, &self.timestamps, self.lines.strings()))
    }

    /// One call, answer included; says whether it changes anything.
    ///
    /// # Errors
    /// The plugin's own.
    pub fn run<P: Logs>(&self, plugin: &mut P) -> Result<bool, Error> {
        let batch = self.batch();
        plugin.process(&batch)?;
        Ok(batch.finish().is_some())
    }
}

/// Samples made ready for many calls: for measuring a plugin.
#[derive(Debug, Default)]
pub struct SampleRows {
    rows: u32,
    strings: StringColumns,
    sets: SetColumns,
    kinds: Vec<u8>,
    values: Vec<u8>,
    timestamps: Vec<u8>,
    start_timestamps: Vec<u8>,
}

impl SampleRows {
    /// Samples as a plugin that wants this gets them.
    pub fn new(samples: &[Sample], wanted: &SamplesWanted) -> Self {
        let mut columns = Self { rows: samples.len() as u32, ..Self::default() };
        for sample in samples {
            columns.sets.push(&sample.labels, &wanted.labels, &mut columns.strings);
            columns.kinds.push(match sample.kind {
                Kind::Float => 0,
                Kind::Histogram => 1,
                Kind::Stale => 2,
            });
            columns.values.extend_from_slice(&sample.value.to_le_bytes());
            let (at, start) = (wanted.timestamps, wanted.start_timestamps);
            columns.timestamps.extend_from_slice(&if at { sample.timestamp } else { 0 }.to_le_bytes());
            columns.start_timestamps.extend_from_slice(&if start { sample.start_timestamp } else { 0 }.to_le_bytes());
        }
        columns
    }

    /// A batch for [`Samples::process`].
    pub fn batch(&self) -> SamplesBatch<'_> {
        let sets = self.sets.borrow(&self.strings, true);
        let columns = SampleColumns::new(self.rows, sets, &self.kinds, &self.values);
        SamplesBatch::new(columns.times(&self.timestamps, &self.start_timestamps))
    }

    /// One call, answer included; says whether it changes anything.
    ///
    /// # Errors
    /// The plugin's own.
    pub fn run<P: Samples>(&self, plugin: &mut P) -> Result<bool, Error> {
        let batch = self.batch();
        plugin.process(&batch)?;
        Ok(batch.finish().is_some())
    }
}

/// Strings, each once.
#[derive(Debug, Default)]
struct StringColumns {
    table: Table,
    index: BTreeMap<String, u32>,
}

impl StringColumns {
    fn add(&mut self, s: &str) -> u32 {
        if let Some(index) = self.index.get(s) {
            return *index;
        }
        let index = self.table.len() as u32;
        self.table.push(s);
        self.index.insert(s.into(), index);
        index
    }
}

/// Sets, equal ones once.
#[derive(Debug, Default)]
struct SetColumns {
    pairs: Vec<u8>,
    ends: Vec<u8>,
    of_row: Vec<u8>,
    seen: BTreeMap<Vec<u8>, u32>,
    /// The same with a set for every row, for columns that have no `set-of-row`.
    each: (Vec<u8>, Vec<u8>),
    nothing: bool,
}

impl SetColumns {
    fn push(&mut self, set: &LabelSet, wanted: &Labels, strings: &mut StringColumns) {
        let mut pairs = Vec::new();
        let included = |name: &str| match wanted {
            Labels::Nothing => false,
            Labels::Everything => true,
            Labels::Named(names) => names.iter().any(|n| n == name),
        };
        for (name, value) in set.0.iter().filter(|(name, _)| included(name)) {
            pairs.extend_from_slice(&strings.add(name).to_le_bytes());
            pairs.extend_from_slice(&strings.add(value).to_le_bytes());
        }
        self.nothing = *wanted == Labels::Nothing;
        self.each.0.extend_from_slice(&pairs);
        self.each.1.extend_from_slice(&(self.each.0.len() as u32 / 8).to_le_bytes());
        let next = self.seen.len() as u32;
        let index = *self.seen.entry(pairs.clone()).or_insert(next);
        self.of_row.extend_from_slice(&index.to_le_bytes());
        if index == next {
            self.pairs.extend_from_slice(&pairs);
            self.ends.extend_from_slice(&(self.pairs.len() as u32 / 8).to_le_bytes());
        }
    }

    fn borrow<'a>(&'a self, strings: &'a StringColumns, shared: bool) -> Sets<'a> {
        let strings: Strings<'a> = strings.table.strings();
        match (self.nothing, shared) {
            (true, _) => Sets::new(strings, &[], &[], &[]),
            (false, true) => Sets::new(strings, &self.pairs, &self.ends, &self.of_row),
            (false, false) => Sets::new(strings, &self.each.0, &self.each.1, &[]),
        }
    }
}
