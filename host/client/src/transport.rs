//! The pool of connections, made anew when a certificate's file changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::BuildError;
use crate::body::RequestBody;
use crate::connect::{Connector, Dial};
use crate::proxy::Proxies;
use crate::resolver::Resolver;
use crate::settings::Settings;
use crate::tls;
use crate::watched::Watched;

/// A pool of connections, as hyper keeps it.
pub(crate) type Pool = Client<Connector, RequestBody>;

/// What one read takes at most: an idle connection keeps its buffer, and a collector has one for each target. hyper's own
/// limit is 400 KiB, which would be most of what a target costs; reads of 64 KiB cost nothing measurable in time.
const READ_BUFFER: usize = 64 * 1024;

/// Idle connections kept to one host. A target needs one; a sink as many as it has requests in flight, and no sink has
/// more than this many.
const IDLE_PER_HOST: usize = 16;

/// When the system begins to ask whether a silent peer is still there; below the usual five minutes of a NAT's table.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// An HTTP/2 connection carries all requests to its host, so a dead one would fail them all until TCP gives up: it is
/// asked for a sign of life when nothing came for so long, and dropped when none comes within [`PONG`].
const PING: Duration = Duration::from_secs(20);
/// As long as anything on the way may reasonably take.
const PONG: Duration = Duration::from_secs(10);

/// Requests at a time on an HTTP/2 connection until the server has said how many it takes; the lanes of a sink are fewer.
const FIRST_STREAMS: usize = 64;
/// What may arrive unread of one answer, and of all on a connection: a large page a round trip, yet bounded memory.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// What is held of one request for the connection to send: twice a connection's buffer.
const SEND_BUFFER: usize = 128 * 1024;

#[derive(Debug)]
pub(crate) struct Transport {
    pool: Watched<Pool>,
    proxies: Arc<Proxies>,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, BuildError> {
        let proxies = Arc::new(Proxies::new(&settings.proxy, &|name| std::env::var(name).ok())?);
        let files: Vec<PathBuf> = tls::files(&settings.tls);
        let (settings, theirs) = (settings.clone(), Arc::clone(&proxies));
        // The former pool goes when its last request does, and with it its connections: what was agreed with a former
        // certificate is not used again.
        let pool = Watched::new("tls", files, move || pool(&settings, &theirs))?;
        Ok(Self { pool, proxies })
    }

    /// The pool to use now. Files that make no sense leave the former pool in use.
    pub(crate) async fn pool(&self) -> Pool {
        self.pool.value().await
    }

    /// What a proxy that forwards plain requests wants to see in each.
    pub(crate) fn proxy_authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        if uri.scheme_str() == Some("https") {
            return None;
        }
        self.proxies.to(uri)?.authorization.clone()
    }
}

fn pool(settings: &Settings, proxies: &Arc<Proxies>) -> Result<Pool, BuildError> {
    let limit = settings.connect_timeout;
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new());
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_connect_timeout(Some(limit));
    let config = tls::client_config(&settings.tls)?;
    let to_proxy = HttpsConnector::from((tcp.clone(), config.clone()));
    let dial = Dial::new(tcp, to_proxy, Arc::clone(proxies), limit);
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    let https = match tls::server_name(&settings.tls)? {
        Some(name) => https.with_server_name_resolver(FixedServerNameResolver::new(name)),
        None => https,
    };
    let wrap = |dial| {
        let https = https.enable_http1();
        if settings.enable_http2 { https.enable_http2().wrap_connector(dial) } else { https.wrap_connector(dial) }
    };
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(settings.idle_timeout)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .http1_max_buf_size(READ_BUFFER)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PONG)
        .http2_keep_alive_while_idle(true)
        .http2_initial_max_send_streams(FIRST_STREAMS)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_send_buf_size(SEND_BUFFER)
        .build(Connector::new(wrap, dial, limit)))
}
