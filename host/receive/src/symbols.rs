//! A remote write 2.0 request with its references looked up (remote write specification 2.0, "Symbols").

use std::collections::HashSet;

use crate::proto::remote_write::{Label, Sample, TimeSeries, WriteRequest};
use crate::proto::remote_write_2::Request;

/// Why references lead nowhere. All variants are fatal for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// Fatal: the first symbol is not the empty string, or there is none.
    #[error("the first symbol is not the empty string")]
    First,
    /// Fatal: a symbol stands in the table twice.
    #[error("symbol {index} is there twice")]
    Repeated {
        /// The index of the second.
        index: usize,
    },
    /// Fatal: a reference to what is not in the table.
    #[error("series {series} refers to symbol {reference} of {symbols}")]
    Reference {
        /// The index of the series.
        series: usize,
        /// What it refers to.
        reference: u32,
        /// How many symbols there are.
        symbols: usize,
    },
    /// Fatal: a label name without a value.
    #[error("series {series} has an odd number of label references")]
    Odd {
        /// The index of the series.
        series: usize,
    },
}

/// What a request says of a series beside its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesMetadata {
    /// The type, by the specification's numbers.
    pub kind: i32,
    /// What it is, for people.
    pub help: String,
    /// The unit.
    pub unit: String,
}

/// The request in the form of 1.0, which has the same series, and for each series its metadata.
pub fn resolve(request: &Request) -> Result<(WriteRequest, Vec<Option<SeriesMetadata>>), SymbolError> {
    let symbols = &request.symbols;
    if symbols.first().is_none_or(|s| !s.is_empty()) {
        return Err(SymbolError::First);
    }
    let mut seen = HashSet::with_capacity(symbols.len());
    if let Some(index) = symbols.iter().position(|s| !seen.insert(s)) {
        return Err(SymbolError::Repeated { index });
    }
    let mut timeseries = Vec::with_capacity(request.timeseries.len());
    let mut metadata = Vec::with_capacity(request.timeseries.len());
    for (series, from) in request.timeseries.iter().enumerate() {
        let text = |reference: u32| -> Result<String, SymbolError> {
            let missing = SymbolError::Reference { series, reference, symbols: symbols.len() };
            symbols.get(reference as usize).cloned().ok_or(missing)
        };
        let (pairs, rest) = from.labels_refs.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(SymbolError::Odd { series });
        }
        let label = |&[name, value]: &[u32; 2]| Ok(Label { name: text(name)?, value: text(value)? });
        let labels = pairs.iter().map(label).collect::<Result<_, SymbolError>>()?;
        let samples = from.samples.iter().map(|s| Sample { value: s.value, timestamp: s.timestamp }).collect();
        timeseries.push(TimeSeries { labels, samples });
        let described = |m: &crate::proto::remote_write_2::Metadata| {
            Ok(SeriesMetadata { kind: m.r#type, help: text(m.help_ref)?, unit: text(m.unit_ref)? })
        };
        metadata.push(from.metadata.as_ref().map(described).transpose()?);
    }
    Ok((WriteRequest { timeseries }, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::remote_write_2 as v2;

    fn request(symbols: &[&str], refs: &[u32]) -> Request {
        let series = v2::TimeSeries {
            labels_refs: refs.to_vec(),
            samples: vec![v2::Sample { value: 1.0, timestamp: 5, start_timestamp: 0 }],
            metadata: Some(v2::Metadata { r#type: 1, help_ref: 2, unit_ref: 0 }),
        };
        Request { symbols: symbols.iter().map(|s| (*s).to_owned()).collect(), timeseries: vec![series] }
    }

    #[test]
    fn references_are_looked_up_and_checked() {
        let (plain, metadata) = resolve(&request(&["", "__name__", "up"], &[1, 2])).unwrap();
        assert_eq!(plain.timeseries[0].labels, [Label { name: "__name__".into(), value: "up".into() }]);
        let described = SeriesMetadata { kind: 1, help: "up".into(), unit: String::new() };
        assert_eq!(metadata, [Some(described)]);
        for (symbols, refs, wrong) in [
            (&["__name__", "", "up"][..], &[0, 2][..], SymbolError::First),
            (&[], &[], SymbolError::First),
            (&["", "a", "a"], &[1, 2], SymbolError::Repeated { index: 2 }),
            (&["", "a", "b"], &[1, 2, 1], SymbolError::Odd { series: 0 }),
            (&["", "a", "b"], &[1, 3], SymbolError::Reference { series: 0, reference: 3, symbols: 3 }),
            (&["", "a"], &[], SymbolError::Reference { series: 0, reference: 2, symbols: 2 }),
        ] {
            assert_eq!(resolve(&request(symbols, refs)), Err(wrong));
        }
    }
}
