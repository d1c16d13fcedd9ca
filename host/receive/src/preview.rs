//! A receiver of pushes that decodes what comes, counts it and shows it to an [`Observer`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::decode::{self, DecodeError, Limits};
use crate::faults::wire::{Wire, Wired};
use crate::faults::{Answer, Faults};
use crate::proto::loki::PushRequest;
use crate::proto::remote_write::{TimeSeries, WriteRequest};
use crate::symbols::SeriesMetadata;
use version::Version;

mod version;

/// Where remote write is taken, as Prometheus does.
pub const REMOTE_WRITE_PATH: &str = "/api/v1/write";
/// Where log pushes are taken, as Loki does.
pub const LOKI_PATH: &str = "/loki/api/v1/push";

/// Sees every request that was decoded and is not answered by a fault, and may refuse it. Called on the server's tasks: it
/// must not block for long.
pub trait Observer: Send + Sync + 'static {
    /// A remote write request; one of 2.0 in the form of 1.0.
    fn metrics(&self, headers: &HeaderMap, request: &WriteRequest) -> Result<(), Refusal>;
    /// What a remote write 2.0 request that was kept says of a series.
    fn described(&self, _series: &TimeSeries, _metadata: &SeriesMetadata) {}
    /// A Loki push request.
    fn logs(&self, headers: &HeaderMap, request: &PushRequest) -> Result<(), Refusal>;
}

/// An observer's answer to a request of which it did not keep everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status to answer with.
    pub status: u16,
    /// The reason, for the answer's body.
    pub reason: String,
    /// Samples or lines of the request that were kept nevertheless.
    pub kept: usize,
}

/// What arrived and was stored, since start.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
    series: AtomicU64,
    samples: AtomicU64,
    streams: AtomicU64,
    lines: AtomicU64,
}

impl Counters {
    /// Requests of any kind, whatever became of them.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests whose body could not be decoded.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Bytes of bodies as they came over the wire, of the requests that were stored.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Series messages, one for each series in each request.
    pub fn series(&self) -> u64 {
        self.series.load(Ordering::Relaxed)
    }

    /// Samples.
    pub fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }

    /// Stream messages, one for each stream in each request.
    pub fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed)
    }

    /// Lines.
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }
}

/// Why a preview did not start or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// Fatal: the address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A running preview receiver. Dropping it without [`stop`](Self::stop) leaves the stopping to the runtime.
#[derive(Debug)]
pub struct Preview {
    address: SocketAddr,
    counters: Arc<Counters>,
    faults: Faults,
    stop: watch::Sender<bool>,
    task: JoinHandle<io::Result<()>>,
}

#[derive(Clone)]
struct Shared {
    observer: Arc<dyn Observer>,
    counters: Arc<Counters>,
    faults: Faults,
    limits: Limits,
    stopping: watch::Receiver<bool>,
}

impl Preview {
    /// Listens on `address` (port 0 takes a free one) and shows what comes to `observer`.
    pub async fn start(
        address: SocketAddr,
        observer: Arc<dyn Observer>,
        faults: Faults,
        limits: Limits,
    ) -> Result<Self, PreviewError> {
        let failed = |source| PreviewError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let counters = Arc::new(Counters::default());
        let (stop, stopping) = watch::channel(false);
        let shared =
            Shared { observer, counters: counters.clone(), faults: faults.clone(), limits, stopping: stopping.clone() };
        let listener = Wired::new(listener, faults.wire().clone());
        let serving = axum::serve(listener, router(shared)).with_graceful_shutdown(until(stopping));
        let task = tokio::spawn(async move { serving.await });
        Ok(Self { address: bound, counters, faults, stop, task })
    }

    /// A preview on a free loopback port, with default limits and no faults.
    pub async fn local(observer: Arc<dyn Observer>) -> Result<Self, PreviewError> {
        Self::start(SocketAddr::from(([127, 0, 0, 1], 0)), observer, Faults::default(), Limits::default()).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to send remote write to.
    pub fn remote_write_url(&self) -> String {
        format!("http://{}{REMOTE_WRITE_PATH}", self.address)
    }

    /// The URL to push logs to.
    pub fn loki_url(&self) -> String {
        format!("http://{}{LOKI_PATH}", self.address)
    }

    /// What arrived so far.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The knobs of misbehaviour.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Stops listening and waits for the requests under way; hanging ones are cut.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        // a connection that neither reads nor answers would never end
        self.faults.wire().set(Wire::Fine);
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the preview receiver ended badly"),
            Err(error) => tracing::warn!(%error, "the preview receiver's task ended badly"),
        }
    }
}

