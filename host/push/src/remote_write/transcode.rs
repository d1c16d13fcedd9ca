//! From one version of remote write to the other, for what is queued in a version that the backend does not understand.
//!
//! Series stay in their order, samples keep their bytes. 1.0 has no place for what is known of a family beside its samples,
//! and so it goes.

use weir_model::labels::put_varint;

use super::request::{Symbols, Writer};
use crate::protocol::Protocol;
use crate::wire::{AnyFields, FIELD_1, FIELD_2, Value, field_len, put_field};

/// A compressed body in another version than it is in; `None` where it is not what it should be, or there is no such way.
pub(crate) fn transcode(from: Protocol, to: Protocol, body: &[u8]) -> Option<Vec<u8>> {
    let raw = snap::raw::Decoder::new().decompress_vec(body).ok()?;
    let raw = match (from, to) {
        (Protocol::RemoteWrite2, Protocol::RemoteWrite1) => to_1(&raw),
        (Protocol::RemoteWrite1, Protocol::RemoteWrite2) => to_2(&raw),
        _ => None,
    }?;
    snap::raw::Encoder::new().compress_vec(&raw).ok()
}

fn to_1(raw: &[u8]) -> Option<Vec<u8>> {
    let (symbols, series) = Symbols::read(raw)?;
    // labels written out take some five times the room
    let mut out = Vec::with_capacity(raw.len() * 5);
    let mut body = vec![];
    for one in series {
        body.clear();
        for (name, value) in symbols.labels(one)? {
            body.push(FIELD_1);
            put_varint(&mut body, field_len(name.len()) + field_len(value.len()));
            put_field(&mut body, FIELD_1, name);
            put_field(&mut body, FIELD_2, value);
        }
        put_samples(&mut body, one)?;
        put_field(&mut out, FIELD_1, &body);
    }
    Some(out)
}

fn to_2(raw: &[u8]) -> Option<Vec<u8>> {
    let mut writer = Writer::new();
    let mut samples = vec![];
    for field in AnyFields(raw) {
        let (1, Value::Bytes(series)) = field.map(|f| (f.number, f.value))? else { continue };
        let mut labels = vec![];
        for field in AnyFields(series) {
            if let (1, Value::Bytes(label)) = field.map(|f| (f.number, f.value))? {
                labels.push(pair(label)?);
            }
        }
        samples.clear();
        put_samples(&mut samples, series)?;
        writer.put(labels.into_iter(), &samples);
    }
    Some(writer.finish())
}

/// A 1.0 label's name and value.
fn pair(label: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut name, mut value): (&[u8], &[u8]) = (b"", b"");
    for field in AnyFields(label) {
        match field.map(|f| (f.number, f.value))? {
            (1, Value::Bytes(text)) => name = text,
            (2, Value::Bytes(text)) => value = text,
            _ => {}
        }
    }
    Some((name, value))
}

/// The samples of a series message: field 2 in both versions, with the same fields.
fn put_samples(out: &mut Vec<u8>, series: &[u8]) -> Option<()> {
    for field in AnyFields(series) {
        let field = field?;
        if let (2, Value::Bytes(_)) = (field.number, field.value) {
            out.extend_from_slice(field.whole);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use weir_receive::decode::{self, Limits};
    use weir_receive::proto::remote_write::{Label, Sample, TimeSeries, WriteRequest};
    use weir_receive::symbols::resolve;

    use super::*;
    use crate::remote_write::series::SampleField;
    use Protocol::{RemoteWrite1, RemoteWrite2};

    /// Debug, for a NaN is not equal to itself, and the bits count.
    fn exact(request: &WriteRequest) -> Vec<String> {
        let series = request.timeseries.iter();
        series
            .map(|s| {
                let samples: Vec<_> = s.samples.iter().map(|p| (p.timestamp, p.value.to_bits())).collect();
                format!("{:?} {samples:?}", s.labels)
            })
            .collect()
    }

    fn any_request() -> impl Strategy<Value = WriteRequest> {
        let value =
            prop_oneof![any::<u64>().prop_map(f64::from_bits), Just(weir_model::STALE_NAN), Just(-0.0), Just(0.0),];
        let sample = (value, any::<i64>()).prop_map(|(value, timestamp)| Sample { value, timestamp });
        let labels = prop::collection::btree_map("[a-c]{1,2}", "[a-cé]{1,3}", 1..5);
        let series = (labels, prop::collection::vec(sample, 1..3)).prop_map(|(labels, samples)| TimeSeries {
            labels: labels.into_iter().map(|(name, value)| Label { name, value }).collect(),
            samples,
        });
        prop::collection::vec(series, 0..20).prop_map(|timeseries| WriteRequest { timeseries })
    }

    proptest! {
        #[test]
        fn every_series_is_the_same_in_the_other_version(request in any_request()) {
            let mut raw = request.encode_to_vec();
            // as weir writes it: prost would leave the value out
            let labels: weir_model::LabelSet = [("__name__", "minus_zero")].iter().collect();
            SampleField::at(7).put_series(&mut raw, labels.as_labels().as_bytes(), -0.0);
            let body = snap::raw::Encoder::new().compress_vec(&raw).unwrap();
            let request = decode::remote_write(&body, Limits::default()).unwrap();
            let two = transcode(RemoteWrite1, RemoteWrite2, &body).unwrap();
            let (seen, _) = resolve(&decode::remote_write_2(&two, Limits::default()).unwrap()).unwrap();
            prop_assert_eq!(exact(&seen), exact(&request));
            let one = transcode(RemoteWrite2, RemoteWrite1, &two).unwrap();
            let seen = decode::remote_write(&one, Limits::default()).unwrap();
            prop_assert_eq!(exact(&seen), exact(&request));
        }

        #[test]
        fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let body = snap::raw::Encoder::new().compress_vec(&bytes).unwrap();
            let _ = transcode(RemoteWrite1, RemoteWrite2, &body);
            let _ = transcode(RemoteWrite2, RemoteWrite1, &body);
            let _ = transcode(RemoteWrite2, RemoteWrite1, &bytes);
            let _ = super::super::request::halves(&bytes);
        }
    }
}
