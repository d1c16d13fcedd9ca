//! What a guest emits, checked like its answers, and written out no further than it may be.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use rapidhash::fast::RandomState;
use weir_model::labels::{METRIC_NAME, put_varint, varint_len};
use weir_model::page::NORMAL_NAN;
use weir_model::{LabelSet, Labels, LabelsBuilder};
use weir_pipeline::edit::{SetKind, is_metric_name};
use weir_pipeline::guest::{self, EmittedLines, EmittedSamples};

use super::bindings::weir::plugin::{emit, types};
use super::check::{Checked, LegalNames, MAX_CHANGES, MAX_LABELS, MAX_METADATA, Table, column, same_count, symbols};

/// The most bytes of labels that are written out of one emission, whatever its plugin's budget is: their ends are counted in 32 bits.
const MAX_WRITTEN: usize = 1 << 30;

/// Checks samples; nothing where their labels have more than `most` bytes, written out.
pub(super) fn samples(raw: emit::SampleColumns, most: usize) -> Checked<Option<EmittedSamples>> {
    let rows = raw.rows as usize;
    let mut values: Vec<f64> = column(&raw.values, "values")?;
    same_count(rows, values.len(), "the batch", "values")?;
    for value in &mut values {
        // Among the bits of a NaN could be a staleness marker's, which only the host makes.
        if value.is_nan() {
            *value = NORMAL_NAN;
        }
    }
    let timestamps = times(&raw.timestamps, rows, "timestamps")?;
    times(&raw.start_timestamps, rows, "start-timestamps")?;
    let table = symbols(raw.symbols, "symbols")?;
    let (mut labels, mut label_ends) = (Vec::with_capacity((raw.sets.pairs.len() * 4).min(most)), vec![]);
    let mut room = most.min(MAX_WRITTEN);
    let written = encode(&raw.sets, &table, SetKind::Series, "sets", &mut room, |set| {
        labels.extend_from_slice(set.as_bytes());
        label_ends.push(labels.len() as u32);
    })?;
    if !written {
        return Ok(None);
    }
    let set_of_row = set_of_row(&raw.set_of_row, rows, label_ends.len())?;
    Ok(Some(EmittedSamples { labels, label_ends, set_of_row, timestamps, values }))
}

/// Checks lines; nothing where their labels and metadata have more than `most` bytes, written out.
pub(super) fn lines(raw: emit::LineColumns, most: usize) -> Checked<Option<EmittedLines>> {
    let rows = raw.rows as usize;
    let text = symbols(raw.lines, "lines")?;
    same_count(rows, text.len(), "the batch", "lines")?;
    let times = times(&raw.timestamps, rows, "timestamps")?;
    let table = symbols(raw.symbols, "symbols")?;
    let (mut streams, mut metadata) = (Streams::default(), vec![]);
    let mut room = most.min(MAX_WRITTEN);
    let written = encode(&raw.sets, &table, SetKind::Stream, "sets", &mut room, |set| streams.push(set))?
        && encode(&raw.metadata, &table, SetKind::Metadata, "metadata", &mut room, |set| {
            metadata.push(set.to_owned());
        })?;
    if !written {
        return Ok(None);
    }
    if !metadata.is_empty() {
        same_count(rows, metadata.len(), "the batch", "metadata")?;
    }
    let mut stream_of_line = set_of_row(&raw.set_of_row, rows, streams.of_set.len())?;
    if stream_of_line.is_empty() {
        stream_of_line = streams.of_set;
    } else {
        for of_line in &mut stream_of_line {
            // below the number of sets
            *of_line = streams.of_set.get(*of_line as usize).copied().unwrap_or_default();
        }
    }
    let metadata: Vec<LabelSet> = metadata;
    Ok(Some(EmittedLines { streams: streams.all, stream_of_line, times, text: text.text, ends: text.ends, metadata }))
}

/// Streams, each once: an SDK may say one's labels with each of its lines, and what stands behind works by stream.
#[derive(Default)]
struct Streams {
    all: Vec<LabelSet>,
    /// Indexes of `all`, by the labels' hash.
    known: HashTable<u32>,
    hasher: RandomState,
    /// For each set that came.
    of_set: Vec<u32>,
}

