//! From a URL to a connection: straight, or by a proxy; each step within its time.

use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::address::port_of;
use crate::hop::Hop;
use crate::progress::{Phase, Progress};
use crate::proxy::{Proxies, Proxy};
use crate::resolver::Resolver;

/// How long a proxy's answer to CONNECT may be: a page that says why not, at most.
const CONNECT_ANSWER: usize = 16 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;
type Tcp = HttpConnector<Resolver>;
/// The way to a proxy.
type ToProxy = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A step to a connection took too long; found again in the chain of causes when an error is classified.
#[derive(Debug, thiserror::Error)]
#[error("timed out")]
pub(crate) struct TooLate(pub(crate) Phase);

/// The proxy did not let us pass.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

/// Makes connections, with TLS for `https`.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    https: HttpsConnector<Dial>,
    /// For all steps together, of which TLS is the last.
    limit: Duration,
}

/// Makes connections over which TLS is still to be spoken, if at all.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    tcp: Tcp,
    /// With TLS for proxies that want it.
    to_proxy: HttpsConnector<Tcp>,
    proxies: Arc<Proxies>,
    limit: Duration,
}

impl Connector {
    /// `limit` is for each step.
    pub(crate) fn new(wrap: impl FnOnce(Dial) -> HttpsConnector<Dial>, dial: Dial, limit: Duration) -> Self {
        // resolving and connecting 2, a proxy's leave 1, TLS 1
        Self { https: wrap(dial), limit: limit * 4 }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Hop>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.https.call(uri);
        let limit = self.limit;
        Box::pin(async move {
            let connected = in_time(limit, Phase::Tls, connecting).await??;
            Progress::current(Phase::Send);
            Ok(connected)
        })
    }
}

impl Dial {
    pub(crate) fn new(tcp: Tcp, to_proxy: HttpsConnector<Tcp>, proxies: Arc<Proxies>, limit: Duration) -> Self {
        Self { tcp, to_proxy, proxies, limit }
    }
}

impl Service<Uri> for Dial {
    type Response = Hop;
    type Error = BoxError;
    type Future = Connecting<Hop>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // neither has anything to wait for
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = self.limit;
        let Some(proxy) = self.proxies.to(&uri).cloned() else {
            let connecting = self.tcp.call(uri);
            return Box::pin(async move {
                let tcp = in_time(limit * 2, Phase::Connect, connecting).await??;
                Progress::current(Phase::Tls);
                Ok(Hop::Direct(tcp))
            });
        };
        let connecting = self.to_proxy.call(proxy.uri.clone());
        let proxies = Arc::clone(&self.proxies);
        Box::pin(async move {
            let stream = in_time(limit * 2, Phase::Connect, connecting).await??;
            if uri.scheme_str() != Some("https") {
                return Ok(Hop::Forwarded(stream));
            }
            Progress::current(Phase::Proxy);
            let stream = in_time(limit, Phase::Proxy, tunnel(stream, &uri, &proxies, &proxy)).await??;
            Progress::current(Phase::Tls);
            Ok(Hop::Tunnelled(stream))
        })
    }
}

async fn in_time<F: Future>(limit: Duration, phase: Phase, step: F) -> Result<F::Output, BoxError> {
    tokio::time::timeout(limit, step).await.map_err(|_| TooLate(phase).into())
}

/// Asks the proxy to connect us (RFC 9110 section 9.3.6).
async fn tunnel(stream: ToProxy, uri: &Uri, proxies: &Proxies, proxy: &Proxy) -> Result<ToProxy, BoxError> {
    let target = format!("{}:{}", uri.host().unwrap_or_default(), port_of(uri));
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = target.parse()?;
    *request.headers_mut() = proxies.connect_headers(proxy);
    request.headers_mut().insert(http::header::HOST, target.parse()?);
    let (mut sender, connection) = http1::Builder::new().max_buf_size(CONNECT_ANSWER).handshake(stream).await?;
    let mut connection = pin!(connection.without_shutdown());
    let mut answer = pin!(sender.send_request(request));
    // The connection is given back with the answer that grants the way, and kept up with another.
    let (answer, ended) = tokio::select! {
        biased;
        answer = &mut answer => (answer, None),
        ended = &mut connection => (answer.await, Some(ended)),
    };
    let status = answer.map_err(|e| Refused(e.to_string()))?.status();
    if !status.is_success() {
        let help = if status == 407 { "; it wants other credentials in `proxy_url`" } else { "" };
        return Err(Refused(format!("it answers {status}{help}")).into());
    }
    let parts = match ended {
        Some(ended) => ended?,
        None => connection.await?,
    };
    if !parts.read_buf.is_empty() {
        return Err(Refused("it sent more than its answer".into()).into());
    }
    Ok(parts.io)
}
