//! Cuts a request's body in two, for a backend that finds it too large.

use bytes::Bytes;
use weir_model::labels::put_varint;

use crate::protocol::Protocol;
use crate::remote_write::request;
use crate::wire::{FIELD_1, FIELD_2, Fields, put_field};

/// A half of a request.
#[derive(Clone, Debug)]
pub(crate) struct Half {
    /// The compressed body.
    pub(crate) body: Bytes,
    /// Samples or lines in it.
    pub(crate) entries: u32,
}

/// The two halves of a body, by entries, in order; `None` when it has a single entry or is not what it should be.
pub(crate) fn halves(protocol: Protocol, body: &[u8]) -> Option<[Half; 2]> {
    let raw = snap::raw::Decoder::new().decompress_vec(body).ok()?;
    let (first, second) = match protocol {
        // messages of the same form: series or streams, whose entries are field 2
        Protocol::RemoteWrite1 | Protocol::Loki => plain(&raw),
        Protocol::RemoteWrite2 => remote_write_2(&raw),
    }?;
    Some([pack(&first)?, pack(&second)?])
}

struct Part {
    raw: Vec<u8>,
    entries: usize,
}

fn pack(part: &Part) -> Option<Half> {
    let body = snap::raw::Encoder::new().compress_vec(&part.raw).ok()?;
    Some(Half { body: body.into(), entries: part.entries as u32 })
}

/// Each half has the symbols that it needs.
fn remote_write_2(raw: &[u8]) -> Option<(Part, Part)> {
    let [first, second] = request::halves(raw)?.map(|(raw, entries)| Part { raw, entries });
    Some((first, second))
}

/// A series or stream that the cut goes through is in both halves.
fn plain(raw: &[u8]) -> Option<(Part, Part)> {
    let entries = |stream| Fields(stream).filter(|(tag, ..)| *tag == FIELD_2);
    let total: usize = Fields(raw).map(|(_, stream, _)| entries(stream).count()).sum();
    if total < 2 {
        return None;
    }
    let cut = total / 2;
    let (mut first, mut second, mut before) = (vec![], vec![], 0);
    for (_, stream, whole) in Fields(raw) {
        let count = entries(stream).count();
        let here = cut.saturating_sub(before).min(count);
        before += count;
        match here {
            0 => second.extend_from_slice(whole),
            n if n == count => first.extend_from_slice(whole),
            n => {
                put_stream(&mut first, stream, 0..n);
                put_stream(&mut second, stream, n..count);
            }
        }
    }
    Some((Part { raw: first, entries: cut }, Part { raw: second, entries: total - cut }))
}