/// The routes of a receiver.
fn router(shared: Shared) -> Router {
    Router::new()
        .route(REMOTE_WRITE_PATH, post(remote_write))
        .route(LOKI_PATH, post(loki))
        .layer(DefaultBodyLimit::max(shared.limits.compressed))
        .with_state(shared)
}

async fn remote_write(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    shared.counters.requests.fetch_add(1, Ordering::Relaxed);
    let Some(version) = Version::of(&headers, shared.faults.versions()) else {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "this version of remote write is not taken").into_response();
    };
    let (request, metadata) = match version.decode(&body, shared.limits) {
        Ok(decoded) => decoded,
        Err(error) => return version.written(0, shared.refuse(&error)),
    };
    let samples = request.timeseries.iter().map(|s| s.samples.len()).sum();
    let Some(answer) = shared.ready(REMOTE_WRITE_PATH, samples, body.len()).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if !answer.stores() {
        return version.written(answer.written.unwrap_or(0), respond(answer));
    }
    let counters = &shared.counters;
    let kept = match shared.observer.metrics(&headers, &request) {
        Ok(()) => {
            counters.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
            counters.series.fetch_add(request.timeseries.len() as u64, Ordering::Relaxed);
            for (series, metadata) in request.timeseries.iter().zip(&metadata) {
                if let Some(metadata) = metadata {
                    shared.observer.described(series, metadata);
                }
            }
            Ok(samples)
        }
        Err(refusal) => Err(refusal),
    };
    let written = answer.written.unwrap_or(kept.as_ref().map_or_else(|refusal| refusal.kept, |kept| *kept));
    version.written(written, settle(&counters.samples, answer, kept))
}

async fn loki(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    shared.counters.requests.fetch_add(1, Ordering::Relaxed);
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or_default();
    let request = match decode::loki(&body, text(header::CONTENT_TYPE), text(header::CONTENT_ENCODING), shared.limits) {
        Ok(request) => request,
        Err(error) => return shared.refuse(&error),
    };
    let lines = request.streams.iter().map(|s| s.entries.len()).sum();
    let Some(answer) = shared.ready(LOKI_PATH, lines, body.len()).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if !answer.stores() {
        return respond(answer);
    }
    let counters = &shared.counters;
    let kept = match shared.observer.logs(&headers, &request) {
        Ok(()) => {
            counters.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
            counters.streams.fetch_add(request.streams.len() as u64, Ordering::Relaxed);
            Ok(lines)
        }
        Err(refusal) => Err(refusal),
    };
    settle(&counters.lines, answer, kept)
}

impl Shared {
    fn refuse(&self, error: &DecodeError) -> Response {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        let status = match error {
            DecodeError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            DecodeError::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, error.to_string()).into_response()
    }

    /// The answer, once it is due; `None` when the receiver stops before that.
    async fn ready(&self, path: &str, records: usize, bytes: usize) -> Option<Answer> {
        let answer = self.faults.choose(path, records, bytes);
        if answer.hang {
            until(self.stopping.clone()).await;
            return None;
        }
        if !answer.delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(answer.delay) => {}
                () = until(self.stopping.clone()) => return None,
            }
        }
        Some(answer)
    }
}

/// Counts what was kept, and answers as the observer says where it did not keep all.
fn settle(records: &AtomicU64, answer: Answer, kept: Result<usize, Refusal>) -> Response {
    match kept {
        Ok(kept) => {
            records.fetch_add(kept as u64, Ordering::Relaxed);
            respond(answer)
        }
        Err(refusal) => {
            records.fetch_add(refusal.kept as u64, Ordering::Relaxed);
            respond(Answer::status(refusal.status).body(&refusal.reason))
        }
    }
}

async fn until(mut stopping: watch::Receiver<bool>) {
    // an error means that the handle is gone: nobody is left to say stop, and nobody to serve
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    if let Some(value) = answer.retry_after.and_then(|v| HeaderValue::from_str(&v).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

#[cfg(test)]
mod tests;
