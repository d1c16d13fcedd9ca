//! How a remote write request is read and answered.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::decode::{self, DecodeError, Limits};
use crate::faults::Versions;
use crate::proto::remote_write::WriteRequest;
use crate::symbols::{SeriesMetadata, resolve};

/// The version of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Version {
    /// By the content type (remote write specification 2.0, "Content-Type"); `None` when the receiver does not take it.
    pub(super) fn of(headers: &HeaderMap, understood: Versions) -> Option<Self> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let message = content_type.split(';').skip(1).find_map(|p| p.trim().strip_prefix("proto="));
        let version = match message {
            None | Some("prometheus.WriteRequest") => Some(Self::One),
            Some("io.prometheus.write.v2.Request") => Some(Self::Two),
            Some(_) => None,
        };
        match understood {
            Versions::Both => version,
            Versions::One => version.filter(|v| *v == Self::One),
            Versions::Two => version.filter(|v| *v == Self::Two),
            Versions::OneUnaware => Some(Self::One),
        }
    }

    pub(super) fn decode(
        self,
        body: &[u8],
        limits: Limits,
    ) -> Result<(WriteRequest, Vec<Option<SeriesMetadata>>), DecodeError> {
        match self {
            Self::One => Ok((decode::remote_write(body, limits)?, vec![])),
            Self::Two => Ok(resolve(&decode::remote_write_2(body, limits)?)?),
        }
    }

    /// The answer with the headers that 2.0 requires (remote write specification 2.0, "Required Written Response Headers").
    pub(super) fn written(self, samples: usize, mut response: Response) -> Response {
        if self == Self::Two {
            for (name, count) in [
                ("x-prometheus-remote-write-samples-written", samples),
                ("x-prometheus-remote-write-histograms-written", 0),
                ("x-prometheus-remote-write-exemplars-written", 0),
            ] {
                response.headers_mut().insert(name, HeaderValue::from(count));
            }
        }
        response
    }
}
