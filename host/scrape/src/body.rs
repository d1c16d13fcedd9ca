//! Bodies: fetched, decompressed, capped, in buffers that are lent.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flate2::write::MultiGzDecoder;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{StatusCode, Uri};
use tokio::time::Instant;
use weir_client::{Client, RequestError, Response};

use crate::error::ScrapeError;

/// No body may be larger, whatever `body_size_limit` says: a million series of 250 bytes. It bounds what a broken target
/// can take of the memory that all share.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// What was asked for.
const FORMAT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";

/// The headers of a scrape.
pub(crate) fn headers(timeout: Duration, gzip: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(FORMAT));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION"))));
    if gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let seconds = timeout.as_secs_f64().to_string();
    if let Ok(seconds) = HeaderValue::from_str(&seconds) {
        headers.insert(HeaderName::from_static("x-prometheus-scrape-timeout-seconds"), seconds);
    }
    headers
}

/// Gets a page into `buffer`, within the time-out, body included. `limit` is `body_size_limit`; 0 is none.
pub(crate) async fn fetch(
    client: &Client,
    url: &Uri,
    headers: HeaderMap,
    timeout: Duration,
    limit: usize,
    buffer: &mut Vec<u8>,
) -> Result<(), ScrapeError> {
    let deadline = Instant::now() + timeout;
    let read = async {
        let request = |error| request_error(error, timeout, ScrapeError::Request);
        let response = client.get(url, headers, deadline).await.map_err(request)?;
        if response.status != StatusCode::OK {
            return Err(ScrapeError::Status(response.status.as_u16()));
        }
        let limit = if limit == 0 { MAX_BODY } else { limit.min(MAX_BODY) };
        read_body(response, Capped { buffer, limit, over: false }, timeout).await
    };
    // The client keeps the deadline too; this holds whatever it does.
    tokio::time::timeout_at(deadline, read).await.unwrap_or(Err(ScrapeError::Timeout(timeout)))
}

async fn read_body(mut response: Response, mut out: Capped<'_>, timeout: Duration) -> Result<(), ScrapeError> {
    let body = |error| request_error(error, timeout, ScrapeError::Body);
    let encoding = response.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
    match encoding {
        b"" | b"identity" => {
            while let Some(chunk) = response.chunk().await.map_err(body)? {
                out.write_all(&chunk).map_err(|_| out.limit_error())?;
            }
        }
        b"gzip" | b"x-gzip" => {
            let mut gzip = MultiGzDecoder::new(out);
            while let Some(chunk) = response.chunk().await.map_err(body)? {
                gzip.write_all(&chunk).map_err(|e| gzip.get_ref().error(&e))?;
            }
            gzip.try_finish().map_err(|e| gzip.get_ref().error(&e))?;
        }
        other => {
            let name = String::from_utf8_lossy(other).into_owned();
            return Err(ScrapeError::Gzip(format!("the encoding is {name:?}, which was not asked for")));
        }
    }
    Ok(())
}

fn request_error(error: RequestError, timeout: Duration, other: fn(String) -> ScrapeError) -> ScrapeError {
    match error {
        RequestError::Timeout { .. } => ScrapeError::Timeout(timeout),
        error => other(error.to_string()),
    }
}

/// A buffer that takes fewer bytes than `limit`: like Prometheus, a body that reaches it is too large.
struct Capped<'a> {
    buffer: &'a mut Vec<u8>,
    limit: usize,
    over: bool,
}

impl Capped<'_> {
    fn limit_error(&self) -> ScrapeError {
        ScrapeError::BodySizeLimit { limit: self.limit }
    }

    fn error(&self, error: &io::Error) -> ScrapeError {
        if self.over { self.limit_error() } else { ScrapeError::Gzip(error.to_string()) }
    }
}

impl Write for Capped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() >= self.limit {
            self.over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lends buffers for bodies.
#[derive(Debug, Default)]
pub(crate) struct BodyPool(Mutex<Vec<Vec<u8>>>);

impl BodyPool {
    /// Buffers at rest: as many bodies as are usually on their way at once.
    const AT_REST: usize = 16;
    /// A larger one is given back to the system: one giant must not sit in memory for ever.
    const LARGEST: usize = 4 * 1024 * 1024;

    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < Self::AT_REST && buffer.capacity() <= Self::LARGEST {
            idle.push(buffer);
        }
    }
}
