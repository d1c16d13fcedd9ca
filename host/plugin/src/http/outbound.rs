//! Making requests: a client for each plugin, on one runtime for all.

use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Clock};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use tokio::time::{Instant, timeout_at};
use weir_client::{Client, RequestError};

use super::request::{headers, method};
use super::{Answer, Hosts, HttpRefusal, Request};
use crate::emission::Budget;
use crate::error::LoadReason;

/// The most bytes of an answer's headers; hyper takes no more in HTTP/1.1 either.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// Where connections live: apart from the runtime that scrapes and sends, so that no plugin's answers are in its way. Started with the
/// first plugin that has the grant.
#[derive(Debug, Default)]
pub(crate) struct Outbound(Mutex<Option<Arc<Runtime>>>);

#[derive(Debug)]
struct Runtime(Option<tokio::runtime::Runtime>);

impl Drop for Runtime {
    fn drop(&mut self) {
        // The last holder may be a thread of another runtime, which must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Outbound {
    fn runtime(&self) -> Result<Arc<Runtime>, LoadReason> {
        let mut runtime = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*runtime {
            return Ok(running.clone());
        }
        let started = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            // for names: the resolver blocks, and where it hangs for one plugin another should find a thread
            .max_blocking_threads(super::AT_ONCE * 4)
            .thread_name("weir-plugin-http")
            .enable_all()
            .build()
            .map_err(|e| LoadReason::Runtime(e.to_string()))?;
        Ok(runtime.insert(Arc::new(Runtime(Some(started)))).clone())
    }
}

/// What a grant and the limits say.
#[derive(Debug)]
pub(crate) struct HttpSetup<'a> {
    pub(crate) hosts: Hosts,
    /// The authorities to trust instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) outbound: &'a Outbound,
    /// How long a call may wait for answers.
    pub(crate) timeout: Duration,
    /// Requests a second.
    pub(crate) requests: u32,
    /// The most bytes of a body.
    pub(crate) max_body: usize,
}

/// One plugin's way out.
pub(crate) struct HttpAccess {
    hosts: Hosts,
    client: Client,
    runtime: Arc<Runtime>,
    budget: Budget,
    /// How long a call may wait for answers.
    pub(crate) timeout: Duration,
    max_body: usize,
}

impl HttpAccess {
    /// Makes the client; the error says what cannot be had.
    pub(crate) fn new(setup: HttpSetup<'_>) -> Result<Self, LoadReason> {
        let settings = weir_client::Settings {
            // a redirect is an answer, and where it leads is checked like any URL
            follow_redirects: false,
            tls: weir_client::TlsSettings { ca_file: setup.ca_file, ..Default::default() },
            ..Default::default()
        };
        let failed = |e: weir_client::BuildError| LoadReason::Grant { grant: "http".to_owned(), why: e.to_string() };
        Ok(Self {
            hosts: setup.hosts,
            client: Client::new(&settings).map_err(failed)?,
            runtime: setup.outbound.runtime()?,
            // only how many: their bytes are bounded by how many, times the largest
            budget: Budget::new(setup.requests, u64::MAX),
            timeout: setup.timeout,
            max_body: setup.max_body,
        })
    }

    /// Makes a request, and waits for its answer no longer than `most`.
    pub(crate) fn send(&self, request: Request, most: Duration) -> Result<Answer, HttpRefusal> {
        let uri = self.hosts.check(&request.url)?;
        let (method, headers) = (method(&request)?, headers(&request)?);
        if request.body.len() > self.max_body {
            let size = request.body.len();
            return Err(HttpRefusal::TooLarge(format!("the request has {size} bytes, and may have {}", self.max_body)));
        }
        if !self.budget.take(1, 0, Clock::now()) {
            return Err(HttpRefusal::OverBudget);
        }
        let wait = request.timeout.map_or(most, |asked| asked.min(most));
        if wait.is_zero() {
            return Err(HttpRefusal::Timeout("the call has waited as long as it may (limits.http_timeout)".to_owned()));
        }
        let host = uri.authority().map_or(String::new(), |a| a.as_str().to_owned());
        let (client, max_body, body) = (self.client.clone(), self.max_body, Bytes::from(request.body));
        let (done, answer) = mpsc::sync_channel(1);
        let exchange = async move {
            let deadline = Instant::now() + wait;
            let asking = ask(&client, method, &uri, headers, body, deadline, max_body);
            let late = |_| HttpRefusal::Timeout(format!("no complete answer from {host} in time"));
            // Whoever asked is there: it waits for nothing else.
            let _ = done.send(timeout_at(deadline, asking).await.unwrap_or_else(|e| Err(late(e))));
        };
        let Some(runtime) = &self.runtime.0 else { return Err(HttpRefusal::Failed("weir stops".to_owned())) };
        runtime.spawn(exchange);
        answer.recv().unwrap_or_else(|_| Err(HttpRefusal::Failed("weir stops".to_owned())))
    }
}

impl fmt::Debug for HttpAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAccess").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

async fn ask(
    client: &Client,
    method: Method,
    uri: &Uri,
    headers: HeaderMap,
    body: Bytes,
    deadline: Instant,
    max_body: usize,
) -> Result<Answer, HttpRefusal> {
    let failed = |e: RequestError| match e {
        RequestError::Timeout { .. } => HttpRefusal::Timeout(e.to_string()),
        other => HttpRefusal::Failed(other.to_string()),
    };
    let mut response = client.request(method, uri, headers, body, deadline).await.map_err(failed)?;
    let too_large = || HttpRefusal::TooLarge(format!("the answer has more than {max_body} bytes (limits.http_body)"));
    let headers: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_HEADER_BYTES {
        return Err(HttpRefusal::TooLarge(format!("the answer has more than {MAX_HEADER_BYTES} bytes of headers")));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > max_body {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: response.status.as_u16(), headers, body })
}
