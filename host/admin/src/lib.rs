//! weir's HTTP server for operators.
//!
//! | path | method | what |
//! |---|---|---|
//! | `/metrics` | GET | weir's own metrics, as OpenMetrics 1.0 or text 0.0.4, as asked for |
//! | `/-/healthy` | GET | 200 as long as the process serves |
//! | `/-/ready` | GET | 200, or 503 with what keeps weir from its work |
//! | `/-/reload` | POST, PUT | reads the configuration again: 200, or 500 with what is wrong with it |
//! | `/api/v1/targets` | GET | the targets and how they do, in the shape of Prometheus' API |
//! | `/api/v1/ledger` | GET | what became of every record; see [`ledger`] |
//! | `/api/v1/queues` | GET | the sinks' disk queues, as `weir queue ls --json` shows them |
//! | `/api/v1/plugins` | GET | the plugins: state, SHA-256 of the component that runs, what its newest file's problem is |
//!
//! It has no password: the configuration's default is to listen on loopback only.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use weir_telemetry::ledger::Snapshot;
use weir_telemetry::{Metrics, metrics};

pub mod ledger;

/// The media type for scrapers that do not ask for OpenMetrics. The text is the same: what 0.0.4 does not know are comments
/// to it.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A request to read the configuration again.
#[derive(Debug)]
pub struct ReloadRequest {
    /// Where the outcome goes: an error is what is wrong, in words.
    pub reply: oneshot::Sender<Result<(), String>>,
}

/// What the server shows; asked at each request.
pub trait Source: Send + Sync + 'static {
    /// What keeps weir from its work; empty when it is ready.
    fn problems(&self) -> impl Future<Output = Vec<String>> + Send;

    /// The conservation ledger at this moment.
    fn ledger(&self) -> impl Future<Output = Snapshot> + Send;

    /// The `data` of `/api/v1/targets`.
    fn targets(&self) -> impl Future<Output = Value> + Send;

    /// The `data` of `/api/v1/queues`.
    fn queues(&self) -> impl Future<Output = Value> + Send;

    /// The `data` of `/api/v1/plugins`.
    fn plugins(&self) -> impl Future<Output = Value> + Send;
}

struct Admin<S> {
    metrics: Metrics,
    source: S,
    reloads: mpsc::Sender<ReloadRequest>,
}

/// Serves until `stop` is done. Connections that are open then may finish their request.
pub async fn serve<S: Source>(
    listener: TcpListener,
    metrics: Metrics,
    source: S,
    reloads: mpsc::Sender<ReloadRequest>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(metrics, source, reloads)).with_graceful_shutdown(stop).await
}

fn router<S: Source>(metrics: Metrics, source: S, reloads: mpsc::Sender<ReloadRequest>) -> Router {
    Router::new()
        .route("/metrics", get(show_metrics::<S>))
        .route("/-/healthy", get(async || "weir is healthy\n"))
        .route("/-/ready", get(ready::<S>))
        .route("/-/reload", post(reload::<S>).put(reload::<S>))
        .route("/api/v1/targets", get(targets::<S>))
        .route("/api/v1/ledger", get(show_ledger::<S>))
        .route("/api/v1/queues", get(queues::<S>))
        .route("/api/v1/plugins", get(plugins::<S>))
        .with_state(Arc::new(Admin { metrics, source, reloads }))
}

async fn show_metrics<S: Source>(State(admin): State<Arc<Admin<S>>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or_default();
    let media = if accept.contains("application/openmetrics-text") { metrics::CONTENT_TYPE } else { TEXT };
    match admin.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, media)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn ready<S: Source>(State(admin): State<Arc<Admin<S>>>) -> Response {
    let problems = admin.source.problems().await;
    if problems.is_empty() {
        return "weir is ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n").into_response()
}

async fn reload<S: Source>(State(admin): State<Arc<Admin<S>>>) -> Response {
    let (reply, outcome) = oneshot::channel();
    let asked = admin.reloads.send(ReloadRequest { reply }).await;
    match (asked, outcome.await) {
        (Ok(()), Ok(Ok(()))) => "reloaded\n".into_response(),
        (Ok(()), Ok(Err(error))) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{}\n", error.trim_end())).into_response()
        }
        (Err(_), _) | (_, Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "weir is stopping\n").into_response(),
    }
}

async fn show_ledger<S: Source>(
    State(admin): State<Arc<Admin<S>>>,
    filter: Result<Query<ledger::Filter>, QueryRejection>,
) -> Response {
    match filter {
        Ok(Query(filter)) => success(&ledger::data(&admin.source.ledger().await, &filter)),
        Err(error) => {
            let body = serde_json::json!({ "status": "error", "errorType": "bad_data", "error": error.body_text() });
            (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
        }
    }
}

async fn targets<S: Source>(State(admin): State<Arc<Admin<S>>>) -> Response {
    success(&admin.source.targets().await)
}

/// Prometheus' envelope.
fn success(data: &Value) -> Response {
    axum::Json(serde_json::json!({ "status": "success", "data": data })).into_response()
}

async fn plugins<S: Source>(State(admin): State<Arc<Admin<S>>>) -> Response {
    success(&admin.source.plugins().await)
}

async fn queues<S: Source>(State(admin): State<Arc<Admin<S>>>) -> Response {
    success(&admin.source.queues().await)
}

#[cfg(test)]
mod tests;
