//! Several 2.0 requests made one.
//!
//! Each has symbols of its own, so they are read and written anew; and a series that several of them hold is written once,
//! with all its samples in order. A sample that is not newer than the last of its series, as after a crash, begins another message:
//! what its receiver thinks of it is then what it would have thought of the requests one by one. So a backlog of small requests becomes fewer bytes as well as fewer requests: labels and
//! symbols, which are most of a series' bytes, are there once.

use std::collections::HashMap;

use super::request::{Symbols, Writer};
use crate::wire::{AnyFields, Value};

/// One request of all that these hold, given and returned uncompressed; `None` where one is not what it should be.
pub(crate) fn merge(requests: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut writer = Writer::new();
    let mut merged: Vec<Series> = vec![];
    let mut index: HashMap<Vec<u8>, usize> = HashMap::new();
    for raw in requests {
        let (symbols, series) = Symbols::read(raw)?;
        for message in series {
            let labels = writer.references(symbols.labels(message)?.into_iter());
            let more = Series::new(labels.clone(), &writer.rest(&symbols, message, &(0..usize::MAX))?)?;
            let known = index.get(&labels).and_then(|at| merged.get_mut(*at));
            if let Some(series) = known.filter(|series| series.until < more.from) {
                series.add(&more);
            } else {
                index.insert(labels, merged.len());
                merged.push(more);
            }
        }
    }
    for series in &merged {
        writer.put_fields(&series.labels, &[&series.data, &series.metadata]);
    }
    Some(writer.finish())
}

/// A series of the request that is being made.
struct Series {
    /// Its label references.
    labels: Vec<u8>,
    /// Samples, histograms and exemplars as fields, in the order in which they came.
    data: Vec<u8>,
    /// The metadata field that came last.
    metadata: Vec<u8>,
    /// The times of its first and of its last sample.
    from: i64,
    until: i64,
}

impl Series {
    /// A series of what a message holds beside its labels; `None` where that is not what it should be.
    fn new(labels: Vec<u8>, rest: &[u8]) -> Option<Self> {
        // without a sample there is nothing to tell by: such a message stays by itself
        let mut series = Self { labels, data: vec![], metadata: vec![], from: i64::MIN, until: i64::MAX };
        let mut first = true;
        for field in AnyFields(rest) {
            let field = field?;
            if field.number == 5 {
                series.metadata.clear();
                series.metadata.extend_from_slice(field.whole);
                continue;
            }
            series.data.extend_from_slice(field.whole);
            if let (2, Value::Bytes(sample)) = (field.number, field.value) {
                series.until = time_of(sample)?;
                if std::mem::take(&mut first) {
                    series.from = series.until;
                }
            }
        }
        Some(series)
    }

    /// Adds what comes later.
    fn add(&mut self, more: &Self) {
        self.data.extend_from_slice(&more.data);
        if !more.metadata.is_empty() {
            self.metadata.clone_from(&more.metadata);
        }
        self.until = more.until;
    }
}

