//! Where and how a sink's requests go.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use tokio::time::Instant;
use weir_client::{Client, RequestError};

use super::shards::Load;
use crate::answer::{self, Verdict};
use crate::batch::BatchSettings;
use crate::protocol::Protocol;
use crate::settings::SendSettings;

/// As much of an error's body as goes into the log: the words are at its beginning.
const LOGGED_BODY: usize = 1024;

const REMOTE_WRITE_VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");
const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");

/// The first of the given headers that is not the user's to set: the ones by which the receiver knows how to read the body
/// (remote write specification 1.0, "Protocol").
pub(crate) fn reserved_header(names: impl IntoIterator<Item = impl AsRef<str>>) -> Option<String> {
    let reserved = [
        "content-encoding",
        "content-type",
        "user-agent",
        "x-prometheus-remote-write-version",
        "content-length",
        "transfer-encoding",
        "connection",
        "host",
    ];
    let mut names = names.into_iter().map(|n| n.as_ref().to_ascii_lowercase());
    names.find(|n| reserved.contains(&n.as_str()))
}

/// See the [module](self).
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// What new records are encoded in; queued ones may be in another.
    pub(crate) protocol: Protocol,
    pub(crate) url: Uri,
    pub(crate) client: Client,
    pub(crate) tenant: Option<HeaderValue>,
    /// When a request is cut.
    pub(crate) batch: BatchSettings,
    /// Bytes of the queue's budget that one request of several records may hold.
    pub(crate) share: u64,
    pub(crate) sending: SendSettings,
}

/// What came of one request.
pub(crate) struct Answered {
    pub(crate) verdict: Verdict,
    /// What it says of the backend's load.
    pub(super) load: Load,
    /// The status and the beginning of the body, or the error; for the log.
    pub(crate) words: String,
}

impl Endpoint {
    /// Sends a body of so many entries once.
    pub(crate) async fn post(&self, protocol: Protocol, body: Bytes, entries: u64) -> Answered {
        let begun = Instant::now();
        let deadline = begun + self.sending.timeout;
        match self.client.post(&self.url, self.headers(protocol), body, deadline).await {
            Ok(response) => {
                let status = response.status;
                let verdict =
                    answer::verdict(protocol, status, &response.headers, entries, self.sending.retry_on_http_429);
                // read also where nobody asks, so that the connection can serve again
                let text = response.text_limited(LOGGED_BODY).await;
                Answered {
                    verdict,
                    load: load(status, begun.elapsed()),
                    words: format!("{status}: {}", text.trim_end()),
                }
            }
            // What keeps a request from being answered may pass; what keeps it from being made is the configuration's
            // fault, and loses nothing either when that is corrected before the queue is full.
            Err(error) => {
                let timed_out = matches!(error, RequestError::Timeout { .. });
                let load = if timed_out { Load::Overloaded } else { Load::Failed };
                Answered { verdict: Verdict::Retry { after: None }, load, words: error.to_string() }
            }
        }
    }

    fn headers(&self, protocol: Protocol) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(5);
        let agent = concat!("weir/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        let content_type = match protocol {
            Protocol::RemoteWrite1 | Protocol::Loki => "application/x-protobuf",
            Protocol::RemoteWrite2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        match protocol {
            Protocol::RemoteWrite1 => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
                headers.insert(REMOTE_WRITE_VERSION, HeaderValue::from_static("0.1.0"));
            }
            Protocol::RemoteWrite2 => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
                headers.insert(REMOTE_WRITE_VERSION, HeaderValue::from_static("2.0.0"));
            }
            // Loki knows protobuf to be a snappy block without being told
            Protocol::Loki => {}
        }
        if let Some(tenant) = &self.tenant {
            headers.insert(TENANT, tenant.clone());
        }
        headers
    }
}

fn load(status: StatusCode, took: Duration) -> Load {
    match status.as_u16() {
        429 | 503 => Load::Overloaded,
        500.. => Load::Failed,
        _ => Load::Served(took),
    }
}
