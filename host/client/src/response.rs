//! Answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::RequestError;
use crate::classify::classify;
use crate::progress::{Phase, within};

/// What is read of an answer that is passed over so that its connection can be used again; a longer one costs the connection.
const PASSED_OVER: usize = 4 << 10;

/// The head of an answer, and its body to be read in chunks.
#[derive(Debug)]
pub struct Response {
    /// The status; any status is an answer.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    pub(crate) body: Incoming,
    pub(crate) host: Arc<str>,
    pub(crate) deadline: Instant,
}

impl Response {
    /// The next piece of the body, `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RequestError> {
        loop {
            match within(&self.host, Phase::Body, self.deadline, self.body.frame()).await? {
                None => return Ok(None),
                Some(Err(e)) => return Err(classify(&self.host, &e, false)),
                // Trailers say nothing that anybody here asks for.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => {}
                },
            }
        }
    }

    /// The body as text, cut after `max` bytes, or where the connection fails; for the words that come with an error
    /// status.
    pub async fn text_limited(mut self, max: usize) -> String {
        let mut text = Vec::new();
        while text.len() < max
            && let Ok(Some(data)) = self.chunk().await
        {
            text.extend_from_slice(data.get(..max - text.len()).unwrap_or(&data));
        }
        String::from_utf8_lossy(&text).trim().to_string()
    }

    /// Reads what is left, when it is little, so that the connection can be used again.
    pub(crate) async fn discard(mut self) {
        let mut seen = 0;
        while seen < PASSED_OVER
            && let Ok(Some(data)) = self.chunk().await
        {
            seen += data.len();
        }
    }
}
