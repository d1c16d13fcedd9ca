//! From a request's body to its messages. Pure; no body makes these panic or grow beyond [`Limits`].

use std::io::Read;

use prost::Message;

use crate::loki_json;
use crate::proto::loki::PushRequest;
use crate::proto::remote_write::WriteRequest;
use crate::proto::remote_write_2::Request;
use crate::symbols::SymbolError;

/// What a body may weigh.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes as they come. Default 16 MiB: senders cut their requests at some megabytes, Loki's own server takes 4 MiB.
    pub compressed: usize,
    /// Bytes after decompression, against bombs. Default 64 MiB: remote write 1.0 compresses some tenfold.
    pub decompressed: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { compressed: 16 << 20, decompressed: 64 << 20 }
    }
}

/// Why a body was refused. All variants are fatal for the request: sending it again changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Fatal: the body is larger than [`Limits`] allows, before or after decompression.
    #[error("body of more than {limit} bytes")]
    TooLarge {
        /// The limit it broke.
        limit: usize,
    },
    /// Fatal: the body is not one snappy block.
    #[error("not a snappy block: {0}")]
    Snappy(#[from] snap::Error),
    /// Fatal: the body is not gzip.
    #[error("not gzip: {0}")]
    Gzip(std::io::Error),
    /// Fatal: the bytes are not the message.
    #[error("not the protobuf message: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// Fatal: the text is not JSON.
    #[error("not json: {0}")]
    Json(#[from] serde_json::Error),
    /// Fatal: the JSON is not a push request.
    #[error("{what} at streams[{stream}]")]
    Shape {
        /// What is wrong.
        what: &'static str,
        /// The index of the stream it is wrong in.
        stream: usize,
    },
    /// Fatal: what a remote write 2.0 request refers to is not there.
    #[error("{0}")]
    Symbols(#[from] SymbolError),
    /// Fatal: neither protobuf nor JSON.
    #[error("content type {0:?} is not taken, use application/x-protobuf or application/json")]
    ContentType(String),
}

/// A remote write 1.0 request (remote write specification 1.0: protobuf in a snappy block).
pub fn remote_write(body: &[u8], limits: Limits) -> Result<WriteRequest, DecodeError> {
    Ok(WriteRequest::decode(&*unsnappy(body, limits)?)?)
}

/// A remote write 2.0 request (remote write specification 2.0: protobuf in a snappy block). Its references are not looked at;
/// see [`resolve`](crate::symbols::resolve).
pub fn remote_write_2(body: &[u8], limits: Limits) -> Result<Request, DecodeError> {
    Ok(Request::decode(&*unsnappy(body, limits)?)?)
}

/// A Loki push request: protobuf in a snappy block, or JSON, which may be gzipped (Loki HTTP API, "Ingest logs").
pub fn loki(body: &[u8], content_type: &str, encoding: &str, limits: Limits) -> Result<PushRequest, DecodeError> {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    match media {
        "application/x-protobuf" | "" => Ok(PushRequest::decode(&*unsnappy(body, limits)?)?),
        "application/json" if encoding.eq_ignore_ascii_case("gzip") => loki_json::decode(&ungzip(body, limits)?),
        "application/json" if body.len() <= limits.compressed => loki_json::decode(body),
        "application/json" => Err(DecodeError::TooLarge { limit: limits.compressed }),
        other => Err(DecodeError::ContentType(other.to_owned())),
    }
}

fn unsnappy(body: &[u8], limits: Limits) -> Result<Vec<u8>, DecodeError> {
    if body.len() > limits.compressed {
        return Err(DecodeError::TooLarge { limit: limits.compressed });
    }
    // The length stands at the head of the block, so a bomb is seen before anything is reserved for it.
    if snap::raw::decompress_len(body)? > limits.decompressed {
        return Err(DecodeError::TooLarge { limit: limits.decompressed });
    }
    Ok(snap::raw::Decoder::new().decompress_vec(body)?)
}

fn ungzip(body: &[u8], limits: Limits) -> Result<Vec<u8>, DecodeError> {
    if body.len() > limits.compressed {
        return Err(DecodeError::TooLarge { limit: limits.compressed });
    }
    let mut out = Vec::new();
    let cap = limits.decompressed as u64 + 1;
    flate2::read::MultiGzDecoder::new(body).take(cap).read_to_end(&mut out).map_err(DecodeError::Gzip)?;
    if out.len() > limits.decompressed {
        return Err(DecodeError::TooLarge { limit: limits.decompressed });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const JSON: &str = r#"{"streams":[{"stream":{"b":"x\"y","a":"1"},"values":[
        ["1700000000000000001","hello"],["1700000000000000002","you",{"trace":"t"}]]}]}"#;

    #[test]
    fn loki_json_is_the_same_as_protobuf() {
        let plain = loki(JSON.as_bytes(), "application/json; charset=utf-8", "", Limits::default()).unwrap();
        assert_eq!(plain.streams[0].labels, r#"{a="1", b="x\"y"}"#);
        assert_eq!(plain.streams[0].entries[1].nanos(), 1_700_000_000_000_000_002);
        assert_eq!(plain.streams[0].entries[1].structured_metadata[0].name, "trace");

        let mut gz = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        gz.write_all(JSON.as_bytes()).unwrap();
        let gzipped = loki(&gz.finish().unwrap(), "application/json", "gzip", Limits::default()).unwrap();
        let snappy = snap::raw::Encoder::new().compress_vec(&plain.encode_to_vec()).unwrap();
        let protobuf = loki(&snappy, "application/x-protobuf", "", Limits::default()).unwrap();
        assert_eq!((&plain, &plain), (&gzipped, &protobuf));
    }

    #[test]
    fn bombs_are_refused() {
        let limits = Limits { compressed: 1 << 20, decompressed: 1 << 10 };
        let zeros = vec![0u8; 1 << 16];
        let block = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
        assert!(matches!(remote_write(&block, limits), Err(DecodeError::TooLarge { limit: 1024 })));
        let mut gz = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        gz.write_all(&zeros).unwrap();
        let gz = gz.finish().unwrap();
        assert!(matches!(loki(&gz, "application/json", "gzip", limits), Err(DecodeError::TooLarge { limit: 1024 })));
        assert!(matches!(loki(b"x", "text/plain", "", limits), Err(DecodeError::ContentType(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300), json in "[\\[\\]{}\":,0-9a-z]{0,80}") {
            let _ = remote_write(&bytes, Limits::default());
            if let Ok(request) = remote_write_2(&bytes, Limits::default()) {
                let _ = crate::symbols::resolve(&request);
            }
            let _ = loki(&bytes, "application/x-protobuf", "", Limits::default());
            let _ = loki(&bytes, "application/json", "gzip", Limits::default());
            let _ = loki(json.as_bytes(), "application/json", "", Limits::default());
        }
    }
}
