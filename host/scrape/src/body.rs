//! Bodies: fetched, decompressed, capped, in buffers that are lent.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

/// All bodies that are held at once may be this large together, four of the largest: however many targets go wrong at the
/// same time, the process does not.
const ALL_BODIES: usize = 4 * MAX_BODY;

/// A body counts towards [`ALL_BODIES`] in steps of this size, and one within the first step not at all.
const STEP: usize = 4 * 1024 * 1024;

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

/// Gets a page into `body`, within the time-out, body included. `limit` is `body_size_limit`; 0 is none.
pub(crate) async fn fetch(
    client: &Client,
    url: &Uri,
    headers: HeaderMap,
    timeout: Duration,
    limit: usize,
    body: &mut Body,
) -> Result<(), ScrapeError> {
    let deadline = Instant::now() + timeout;
    let read = async {
        let request = |error| request_error(error, timeout, ScrapeError::Request);
        let response = client.get(url, headers, deadline).await.map_err(request)?;
        if response.status != StatusCode::OK {
            return Err(ScrapeError::Status(response.status.as_u16()));
        }
        let limit = if limit == 0 { MAX_BODY } else { limit.min(MAX_BODY) };
        read_body(response, Capped { body, limit, refused: None }, timeout).await
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
                out.write_all(&chunk).map_err(|e| out.error(&e))?;
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

/// A body that takes fewer bytes than `limit`: like Prometheus, one that reaches it is too large.
struct Capped<'a> {
    body: &'a mut Body,
    limit: usize,
    refused: Option<Refused>,
}

#[derive(Clone, Copy)]
enum Refused {
    Limit,
    AllBodies,
}

impl Capped<'_> {
    fn error(&self, error: &io::Error) -> ScrapeError {
        match self.refused {
            Some(Refused::Limit) => ScrapeError::BodySizeLimit { limit: self.limit },
            Some(Refused::AllBodies) => ScrapeError::AllBodies { limit: ALL_BODIES },
            None => ScrapeError::Gzip(error.to_string()),
        }
    }
}

impl Write for Capped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.body.bytes.len() + bytes.len();
        if size >= self.limit {
            self.refused = Some(Refused::Limit);
        } else if !self.body.count(size) {
            self.refused = Some(Refused::AllBodies);
        }
        if self.refused.is_some() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.body.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A body in a buffer that is lent.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// How much of it is counted in `all`.
    counted: usize,
    all: Arc<AtomicUsize>,
}

impl Body {
    /// Counts what a body of this size takes; false when all together would take too much.
    fn count(&mut self, size: usize) -> bool {
        let steps = size / STEP * STEP;
        let more = steps.saturating_sub(self.counted);
        if more == 0 {
            return true;
        }
        if self.all.fetch_add(more, Ordering::Relaxed) + more > ALL_BODIES {
            self.all.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.counted = steps;
        true
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.all.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

/// Lends buffers for bodies.
#[derive(Debug, Default)]
pub(crate) struct BodyPool {
    idle: Mutex<Vec<Vec<u8>>>,
    all: Arc<AtomicUsize>,
}

impl BodyPool {
    /// Buffers at rest: as many bodies as are usually on their way at once.
    const AT_REST: usize = 16;
    /// A larger one is given back to the system: one giant must not sit in memory for ever.
    const LARGEST: usize = STEP;

    pub(crate) fn take(&self) -> Body {
        let bytes = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        Body { bytes, counted: 0, all: Arc::clone(&self.all) }
    }

    pub(crate) fn give_back(&self, mut body: Body) {
        let mut buffer = std::mem::take(&mut body.bytes);
        buffer.clear();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < Self::AT_REST && buffer.capacity() <= Self::LARGEST {
            idle.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_what_all_may_take() {
        let pool = BodyPool::default();
        let mut held: Vec<Body> = (0..4).map(|_| pool.take()).collect();
        // nothing is written: what counts is what would be
        assert!(held.iter_mut().all(|body| body.count(MAX_BODY)));
        let (mut small, mut large) = (pool.take(), pool.take());
        Capped { body: &mut small, limit: MAX_BODY, refused: None }.write_all(b"a 1\n").unwrap();
        assert!(large.count(STEP - 1), "what is usual is never refused");
        assert!(!large.count(STEP));
        let mut out = Capped { body: &mut large, limit: MAX_BODY, refused: None };
        let error = out.write_all(&vec![b' '; STEP]).unwrap_err();
        assert_eq!(out.error(&error).reason(), "all_bodies");
        pool.give_back(held.remove(0));
        drop(held.remove(0));
        assert!(large.count(MAX_BODY) && small.count(MAX_BODY));
        drop((held, small, large));
        assert_eq!(pool.all.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_body_that_reaches_its_limit_is_too_large() {
        let pool = BodyPool::default();
        let mut body = pool.take();
        let mut out = Capped { body: &mut body, limit: 5, refused: None };
        out.write_all(b"a 1\n").unwrap();
        let error = out.write_all(b"\n").unwrap_err();
        assert!(matches!(out.error(&error), ScrapeError::BodySizeLimit { limit: 5 }));
    }
}
