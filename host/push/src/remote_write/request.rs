//! Remote write 2.0 requests read and made again: for the splitter and the transcoder, which work on whole bodies.
//!
//! References to symbols are renumbered wherever they stand: in a series' labels, in its exemplars' and in its metadata.

use std::collections::HashMap;
use std::ops::Range;

use weir_model::labels::put_varint;

use crate::wire::{AnyFields, FIELD_1, FIELD_4, FIELD_5, Field, Value, packed, put_field};

/// A request's symbols as a reader finds them.
pub(super) struct Symbols<'a>(Vec<&'a [u8]>);

impl<'a> Symbols<'a> {
    /// The symbols and the series messages of a request; `None` where the bytes are no request.
    pub(super) fn read(raw: &'a [u8]) -> Option<(Self, Vec<&'a [u8]>)> {
        let (mut symbols, mut series) = (vec![], vec![]);
        for field in AnyFields(raw) {
            match field.map(|f| (f.number, f.value))? {
                (4, Value::Bytes(text)) => symbols.push(text),
                (5, Value::Bytes(message)) => series.push(message),
                _ => {}
            }
        }
        Some((Self(symbols), series))
    }

    /// The text behind a reference.
    pub(super) fn text(&self, reference: u32) -> Option<&'a [u8]> {
        self.0.get(reference as usize).copied()
    }

    /// The labels of a series as (name, value); `None` where a reference leads nowhere.
    pub(super) fn labels(&self, series: &[u8]) -> Option<Vec<(&'a [u8], &'a [u8])>> {
        let refs = refs(series)?;
        let (pairs, rest) = refs.as_chunks::<2>();
        if !rest.is_empty() {
            return None;
        }
        pairs.iter().map(|&[name, value]| Some((self.text(name)?, self.text(value)?))).collect()
    }
}

/// The label references of a series or of an exemplar.
fn refs(message: &[u8]) -> Option<Vec<u32>> {
    let mut refs = vec![];
    for field in AnyFields(message) {
        match field.map(|f| (f.number, f.value))? {
            (1, Value::Bytes(list)) => {
                for reference in packed(list) {
                    refs.push(reference?);
                }
            }
            (1, Value::Varint(one)) => refs.push(u32::try_from(one).ok()?),
            _ => {}
        }
    }
    Some(refs)
}