impl Streams {
    fn push(&mut self, set: Labels<'_>) {
        let Self { all, known, hasher, of_set } = self;
        let is_it = |all: &[LabelSet], i: u32| all.get(i as usize).is_some_and(|known| known.as_labels() == set);
        if let Some(&last) = of_set.last()
            && is_it(all, last)
        {
            of_set.push(last);
            return;
        }
        let hash = hasher.hash_one(set);
        let stream = known.find(hash, |i| is_it(all, *i)).copied().unwrap_or_else(|| {
            let stream = all.len() as u32;
            all.push(set.to_owned());
            let hash_of = |i: &u32| all.get(*i as usize).map_or(0, |set| hasher.hash_one(set.as_labels()));
            known.insert_unique(hash, stream, hash_of);
            stream
        });
        of_set.push(stream);
    }
}

fn times(bytes: &[u8], rows: usize, what: &str) -> Checked<Vec<i64>> {
    let times: Vec<i64> = column(bytes, what)?;
    if !times.is_empty() {
        same_count(rows, times.len(), "the batch", what)?;
    }
    Ok(times)
}

fn set_of_row(bytes: &[u8], rows: usize, sets: usize) -> Checked<Vec<u32>> {
    let of_row: Vec<u32> = column(bytes, "set-of-row")?;
    if of_row.is_empty() {
        same_count(rows, sets, "the batch", "sets")?;
    } else {
        same_count(rows, of_row.len(), "the batch", "set-of-row")?;
        if let Some(set) = of_row.iter().find(|set| **set as usize >= sets) {
            return Err(format!("set-of-row: set {set}, and there are {sets}"));
        }
    }
    Ok(of_row)
}

/// Shows each set in its canonical form, as long as there is room; says whether there was for all.
fn encode(
    raw: &types::LabelSetsResult,
    symbols: &guest::Symbols,
    kind: SetKind,
    what: &str,
    room: &mut usize,
    mut show: impl FnMut(Labels<'_>),
) -> Checked<bool> {
    let pairs: Vec<[u32; 2]> = column(&raw.pairs, what)?;
    let ends: Vec<u32> = column(&raw.ends, what)?;
    let none = guest::Symbols::default();
    let mut encoder = Encoder {
        symbols,
        table: Table { batch: symbols, added: &none },
        names: LegalNames::default(),
        metric: None,
        last: vec![],
        builder: LabelsBuilder::default(),
        set: vec![],
    };
    let mut start = 0;
    for (index, &end) in ends.iter().enumerate() {
        let set = pairs.get(start..end as usize).ok_or_else(|| {
            format!("{what}: set {index} ends at pair {end}, begins at {start}, and there are {} pairs", pairs.len())
        })?;
        start = end as usize;
        let set = encoder.set(set, kind, what).map_err(|e| format!("{e} (set {index})"))?;
        let Some(left) = room.checked_sub(set.as_bytes().len()) else { return Ok(false) };
        *room = left;
        show(set);
    }
    same_count(start, pairs.len(), "the last set's end", what)?;
    Ok(true)
}

struct Encoder<'a> {
    symbols: &'a guest::Symbols,
    table: Table<'a>,
    names: LegalNames,
    /// The symbol that was found to be a metric's name last.
    metric: Option<u32>,
    /// The labels of the last set, if it was in order. Most sets have its names, which then need no further look, and begin with
    /// labels of its own, which are written already.
    last: Vec<Written<'a>>,
    builder: LabelsBuilder,
    set: Vec<u8>,
}

/// A label that stands in a set.
struct Written<'a> {
    name: u32,
    text: &'a str,
    value: u32,
    /// Where it ends.
    end: usize,
}

