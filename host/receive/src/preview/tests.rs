use super::*;
use crate::proto::loki::{Entry, Stream, Timestamp};
use crate::proto::remote_write::{Label, Sample, TimeSeries};
use crate::recorder::{Point, Recorder};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use prost::Message;

async fn push(url: &str, body: Vec<u8>, content_type: &str) -> (u16, HeaderMap) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = axum::http::Request::post(url).header(header::CONTENT_TYPE, content_type);
    let response = client.request(request.body(Full::from(body)).unwrap()).await.unwrap();
    (response.status().as_u16(), response.headers().clone())
}

fn snappy(message: &impl Message) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap()
}

fn sample(time: i64) -> WriteRequest {
    let label = |n: &str, v: &str| Label { name: n.into(), value: v.into() };
    WriteRequest {
        timeseries: vec![TimeSeries {
            labels: vec![label("__name__", "up"), label("job", "node")],
            samples: vec![Sample { value: 1.0, timestamp: time }],
        }],
    }
}

#[tokio::test]
async fn what_is_pushed_can_be_asked_for() {
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    let url = preview.remote_write_url();
    assert_eq!(push(&url, snappy(&sample(1)), "application/x-protobuf").await.0, 204);
    assert_eq!(push(&url, snappy(&sample(2)), "application/x-protobuf").await.0, 204);
    let entry = |n, line: &str| Entry {
        timestamp: Some(Timestamp { seconds: n, nanos: 0 }),
        line: line.into(),
        structured_metadata: vec![],
    };
    let streams = vec![Stream { labels: r#"{a="b"}"#.into(), entries: vec![entry(1, "x"), entry(2, "y")] }];
    assert_eq!(push(&preview.loki_url(), snappy(&PushRequest { streams }), "application/x-protobuf").await.0, 204);
    recorder.wait_until(|r| r.line_count() == 2).await;
    let point = |time| Point { time, value: 1.0 };
    assert_eq!(recorder.samples(r#"up{job="node"}"#), [point(1), point(2)]);
    assert_eq!(recorder.lines(r#"{a="b"}"#), ["x", "y"]);
    let counters = preview.counters().clone();
    assert_eq!((counters.series(), counters.samples(), counters.streams(), counters.lines()), (2, 2, 1, 2));
    preview.stop().await;
}

#[tokio::test]
async fn faults_are_answered_and_not_stored() {
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    preview.faults().next(Answer::status(429).retry_after("3"));
    preview.faults().rule(|asked| (asked.records > 0 && asked.before == 1).then(|| Answer::status(260)));
    let url = preview.remote_write_url();
    let (status, headers) = push(&url, snappy(&sample(1)), "application/x-protobuf").await;
    assert_eq!((status, headers[header::RETRY_AFTER].as_bytes()), (429, &b"3"[..]));
    assert_eq!(push(&url, snappy(&sample(1)), "application/x-protobuf").await.0, 260);
    assert_eq!(recorder.sample_count(), 0);
    assert_eq!(push(&url, snappy(&sample(1)), "application/x-protobuf").await.0, 204);
    assert_eq!(push(&url, b"rubbish".to_vec(), "application/x-protobuf").await.0, 400);
    assert_eq!(push(&preview.loki_url(), b"{}".to_vec(), "text/plain").await.0, 415);
    assert_eq!((recorder.sample_count(), preview.counters().refused()), (1, 2));
    preview.stop().await;
}

#[tokio::test]
async fn a_hanging_request_does_not_hold_up_the_stop() {
    let preview = Preview::local(Arc::new(Recorder::default())).await.unwrap();
    preview.faults().always(Answer::hang());
    let url = preview.remote_write_url();
    let asked = preview.counters().clone();
    let hanging = tokio::spawn(async move { push(&url, snappy(&sample(1)), "application/x-protobuf").await });
    while asked.requests() == 0 {
        tokio::task::yield_now().await;
    }
    preview.stop().await;
    assert_eq!(hanging.await.unwrap().0, 503);
}
