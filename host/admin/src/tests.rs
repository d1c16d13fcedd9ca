use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use weir_telemetry::{Ledger, Signal};

use super::*;

/// A source whose problems are given.
struct Given(Vec<String>);

impl Source for Given {
    async fn problems(&self) -> Vec<String> {
        self.0.clone()
    }
    async fn ledger(&self) -> Snapshot {
        let ledger = Ledger::new(&Metrics::new());
        let source = ledger.source("file_logs.app", Signal::Lines);
        let (pipeline, sink) = (ledger.pipeline("logs", Signal::Lines), ledger.sink("loki.main", Signal::Lines));
        source.book(5, 0, &[]);
        let mut from = source.passage(5);
        let mut passage = pipeline.take(&mut from, 5);
        from.end();
        passage.dropped_by("level", "filtered", 1);
        sink.take(&pipeline, 4);
        passage.taken(1, 4);
        passage.end();
        ledger.look()
    }
    async fn targets(&self) -> Value {
        serde_json::json!({ "activeTargets": [] })
    }
    async fn queues(&self) -> Value {
        serde_json::json!({ "queues": [] })
    }
    async fn plugins(&self) -> Value {
        serde_json::json!({ "plugins": [] })
    }
}

/// Answers reloads with `outcome`.
fn router_with(problems: &[&str], outcome: Result<(), String>) -> (Router, Metrics) {
    let (sender, mut requests) = mpsc::channel::<ReloadRequest>(1);
    tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            request.reply.send(outcome.clone()).unwrap();
        }
    });
    let metrics = Metrics::new();
    (router(metrics.clone(), Given(problems.iter().map(|p| (*p).to_string()).collect()), sender), metrics)
}

async fn ask(router: &Router, method: &str, path: &str, accept: &str) -> (u16, String, String) {
    let request = Request::builder().method(method).uri(path).header(ACCEPT, accept).body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let media = answer.headers().get(CONTENT_TYPE).map(|m| m.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, media, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn metrics_come_in_the_form_that_was_asked_for() {
    let (router, metrics) = router_with(&[], Ok(()));
    Ledger::new(&metrics).source("scrape.a", Signal::Samples).book(3, 0, &[]);
    let (status, media, text) = ask(&router, "GET", "/metrics", "*/*").await;
    assert_eq!((status, media.as_str()), (200, TEXT));
    assert!(text.contains("weir_records_total{signal=\"samples\",source=\"scrape.a\",stage=\"read\"} 3"));
    let (_, media, _) = ask(&router, "GET", "/metrics", "application/openmetrics-text;version=1.0.0,*/*;q=0.1").await;
    assert_eq!(media, metrics::CONTENT_TYPE);
}

#[tokio::test]
async fn readiness_names_what_is_wrong() {
    let (router, _) = router_with(&[], Ok(()));
    assert_eq!(ask(&router, "GET", "/-/ready", "").await.0, 200);
    let (router, _) = router_with(&["the disk is full"], Ok(()));
    let (status, _, text) = ask(&router, "GET", "/-/ready", "").await;
    assert_eq!((status, text.as_str()), (503, "the disk is full\n"));
    assert_eq!(ask(&router, "GET", "/-/healthy", "").await.0, 200);
}

#[tokio::test]
async fn a_reload_is_a_post_and_tells_its_outcome() {
    let (router, _) = router_with(&[], Ok(()));
    assert_eq!(ask(&router, "POST", "/-/reload", "").await.0, 200);
    assert_eq!(ask(&router, "PUT", "/-/reload", "").await.0, 200);
    assert_eq!(ask(&router, "GET", "/-/reload", "").await.0, 405);
    let (router, _) = router_with(&[], Err("weir.toml:3:1: no".into()));
    let (status, _, text) = ask(&router, "POST", "/-/reload", "").await;
    assert_eq!((status, text.as_str()), (500, "weir.toml:3:1: no\n"));
}

#[tokio::test]
async fn the_api_has_the_shape_of_prometheus() {
    let (router, _) = router_with(&[], Ok(()));
    let (_, _, text) = ask(&router, "GET", "/api/v1/targets", "").await;
    assert_eq!(text, r#"{"data":{"activeTargets":[]},"status":"success"}"#);
    let (_, _, text) = ask(&router, "GET", "/api/v1/queues", "").await;
    assert_eq!(text, r#"{"data":{"queues":[]},"status":"success"}"#);
}

#[tokio::test]
async fn the_ledger_shows_each_account_and_seam() {
    let (router, _) = router_with(&[], Ok(()));
    let (status, media, text) = ask(&router, "GET", "/api/v1/ledger", "").await;
    assert_eq!((status, media.as_str()), (200, "application/json"));
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["status"], "success");
    let want = serde_json::json!({
        "balanced": true,
        "exact": true,
        "sources": [{
            "source": "file_logs.app", "signal": "lines", "read": 5, "generated": 0, "copied": 0,
            "handedOn": { "logs": 5 }, "inFlight": 0, "dropped": [], "difference": 0,
        }],
        "pipelines": [{
            "pipeline": "logs", "signal": "lines", "read": 5, "generated": 0, "copied": 0,
            "handedOn": { "loki.main": 4 }, "inFlight": 0,
            "dropped": [{ "reason": "filtered", "plugin": "level", "records": 1 }], "difference": 0,
        }],
        "sinks": [{
            "sink": "loki.main", "signal": "lines", "read": 4, "generated": 0, "recovered": 0, "delivered": 0,
            "queued": 4, "inFlight": 0, "dropped": [], "difference": 0,
        }],
        "seams": [
            { "into": "logs", "signal": "lines", "from": { "file_logs.app": 5 }, "handedOn": 5, "read": 5,
              "difference": 0 },
            { "into": "loki.main", "signal": "lines", "from": { "logs": 4 }, "handedOn": 4, "read": 4, "difference": 0 },
        ],
        "totals": {
            "samples": {},
            "lines": { "read": 5, "generated": 0, "copied": 0, "recovered": 0, "delivered": 0, "queued": 4,
                       "inFlight": 0, "dropped": 1, "difference": 0 },
        },
    });
    assert_eq!(answer["data"], want);
}

#[tokio::test]
async fn the_ledger_is_filtered_by_signal_and_name() {
    let (router, _) = router_with(&[], Ok(()));
    let counts = async |query: &str| {
        let (_, _, text) = ask(&router, "GET", &format!("/api/v1/ledger{query}"), "").await;
        let data = serde_json::from_str::<Value>(&text).unwrap()["data"].clone();
        ["sources", "pipelines", "sinks", "seams"].map(|kind| data[kind].as_array().unwrap().len())
    };
    assert_eq!(counts("?signal=lines").await, [1, 1, 1, 2]);
    assert_eq!(counts("?signal=samples").await, [0, 0, 0, 0]);
    assert_eq!(counts("?sink=loki.main").await, [0, 0, 1, 1]);
    assert_eq!(counts("?source=file_logs.app&pipeline=logs").await, [1, 1, 0, 1]);
    let (status, _, text) = ask(&router, "GET", "/api/v1/ledger?sinc=loki.main", "").await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("bad_data"), "{text}");
}