impl Encoder<'_> {
    fn set(&mut self, pairs: &[[u32; 2]], kind: SetKind, what: &str) -> Checked<Labels<'_>> {
        if pairs.len() > MAX_CHANGES {
            return Err(format!("{what}: {} labels, and a set may have {MAX_CHANGES}", pairs.len()));
        }
        let most = if kind == SetKind::Metadata { MAX_METADATA } else { MAX_LABELS };
        let in_order = self.writes_like_last(pairs, most) || self.writes(pairs, what, most)?;
        if kind == SetKind::Series {
            self.check_metric(pairs, in_order, what)?;
        }
        let labels = if in_order {
            Labels::from_trusted(&self.set)
        } else {
            self.builder.clear();
            for &[name, value] in pairs {
                self.builder.set(self.table.get(name).unwrap_or_default(), self.table.get(value).unwrap_or_default());
            }
            self.builder.finish()
        };
        if kind == SetKind::Stream && labels.is_empty() {
            return Err(format!("{what}: a stream without any label"));
        }
        Ok(labels)
    }

    /// Writes a set that has the names of the last; says whether it has, a value for each, and no more bytes than `most`.
    fn writes_like_last(&mut self, pairs: &[[u32; 2]], most: usize) -> bool {
        if pairs.len() != self.last.len() {
            return false;
        }
        let is_last = |(pair, last): &(&[u32; 2], &Written<'_>)| **pair == [last.name, last.value];
        let same = pairs.iter().zip(&self.last).take_while(is_last).count();
        let written = same.checked_sub(1).and_then(|i| self.last.get(i)).map_or(0, |last| last.end);
        self.set.truncate(written);
        for (&[name, value], last) in pairs.iter().zip(&mut self.last).skip(same) {
            // a look at the bytes: the symbols end on character boundaries
            let shown = self.symbols.bytes(value).unwrap_or_default();
            if name != last.name || shown.is_empty() || self.set.len() + shown.len() > most {
                return false;
            }
            put_label(&mut self.set, last.text.as_bytes(), shown);
            (last.value, last.end) = (value, self.set.len());
        }
        true
    }

    /// Checks a set, and writes it if it is in order: names ascend, and each has a value.
    fn writes(&mut self, pairs: &[[u32; 2]], what: &str, most: usize) -> Checked<bool> {
        self.set.clear();
        self.last.clear();
        let (mut before, mut in_order, mut bytes) = ("", true, 0);
        for &[name, value] in pairs {
            self.table.exists(value, what)?;
            bytes += self.table.bytes(name) + self.table.bytes(value);
            if bytes > most {
                return Err(too_long(what, most));
            }
            self.names.check(&self.table, name, what)?;
            let (text, shown) =
                (self.symbols.get(name as usize).unwrap_or_default(), self.symbols.bytes(value).unwrap_or_default());
            in_order = in_order && before < text && !shown.is_empty();
            before = text;
            if in_order {
                put_label(&mut self.set, text.as_bytes(), shown);
                self.last.push(Written { name, text, value, end: self.set.len() });
            }
        }
        if !in_order {
            self.last.clear();
        }
        Ok(in_order)
    }

    /// Whether a set has a legal name of a metric.
    fn check_metric(&mut self, pairs: &[[u32; 2]], in_order: bool, what: &str) -> Checked<()> {
        let is_name = |pair: &&[u32; 2]| self.symbols.bytes(pair[0]) == Some(METRIC_NAME.as_bytes());
        // of two the last counts; in order, there is none before `__name__` but names that begin with a capital
        let found = if in_order { pairs.iter().find(is_name) } else { pairs.iter().rfind(is_name) };
        let metric = found.map(|pair| pair[1]);
        if metric.is_some() && metric == self.metric {
            return Ok(());
        }
        let text = |symbol: Option<u32>| symbol.and_then(|s| self.table.get(s)).unwrap_or_default();
        let name = text(metric);
        // an SDK may write the same name with each sample
        if (self.metric.is_none() || name != text(self.metric)) && !is_metric_name(name) {
            let name = crate::guest_log::tidy(name);
            return Err(format!("{what}: {name:?} is no metric name (__name__)"));
        }
        self.metric = metric;
        Ok(())
    }
}

fn too_long(what: &str, most: usize) -> String {
    format!("{what}: more than the {most} bytes of labels that a set may have")
}

/// A label in canonical form (`weir_model::labels`).
fn put_label(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.push(0x0a);
    put_varint(out, 2 + varint_len(name.len()) + name.len() + varint_len(value.len()) + value.len());
    out.push(0x0a);
    put_varint(out, name.len());
    out.extend_from_slice(name);
    out.push(0x12);
    put_varint(out, value.len());
    out.extend_from_slice(value);
}

#[cfg(test)]
#[path = "emitted_tests.rs"]
mod tests;
