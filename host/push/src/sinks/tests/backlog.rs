//! Catching up after an outage (fault 9), measured in requests and not in time.

#![allow(clippy::print_stdout, reason = "the figures that the tests reached")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderMap;
use prost::Message;
use tempfile::TempDir;
use weir_queue::{Queue, RecordMeta};
use weir_receive::proto::loki::PushRequest;
use weir_receive::proto::remote_write::{Label, Sample, TimeSeries, WriteRequest};
use weir_receive::{Answer, Observer, Preview, Recorder, Refusal};
use weir_telemetry::{Ledger, Metrics, Signal};

use super::rig::*;
use crate::protocol::Protocol;
use crate::remote_write::transcode;
use crate::settings::RemoteWriteVersion;
use crate::sinks::Sinks;

/// A recorder that also knows how many requests were with the backend at once.
#[derive(Default)]
struct Busy {
    recorder: Recorder,
    with_it: AtomicUsize,
    most: AtomicUsize,
    requests: AtomicUsize,
}

impl Busy {
    fn begin(&self) {
        let now = self.with_it.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.requests.fetch_add(1, Ordering::SeqCst);
    }

    fn end(&self) {
        self.with_it.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Observer for Busy {
    fn metrics(&self, headers: &HeaderMap, request: &WriteRequest) -> Result<(), Refusal> {
        self.end();
        self.recorder.metrics(headers, request)
    }

    fn logs(&self, headers: &HeaderMap, request: &PushRequest) -> Result<(), Refusal> {
        self.end();
        self.recorder.logs(headers, request)
    }
}

/// A backend that takes `delay` for each request.
async fn backend_with(delay: Duration) -> (Preview, Arc<Busy>) {
    let busy = Arc::new(Busy::default());
    let preview = Preview::local(busy.clone()).await.unwrap();
    serve(&preview, &busy, delay);
    (preview, busy)
}

fn serve(preview: &Preview, busy: &Arc<Busy>, delay: Duration) {
    let busy = busy.clone();
    preview.faults().rule(move |_| {
        busy.begin();
        Some(Answer::status(204).after(delay))
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_all_lanes_send_full_requests_in_order() {
    let (preview, busy) = backend_with(Duration::from_millis(20)).await;
    preview.faults().always(Answer::status(503));
    let (dir, metrics) = (TempDir::new().unwrap(), Metrics::new());
    let ledger = Ledger::new(&metrics);
    let mut settings = remote_write(&preview, "a");
    settings.batch.max_records = 50;
    settings.sending.max_shards = 6;
    let sinks = Sinks::open(vec![settings], vec![], dir.path(), &metrics, &ledger).await.unwrap();
    let mut all = targets(&sinks, &["a"], 24);
    for time in 1..=400 {
        for target in &mut all {
            target.scrape(time);
        }
        sinks.flush();
    }
    until("an attempt", || preview.faults().asked() > 0).await;
    serve(&preview, &busy, Duration::from_millis(20));
    let complete = busy.recorder.wait_until(|r| r.sample_count() == 9_600);
    tokio::time::timeout(3 * BOUND, complete).await.unwrap();
    for name in b'a'..b'a' + 24 {
        let series = format!("{}0", char::from(name));
        assert_eq!(times(&busy.recorder, &series), (1..=400).collect::<Vec<_>>(), "{series}");
    }
    sinks.shutdown(BOUND).await;
    let (requests, most) = (busy.requests.load(Ordering::SeqCst), busy.most.load(Ordering::SeqCst));
    println!("9600 samples in 400 records a lane: {requests} requests, {most} at once");
    assert_eq!(most, 6, "as many as max_shards allows");
    // 192 are the fewest; the records of a lane rarely add up to 50 exactly
    assert!(requests <= 250, "{requests} requests");
    let account = ledger.sink("remote_write.a", Signal::Samples);
    assert_eq!(account.delivered.get(), 9_600);
    balance(&account, 0);
}

/// A record as a lane with one small target writes it.
fn record(protocol: Protocol, lane: usize, second: i64) -> Vec<u8> {
    let series = |n: usize| TimeSeries {
        labels: vec![Label { name: "__name__".into(), value: format!("lane{lane}_series{n}") }],
        samples: vec![Sample { value: second as f64, timestamp: second * 1000 }],
    };
    let request = WriteRequest { timeseries: (0..10).map(series).collect() };
    let one = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap();
    transcode(Protocol::RemoteWrite1, protocol, &one).unwrap_or(one)
}

/// Queues a record a second for each of eight lanes and lets a backend of 100 ms have them; how many requests it took.
async fn catch_up(protocol: Protocol, seconds: i64, delay: Duration) -> usize {
    let (dir, metrics) = (TempDir::new().unwrap(), Metrics::new());
    {
        let path = dir.path().join("queue/remote_write.a");
        let queue = Queue::open(weir_queue::Settings::new(path, "remote_write.a")).unwrap();
        for second in 1..=seconds {
            for lane in 0..8 {
                let time = second * 1000;
                let meta = RecordMeta {
                    protocol: protocol.number(),
                    entries: 10,
                    time_min_ms: time,
                    time_max_ms: time,
                    ..RecordMeta::default()
                };
                let body = record(protocol, lane, second).into();
                while queue.append(lane, meta, &body, &mut None).is_err() {
                    queue.room(body.len()).await;
                }
            }
        }
        queue.close().unwrap();
    }
    let (preview, busy) = backend_with(delay).await;
    let ledger = Ledger::new(&metrics);
    let version = match protocol {
        Protocol::RemoteWrite2 => RemoteWriteVersion::Two,
        _ => RemoteWriteVersion::One,
    };
    let settings = RemoteWriteSettings { version, ..remote_write(&preview, "a") };
    let sinks = Sinks::open(vec![settings], vec![], dir.path(), &metrics, &ledger).await.unwrap();
    let account = ledger.sink("remote_write.a", Signal::Samples);
    let total = seconds as u64 * 80;
    let complete = busy.recorder.wait_until(|r| r.sample_count() as u64 == total);
    tokio::time::timeout(60 * BOUND, complete).await.unwrap();
    sinks.shutdown(BOUND).await;
    assert_eq!((account.recovered.get(), account.delivered.get()), (total, total));
    balance(&account, 0);
    let seen = times(&busy.recorder, "lane3_series7");
    assert_eq!(seen, (1..=seconds).map(|s| s * 1000).collect::<Vec<_>>());
    busy.requests.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_a_small_record_a_second_goes_out_in_some_requests_a_lane() {
    for protocol in [Protocol::RemoteWrite1, Protocol::RemoteWrite2] {
        let requests = catch_up(protocol, 3_600, Duration::from_millis(1)).await;
        println!("an hour of 8 lanes in {protocol:?}: {requests} requests instead of 28800");
        // 36,000 samples a lane are four requests of 10,000 at best
        assert!((32..=96).contains(&requests), "{requests}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a day's worth: half a minute of preparation"]
async fn a_day_of_a_small_record_a_second_at_100_ms_a_request() {
    let requests = catch_up(Protocol::RemoteWrite1, 86_400, Duration::from_millis(100)).await;
    println!("a day of 8 lanes: {requests} requests instead of 691200");
    assert!(requests <= 8 * 87 * 2, "{requests}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_records_in_one_request_that_is_too_large_are_sent_one_by_one() {
    let rig = Rig::new().await;
    rig.preview.faults().always(Answer::status(503));
    let mut target = Target::new(&rig.sinks, &["a"], 4);
    for time in 1..=20 {
        target.scrape(time);
        rig.sinks.flush();
    }
    let outlet = rig.sinks.loki(&["l".into()]);
    for line in 0..20 {
        outlet.accept(lines(&[&line.to_string()]), &from()).await;
        rig.sinks.flush();
    }
    rig.asked(2).await;
    // one record of four samples, or four of one line, and no more
    rig.preview.faults().rule(|asked| (asked.records > 4).then(|| Answer::status(413)));
    rig.arrived(|r| r.sample_count() == 80 && r.line_count() == 20).await;
    assert_eq!(times(&rig.recorder, "m3"), (1..=20).collect::<Vec<_>>());
    assert_eq!(rig.recorder.lines(r#"{job="x"}"#), (0..20).map(|i| i.to_string()).collect::<Vec<_>>());
    rig.sinks.shutdown(BOUND).await;
    for component in ["remote_write.a", "loki.l"] {
        let account = rig.account(component);
        assert_eq!(account.dropped_so_far("too_large"), 0);
        balance(&account, 0);
    }
}

/// Twenty records of four samples wait.
async fn twenty_records(rig: &Rig) {
    rig.preview.faults().always(Answer::status(503));
    let mut target = Target::new(&rig.sinks, &["a"], 4);
    for time in 1..=20 {
        target.scrape(time);
        rig.sinks.flush();
    }
    rig.asked(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_whose_request_is_refused_are_sent_one_by_one() {
    let rig = Rig::new().await;
    twenty_records(&rig).await;
    let before = rig.preview.faults().asked();
    rig.preview.faults().rule(|asked| (asked.records > 4).then(|| Answer::status(400)));
    rig.arrived(|r| r.sample_count() == 80).await;
    assert!(rig.preview.faults().asked() > before + 20, "one at least held several");
    assert_eq!(times(&rig.recorder, "m3"), (1..=20).collect::<Vec<_>>());
    rig.sinks.shutdown(BOUND).await;
    balance(&rig.account("remote_write.a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_is_refused_once_and_counted() {
    let rig = Rig::new().await;
    twenty_records(&rig).await;
    rig.preview.faults().always(Answer::status(400));
    let account = rig.account("remote_write.a");
    until("all settled", || account.dropped_so_far("http_400_unknown") == 80).await;
    let asked = rig.preview.faults().asked();
    rig.sinks.shutdown(BOUND).await;
    assert_eq!(rig.preview.faults().asked(), asked, "and not again");
    balance(&account, 80);
}