/// A request in the making.
pub(super) struct Writer<'a> {
    index: HashMap<&'a [u8], u32>,
    symbols: Vec<u8>,
    series: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new() -> Self {
        let mut writer = Self { index: HashMap::new(), symbols: vec![], series: vec![] };
        // the first symbol is the empty one (specification 2.0, "Symbols")
        writer.reference(b"");
        writer
    }

    fn reference(&mut self, text: &'a [u8]) -> u32 {
        let next = self.index.len() as u32;
        *self.index.entry(text).or_insert_with(|| {
            put_field(&mut self.symbols, FIELD_4, text);
            next
        })
    }

    /// Adds a series of these labels; `rest` is what else its message holds.
    pub(super) fn put(&mut self, labels: impl Iterator<Item = (&'a [u8], &'a [u8])>, rest: &[u8]) {
        let refs = self.references(labels);
        self.put_fields(&refs, &[rest]);
    }

    /// Labels as they are referred to in this request.
    pub(super) fn references(&mut self, labels: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
        let mut refs = vec![];
        for (name, value) in labels {
            put_varint(&mut refs, self.reference(name) as usize);
            put_varint(&mut refs, self.reference(value) as usize);
        }
        refs
    }

    /// Adds a series of label references and the fields behind them, which may come in parts.
    pub(super) fn put_fields(&mut self, refs: &[u8], rest: &[&[u8]]) {
        let mut body = Vec::with_capacity(refs.len() + rest.iter().map(|r| r.len()).sum::<usize>() + 4);
        put_field(&mut body, FIELD_1, refs);
        for part in rest {
            body.extend_from_slice(part);
        }
        put_field(&mut self.series, FIELD_5, &body);
    }

    /// Adds a series of another request with some of its samples; `None` where it refers to what is not there.
    fn copy(&mut self, symbols: &Symbols<'a>, series: &[u8], keep: &Range<usize>) -> Option<()> {
        let labels = symbols.labels(series)?;
        let rest = self.rest(symbols, series, keep)?;
        self.put(labels.into_iter(), &rest);
        Some(())
    }

    /// What a series of another request holds beside its labels, with some of its samples, as it is in this one; `None` where
    /// it refers to what is not there.
    pub(super) fn rest(&mut self, symbols: &Symbols<'a>, series: &[u8], keep: &Range<usize>) -> Option<Vec<u8>> {
        let mut rest = Vec::with_capacity(series.len());
        let mut sample = 0;
        for field in AnyFields(series) {
            let field = field?;
            match (field.number, field.value) {
                (1, _) => {}
                (2, _) => {
                    if keep.contains(&sample) {
                        rest.extend_from_slice(field.whole);
                    }
                    sample += 1;
                }
                (4, Value::Bytes(exemplar)) => {
                    let exemplar = self.exemplar(symbols, exemplar)?;
                    put_field(&mut rest, FIELD_4, &exemplar);
                }
                (5, Value::Bytes(metadata)) => {
                    let metadata = self.metadata(symbols, metadata)?;
                    put_field(&mut rest, FIELD_5, &metadata);
                }
                _ => rest.extend_from_slice(field.whole),
            }
        }
        Some(rest)
    }

    fn exemplar(&mut self, symbols: &Symbols<'a>, exemplar: &[u8]) -> Option<Vec<u8>> {
        let mut list = vec![];
        for reference in refs(exemplar)? {
            put_varint(&mut list, self.reference(symbols.text(reference)?) as usize);
        }
        let mut out = vec![];
        put_field(&mut out, FIELD_1, &list);
        for field in AnyFields(exemplar) {
            let field = field?;
            if field.number != 1 {
                out.extend_from_slice(field.whole);
            }
        }
        Some(out)
    }

    fn metadata(&mut self, symbols: &Symbols<'a>, metadata: &[u8]) -> Option<Vec<u8>> {
        let mut out = vec![];
        for field in AnyFields(metadata) {
            let field = field?;
            match (field.number, field.value) {
                (number @ (3 | 4), Value::Varint(reference)) => {
                    out.push((number << 3) as u8);
                    let text = symbols.text(u32::try_from(reference).ok()?)?;
                    put_varint(&mut out, self.reference(text) as usize);
                }
                _ => out.extend_from_slice(field.whole),
            }
        }
        Some(out)
    }

    /// The request.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.symbols.append(&mut self.series);
        self.symbols
    }
}

/// The two halves of a request, by samples, each with the symbols that it needs, and how many samples each has; `None` when
/// it has a single one or is not what it should be. A series that the cut goes through is in both halves.
pub(crate) fn halves(raw: &[u8]) -> Option<[(Vec<u8>, usize); 2]> {
    let (symbols, series) = Symbols::read(raw)?;
    let counts: Vec<usize> = series.iter().map(|one| samples(one)).collect::<Option<_>>()?;
    let total: usize = counts.iter().sum();
    if total < 2 {
        return None;
    }
    let half = |part: Range<usize>| {
        let mut writer = Writer::new();
        let mut before = 0;
        for (one, count) in series.iter().zip(&counts) {
            let within = |at: usize| at.clamp(before, before + count) - before;
            let keep = within(part.start)..within(part.end);
            if !keep.is_empty() {
                writer.copy(&symbols, one, &keep)?;
            }
            before += count;
        }
        Some((writer.finish(), part.len()))
    };
    Some([half(0..total / 2)?, half(total / 2..total)?])
}

/// How many samples a series has; `None` where it cannot be read.
fn samples(series: &[u8]) -> Option<usize> {
    let is_sample = |field: Option<Field<'_>>| field.map(|field| usize::from(field.number == 2));
    AnyFields(series).map(is_sample).sum()
}