/// `Sample.timestamp`, field 2.
fn time_of(sample: &[u8]) -> Option<i64> {
    let mut time = 0;
    for field in AnyFields(sample) {
        if let (2, Value::Varint(number)) = field.map(|f| (f.number, f.value))? {
            time = number as i64;
        }
    }
    Some(time)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use prost::Message;
    use weir_receive::decode::{self, Limits};
    use weir_receive::proto::remote_write_2::{Metadata, Request, Sample, TimeSeries};
    use weir_receive::symbols::resolve;

    use super::*;

    fn any_request() -> impl Strategy<Value = Request> {
        let symbol = prop_oneof![Just("a"), Just("b"), Just("é"), Just("long enough to be seen")];
        let sample = (any::<u64>(), any::<i64>()).prop_map(|(bits, timestamp)| Sample {
            value: f64::from_bits(bits),
            timestamp,
            start_timestamp: 0,
        });
        let series = (0usize..4, prop::collection::vec(sample, 0..4), prop::option::of(0u32..3));
        (prop::collection::vec(symbol, 4), prop::collection::vec(series, 0..8)).prop_map(|(texts, series)| {
            // each request numbers its symbols in its own way
            let mut symbols = vec![String::new(), "__name__".to_owned()];
            let mut reference = |text: &str| {
                let at = symbols.iter().position(|s| s == text).unwrap_or(symbols.len());
                if at == symbols.len() {
                    symbols.push(text.to_owned());
                }
                at as u32
            };
            let series = series.into_iter().map(|(name, samples, help)| TimeSeries {
                labels_refs: vec![1, reference(texts[name])],
                samples,
                metadata: help.map(|help| Metadata {
                    r#type: 1,
                    help_ref: reference(texts[help as usize]),
                    unit_ref: 0,
                }),
            });
            let timeseries = series.collect();
            Request { symbols, timeseries }
        })
    }

    type Known = (Vec<(i64, u64)>, Option<String>);

    /// For each series its samples in order, and the help that came last.
    fn known<'a>(requests: impl IntoIterator<Item = &'a Request>) -> BTreeMap<String, Known> {
        let mut all = BTreeMap::<_, Known>::new();
        for request in requests {
            let (plain, about) = resolve(request).unwrap();
            for (series, about) in plain.timeseries.iter().zip(about) {
                let one = all.entry(format!("{:?}", series.labels)).or_default();
                one.0.extend(series.samples.iter().map(|s| (s.timestamp, s.value.to_bits())));
                one.1 = about.map(|m| m.help).or(one.1.take());
            }
        }
        all
    }

    proptest! {
        #[test]
        fn each_series_has_all_its_samples_in_order(requests in prop::collection::vec(any_request(), 1..6)) {
            let bodies: Vec<_> = requests.iter().map(Message::encode_to_vec).collect();
            let merged = merge(&bodies).unwrap();
            let body = snap::raw::Encoder::new().compress_vec(&merged).unwrap();
            let merged = decode::remote_write_2(&body, Limits::default()).unwrap();
            prop_assert_eq!(known([&merged]), known(&requests));
            let messages = requests.iter().map(|r| r.timeseries.len()).sum::<usize>();
            prop_assert!(merged.timeseries.len() <= messages);
        }

        #[test]
        fn any_bytes_are_an_answer(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..4)) {
            let _ = merge(&bodies);
        }
    }

    fn of_times(times: &[i64]) -> Vec<u8> {
        let samples = times.iter().map(|t| Sample { value: 1.0, timestamp: *t, start_timestamp: 0 }).collect();
        let series = TimeSeries { labels_refs: vec![1, 2], samples, ..TimeSeries::default() };
        let symbols = ["", "__name__", "up"].map(str::to_owned).to_vec();
        Request { symbols, timeseries: vec![series] }.encode_to_vec()
    }

    #[test]
    fn a_message_of_a_series_ascends() {
        let merged =
            merge(&[of_times(&[1, 2]), of_times(&[3]), of_times(&[3, 4]), of_times(&[5]), of_times(&[2])]).unwrap();
        let merged = Request::decode(merged.as_slice()).unwrap();
        let times = |s: &TimeSeries| s.samples.iter().map(|s| s.timestamp).collect::<Vec<_>>();
        assert_eq!(merged.timeseries.iter().map(times).collect::<Vec<_>>(), [vec![1, 2, 3], vec![3, 4, 5], vec![2]]);
    }

    #[test]
    fn a_reference_that_leads_nowhere_is_refused() {
        let series = TimeSeries { labels_refs: vec![1, 7], ..TimeSeries::default() };
        let request = Request { symbols: vec![String::new(), "__name__".into()], timeseries: vec![series] };
        assert_eq!(merge(&[request.encode_to_vec()]), None);
    }
}
