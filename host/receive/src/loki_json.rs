//! Loki's JSON form of a push (Loki HTTP API, "Ingest logs"): `{"streams": [{"stream": {…}, "values": [["ns", "line", {…}]]}]}`.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::decode::DecodeError;
use crate::proto::loki::{Entry, LabelPair, PushRequest, Stream, Timestamp};

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

pub(crate) fn decode(body: &[u8]) -> Result<PushRequest, DecodeError> {
    let whole: Value = serde_json::from_slice(body)?;
    let streams = whole.get("streams").and_then(Value::as_array);
    let streams = streams.ok_or(DecodeError::Shape { what: "no streams array", stream: 0 })?;
    let streams = streams
        .iter()
        .enumerate()
        .map(|(i, s)| stream(s).map_err(|what| DecodeError::Shape { what, stream: i }))
        .collect::<Result<_, _>>()?;
    Ok(PushRequest { streams })
}

fn stream(value: &Value) -> Result<Stream, &'static str> {
    let labels = value.get("stream").and_then(Value::as_object).ok_or("no stream object")?;
    let values = value.get("values").and_then(Value::as_array).ok_or("no values array")?;
    Ok(Stream { labels: text(labels)?, entries: values.iter().map(entry).collect::<Result<_, _>>()? })
}

fn entry(value: &Value) -> Result<Entry, &'static str> {
    let parts = value.as_array().ok_or("a value that is no array")?;
    let nanos = parts.first().and_then(Value::as_str).ok_or("a value without a time as a string")?;
    let nanos: i64 = nanos.parse().map_err(|_| "a time that is no number of nanoseconds")?;
    let line = parts.get(1).and_then(Value::as_str).ok_or("a value without a line")?;
    let metadata = match parts.get(2) {
        None => vec![],
        Some(m) => pairs(m.as_object().ok_or("structured metadata that is no object")?)?,
    };
    let timestamp = Timestamp { seconds: nanos.div_euclid(SECOND), nanos: nanos.rem_euclid(SECOND) as i32 };
    Ok(Entry { timestamp: Some(timestamp), line: line.to_owned(), structured_metadata: metadata })
}

fn pairs(map: &Map<String, Value>) -> Result<Vec<LabelPair>, &'static str> {
    map.iter()
        .map(|(name, value)| {
            let value = value.as_str().ok_or("a label value that is no string")?;
            Ok(LabelPair { name: name.clone(), value: value.to_owned() })
        })
        .collect()
}

/// The labels in the text form of the protobuf message, by ascending name.
fn text(map: &Map<String, Value>) -> Result<String, &'static str> {
    let mut pairs = pairs(map)?;
    pairs.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = String::from("{");
    for (i, LabelPair { name, value }) in pairs.iter().enumerate() {
        let comma = if i > 0 { ", " } else { "" };
        // writing to a String does not fail
        let _ = write!(out, "{comma}{name}={value:?}");
    }
    out.push('}');
    Ok(out)
}