/// Appends a series or stream with some of its entries.
fn put_stream(out: &mut Vec<u8>, stream: &[u8], keep: std::ops::Range<usize>) {
    let mut body = Vec::with_capacity(stream.len());
    let mut entry = 0;
    for (tag, field, whole) in Fields(stream) {
        if tag != FIELD_2 {
            put_field(&mut body, tag, field);
            continue;
        }
        if keep.contains(&entry) {
            body.extend_from_slice(whole);
        }
        entry += 1;
    }
    out.push(FIELD_1);
    put_varint(out, body.len());
    out.extend_from_slice(&body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::Message;
    use weir_receive::decode::{self, Limits};
    use weir_receive::proto::loki::{Entry, PushRequest, Stream};
    use weir_receive::proto::remote_write::{Label, Sample, TimeSeries, WriteRequest};
    use weir_receive::proto::remote_write_2 as v2;
    use weir_receive::symbols::resolve;

    fn snappy(message: &impl Message) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap()
    }

    /// Each sample with its series' labels.
    fn each_sample(request: &WriteRequest) -> Vec<(Vec<Label>, Sample)> {
        let of = |series: &TimeSeries| -> Vec<_> {
            series.samples.iter().map(|sample| (series.labels.clone(), *sample)).collect()
        };
        request.timeseries.iter().flat_map(of).collect()
    }

    #[test]
    fn one_entry_and_rubbish_have_no_halves() {
        let entry = Entry { timestamp: None, line: "x".into(), structured_metadata: vec![] };
        let one = PushRequest { streams: vec![Stream { labels: "{}".into(), entries: vec![entry] }] };
        assert!(halves(Protocol::Loki, &snappy(&one)).is_none());
        assert!(halves(Protocol::RemoteWrite1, b"rubbish").is_none());
        assert!(halves(Protocol::RemoteWrite2, b"rubbish").is_none());
    }

    proptest! {
        #[test]
        fn samples_are_all_there_in_order(counts in prop::collection::vec(1usize..5, 1..30)) {
            prop_assume!(counts.iter().sum::<usize>() > 1);
            let series = |(i, count): (usize, &usize)| TimeSeries {
                labels: vec![Label { name: "__name__".into(), value: format!("m{i}") }],
                samples: (0..*count).map(|n| Sample { value: 1.0, timestamp: n as i64 }).collect(),
            };
            let whole = WriteRequest { timeseries: counts.iter().enumerate().map(series).collect() };
            let parts = halves(Protocol::RemoteWrite1, &snappy(&whole)).unwrap();
            let read = |half: &Half| {
                let request = decode::remote_write(&half.body, Limits::default()).unwrap();
                let samples = each_sample(&request);
                assert_eq!(samples.len(), half.entries as usize);
                samples
            };
            prop_assert!(parts[0].entries.abs_diff(parts[1].entries) <= 1);
            prop_assert_eq!(parts.each_ref().map(read).concat(), each_sample(&whole));
        }

        #[test]
        fn samples_with_symbols_are_all_there_in_order(
            series in prop::collection::vec(("[a-c]{1,2}", 1usize..5), 1..30),
            describe in any::<bool>(),
        ) {
            let total: usize = series.iter().map(|(_, count)| count).sum();
            prop_assume!(total > 1);
            let mut symbols = vec![String::new(), "__name__".into(), "help".into()];
            let messages = series.iter().map(|(name, count)| {
                let value = symbols.iter().position(|s| s == name).unwrap_or_else(|| {
                    symbols.push(name.clone());
                    symbols.len() - 1
                });
                v2::TimeSeries {
                    labels_refs: vec![1, value as u32],
                    samples: (0..*count).map(|n| v2::Sample { value: 1.0, timestamp: n as i64, start_timestamp: 7 }).collect(),
                    metadata: describe.then_some(v2::Metadata { r#type: 1, help_ref: 2, unit_ref: value as u32 }),
                }
            });
            let timeseries = messages.collect();
            let whole = v2::Request { symbols, timeseries };
            let parts = halves(Protocol::RemoteWrite2, &snappy(&whole)).unwrap();
            prop_assert_eq!(parts[0].entries as usize, total / 2);
            let read = |body: &[u8]| {
                // this checks that each symbol is there once
                let (request, metadata) = resolve(&decode::remote_write_2(body, Limits::default()).unwrap()).unwrap();
                let each = request.timeseries.iter().zip(&metadata).flat_map(|(series, known)| {
                    series.samples.iter().map(|sample| (series.labels.clone(), *sample, known.clone()))
                });
                each.collect::<Vec<_>>()
            };
            let both: Vec<_> = parts.iter().flat_map(|half| {
                let samples = read(&half.body);
                assert_eq!(samples.len(), half.entries as usize);
                samples
            }).collect();
            prop_assert_eq!(both, read(&snappy(&whole)));
        }

        #[test]
        fn lines_are_all_there_in_order(counts in prop::collection::vec(0usize..6, 1..8)) {
            prop_assume!(counts.iter().sum::<usize>() > 1);
            let mut n = 0;
            let mut entry = || { n += 1; Entry { timestamp: None, line: n.to_string(), structured_metadata: vec![] } };
            let streams = counts.iter().enumerate().map(|(i, count)| Stream {
                labels: format!("{{s=\"{i}\"}}"),
                entries: (0..*count).map(|_| entry()).collect(),
            });
            let whole = PushRequest { streams: streams.collect() };
            let lines = |requests: &[PushRequest]| -> Vec<(String, String)> {
                let streams = requests.iter().flat_map(|r| &r.streams);
                streams.flat_map(|s| s.entries.iter().map(|e| (s.labels.clone(), e.line.clone()))).collect()
            };
            let parts = halves(Protocol::Loki, &snappy(&whole)).unwrap();
            let read = parts.each_ref().map(|half| {
                let request = decode::loki(&half.body, "application/x-protobuf", "", Limits::default()).unwrap();
                assert_eq!(lines(std::slice::from_ref(&request)).len(), half.entries as usize);
                request
            });
            prop_assert!(parts[0].entries.abs_diff(parts[1].entries) <= 1);
            prop_assert_eq!(lines(&read), lines(&[whole]));
        }
    }
}
