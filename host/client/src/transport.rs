//! The pool of connections, made anew when a certificate's file changes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use crate::BuildError;
use crate::resolver::Resolver;
use crate::settings::Settings;
use crate::stamp::{RECHECK, Stamp};
use crate::tls;

/// A pool of connections, as hyper keeps it.
pub(crate) type Pool = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// What one read takes at most: an idle connection keeps its buffer, and a collector has one for each target. hyper's own
/// limit is 400 KiB, which would be most of what a target costs; reads of 64 KiB cost nothing measurable in time.
const READ_BUFFER: usize = 64 * 1024;

/// Idle connections kept to one host. A target needs one; a sink as many as it has requests in flight, and no sink has
/// more than this many.
const IDLE_PER_HOST: usize = 16;

/// How long an idle connection is kept: longer than the usual scrape intervals, so that each scrape finds one.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// When the system begins to ask whether a silent peer is still there; below the usual five minutes of a NAT's table.
const KEEPALIVE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Transport {
    settings: Settings,
    files: Vec<PathBuf>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    pool: Pool,
    stamps: Vec<Option<Stamp>>,
    checked: Instant,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, BuildError> {
        let files = tls::files(&settings.tls);
        // The stamps first: a change between the two is then seen at the next look.
        let stamps = stamps(&files);
        let current = Current { pool: pool(settings)?, stamps, checked: Instant::now() };
        Ok(Self { settings: settings.clone(), files, current: Mutex::new(current) })
    }

    /// The pool to use now. Files that no longer make sense leave the former pool in use.
    pub(crate) async fn pool(self: &Arc<Self>) -> Pool {
        let former = {
            let mut current = self.lock();
            if self.files.is_empty() || current.checked.elapsed() < RECHECK {
                return current.pool.clone();
            }
            current.checked = Instant::now();
            current.stamps.clone()
        };
        let this = Arc::clone(self);
        // Should the look at the files fail altogether, the pool stays as it is.
        let _ = tokio::task::spawn_blocking(move || this.renew(&former)).await;
        self.lock().pool.clone()
    }

    fn renew(&self, former: &[Option<Stamp>]) {
        let stamps = stamps(&self.files);
        if stamps == former {
            return;
        }
        let pool = pool(&self.settings);
        let mut current = self.lock();
        current.stamps = stamps;
        match pool {
            Ok(pool) => {
                current.pool = pool;
                tracing::info!(files = ?self.files, "certificate files changed; new connections use them");
            }
            Err(error) => {
                tracing::warn!(%error, "certificate files changed but cannot be used; the former ones stay in use");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files.iter().map(|f| Stamp::of(f).ok()).collect()
}

fn pool(settings: &Settings) -> Result<Pool, BuildError> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new());
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_connect_timeout(Some(settings.connect_timeout));
    let https = HttpsConnectorBuilder::new().with_tls_config(tls::client_config(&settings.tls)?).https_or_http();
    let https = match tls::server_name(&settings.tls)? {
        Some(name) => https.with_server_name_resolver(FixedServerNameResolver::new(name)),
        None => https,
    };
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .http1_max_buf_size(READ_BUFFER)
        .build(https.enable_http1().wrap_connector(tcp)))
}
