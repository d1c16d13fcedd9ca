use super::*;
use crate::faults::Versions;
use crate::proto::loki::{Entry, Stream, Timestamp};
use crate::proto::remote_write::{Label, Sample, TimeSeries};
use crate::proto::remote_write_2 as v2;
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

const TWO: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

fn sample_2(time: i64) -> v2::Request {
    let series = v2::TimeSeries {
        labels_refs: vec![1, 2, 3, 4],
        samples: vec![v2::Sample { value: 1.0, timestamp: time, start_timestamp: 0 }],
        metadata: Some(v2::Metadata { r#type: 2, help_ref: 5, unit_ref: 0 }),
    };
    let symbols = ["", "__name__", "up", "job", "node", "Whether it is up."].map(str::to_owned).into();
    v2::Request { symbols, timeseries: vec![series] }
}

#[tokio::test]
async fn both_versions_of_remote_write_show_the_same_series() {
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    let url = preview.remote_write_url();
    let written = |headers: &HeaderMap| {
        headers.get("x-prometheus-remote-write-samples-written").map(|v| v.to_str().unwrap().to_owned())
    };
    let (status, headers) =
        push(&url, snappy(&sample(1)), "application/x-protobuf;proto=prometheus.WriteRequest").await;
    assert_eq!((status, written(&headers)), (204, None));
    let (status, headers) = push(&url, snappy(&sample_2(2)), TWO).await;
    assert_eq!((status, written(&headers).as_deref()), (204, Some("1")));
    let point = |time| Point { time, value: 1.0 };
    assert_eq!(recorder.samples(r#"up{job="node"}"#), [point(1), point(2)]);
    let metadata = recorder.metadata(r#"up{job="node"}"#).unwrap();
    assert_eq!((metadata.kind, metadata.help.as_str(), metadata.unit.as_str()), (2, "Whether it is up.", ""));

    let bad = v2::Request { symbols: vec!["up".into()], ..sample_2(3) };
    let (status, headers) = push(&url, snappy(&bad), TWO).await;
    assert_eq!((status, written(&headers).as_deref()), (400, Some("0")));
    assert_eq!(push(&url, snappy(&sample(3)), "application/x-protobuf;proto=else").await.0, 415);
    preview.faults().next(Answer::status(200).written(0));
    assert_eq!(written(&push(&url, snappy(&sample_2(4)), TWO).await.1).as_deref(), Some("0"));
    preview.stop().await;
}

#[tokio::test]
async fn a_receiver_of_one_version_says_so_or_stores_nothing() {
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    let url = preview.remote_write_url();
    for (versions, one, two) in [(Versions::One, 204, 415), (Versions::OneUnaware, 204, 204), (Versions::Two, 415, 204)]
    {
        preview.faults().understand(versions);
        assert_eq!(push(&url, snappy(&sample(1)), "application/x-protobuf").await.0, one, "{versions:?}");
        let (status, headers) = push(&url, snappy(&sample_2(1)), TWO).await;
        let written = headers.contains_key("x-prometheus-remote-write-samples-written");
        assert_eq!((status, written), (two, versions == Versions::Two), "{versions:?}");
    }
    // two of 1.0, one of 2.0; what was answered without a word of what was written is not stored
    assert_eq!(recorder.sample_count(), 3);
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
