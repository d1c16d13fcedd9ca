use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use weir_model::{Ack, AckWatch, Births, LabelSet, LogBatch, Page, Sample, TargetSink};
use weir_receive::{Answer, Preview, Recorder};
use weir_telemetry::{Ledger, Metrics, Signal, SinkAccount};

use super::*;
use crate::intake::testing::from;
use crate::settings::SendSettings;

mod renewal;
mod versions;

const BOUND: Duration = Duration::from_secs(20);

/// A backend, sinks to it, and the ledger between.
struct Rig {
    dir: TempDir,
    recorder: Arc<Recorder>,
    preview: Preview,
    metrics: Metrics,
    ledger: Ledger,
    sinks: Sinks,
}

fn fast() -> SendSettings {
    SendSettings {
        min_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(5),
        ..SendSettings::default()
    }
}

fn remote_write(preview: &Preview, name: &str) -> RemoteWriteSettings {
    let url = preview.remote_write_url().parse().unwrap();
    RemoteWriteSettings { sending: fast(), ..RemoteWriteSettings::new(name, url) }
}

fn loki(preview: &Preview, name: &str) -> LokiSettings {
    LokiSettings { sending: fast(), ..LokiSettings::new(name, preview.loki_url().parse().unwrap()) }
}

impl Rig {
    async fn new() -> Self {
        Self::with(|preview| vec![remote_write(preview, "a")], |preview| vec![loki(preview, "l")]).await
    }

    async fn with(
        remote_writes: impl Fn(&Preview) -> Vec<RemoteWriteSettings>,
        lokis: impl Fn(&Preview) -> Vec<LokiSettings>,
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let recorder = Arc::new(Recorder::default());
        let preview = Preview::local(recorder.clone()).await.unwrap();
        let metrics = Metrics::new();
        let ledger = Ledger::new(&metrics);
        let (metric, log) = (remote_writes(&preview), lokis(&preview));
        let sinks = Sinks::open(metric, log, dir.path(), &metrics, &ledger).await.unwrap();
        Self { dir, recorder, preview, metrics, ledger, sinks }
    }

    fn account(&self, component: &str) -> SinkAccount {
        let signal = if component.starts_with("loki") { Signal::Lines } else { Signal::Samples };
        self.ledger.sink(component, signal)
    }

    async fn arrived(&self, enough: impl FnMut(&Recorder) -> bool) {
        tokio::time::timeout(BOUND, self.recorder.wait_until(enough)).await.expect("it should have arrived");
    }

    async fn asked(&self, requests: u64) {
        let asked = async {
            while self.preview.faults().asked() < requests {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(BOUND, asked).await.expect("it should have been asked");
    }
}

/// One target with the series `m0`, `m1`, …
struct Target {
    sink: Box<dyn TargetSink>,
    to: Arc<Destinations>,
    born: bool,
    series: u32,
}

impl Target {
    fn new(sinks: &Sinks, names: &[&str], series: u32) -> Self {
        let names: Vec<_> = names.iter().map(|n| (*n).to_owned()).collect();
        let to = Arc::new(Destinations::new(&names));
        Self { sink: sinks.remote_write_target(&to, 3, &from()), to, born: false, series }
    }

    fn scrape(&mut self, time: i64) {
        let mut births = Births::default();
        for slot in (0..self.series).filter(|_| !self.born) {
            let labels: LabelSet = [("__name__", format!("m{slot}"))].iter().collect();
            births.push(slot, labels.as_labels());
        }
        self.born = true;
        let samples: Vec<_> = (0..self.series).map(|slot| Sample { slot, own_time: false, time, value: 1.0 }).collect();
        self.sink.accept(&Page { time, deaths: &[], births: &births, samples: &samples });
    }
}

fn lines(lines: &[&str]) -> LogBatch {
    let mut batch = LogBatch { streams: vec![[("job", "x")].iter().collect()], ..LogBatch::default() };
    for line in lines {
        batch.push(1, line);
    }
    batch
}

fn times(recorder: &Recorder, series: &str) -> Vec<i64> {
    recorder.samples(series).iter().map(|p| p.time).collect()
}

fn balance(account: &SinkAccount, dropped: u64) {
    let came = account.read.get() + account.recovered.get() + account.generated.get();
    let went = account.delivered.get() + dropped;
    let held = account.queued() + account.in_flight.get();
    assert_eq!(came as i64, went as i64 + held, "{account:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_and_lines_arrive_in_order_with_the_headers_that_say_what_they_are() {
    let mut rig = Rig::new().await;
    let mut target = Target::new(&rig.sinks, &["a"], 3);
    for time in 1..=5 {
        target.scrape(time);
        rig.sinks.flush();
    }
    rig.sinks.loki(&["l".into()]).accept(lines(&["one", "two"]), &from()).await;
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 15 && r.line_count() == 2).await;
    assert_eq!(times(&rig.recorder, "m2"), [1, 2, 3, 4, 5]);
    assert_eq!(rig.recorder.lines(r#"{job="x"}"#), ["one", "two"]);
    let headers = rig.recorder.headers();
    let first = headers.iter().find(|h| h.contains_key("x-prometheus-remote-write-version")).unwrap();
    assert_eq!(first["x-prometheus-remote-write-version"], "0.1.0");
    assert_eq!(
        (first["content-encoding"].as_bytes(), &first["content-type"]),
        (&b"snappy"[..], &http::HeaderValue::from_static("application/x-protobuf"))
    );
    assert!(first["user-agent"].to_str().unwrap().starts_with("weir/"));
    rig.sinks.shutdown(BOUND).await;
    for (component, read) in [("remote_write.a", 15), ("loki.l", 2)] {
        let account = rig.account(component);
        assert_eq!((account.read.get(), account.delivered.get()), (read, read));
        balance(&account, 0);
    }
    let text = rig.metrics.encode().unwrap();
    let url = rig.preview.remote_write_url();
    let line = format!(r#"prometheus_remote_storage_samples_total{{remote_name="a",url="{url}"}} 15"#);
    assert!(text.contains(&line), "{text}");
    rig.dir.close().unwrap();
    rig.metrics = Metrics::new();
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_that_pass_are_retried_in_order() {
    let rig = Rig::new().await;
    let faults = rig.preview.faults();
    faults.next(Answer::status(500));
    faults.next(Answer::status(503).retry_after("0"));
    faults.next(Answer::status(429).retry_after("Fri, 31 Dec 1999 23:59:59 GMT"));
    faults.next(Answer::status(302));
    let mut target = Target::new(&rig.sinks, &["a"], 1);
    for time in 1..=3 {
        target.scrape(time);
        rig.sinks.flush();
    }
    rig.arrived(|r| r.sample_count() == 3).await;
    assert_eq!(times(&rig.recorder, "m0"), [1, 2, 3]);
    assert_eq!(faults.asked(), 7);
    rig.sinks.shutdown(BOUND).await;
    balance(&rig.account("remote_write.a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_once_and_the_next_flows() {
    let rig = Rig::new().await;
    let mut target = Target::new(&rig.sinks, &["a"], 2);
    rig.preview.faults().next(Answer::status(400).body("out of order"));
    target.scrape(1);
    rig.sinks.flush();
    target.scrape(2);
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 2).await;
    assert_eq!(times(&rig.recorder, "m0"), [2]);
    rig.preview.faults().next(Answer::status(260));
    let outlet = rig.sinks.loki(&["l".into()]);
    outlet.accept(lines(&["blocked"]), &from()).await;
    rig.sinks.flush();
    outlet.accept(lines(&["kept"]), &from()).await;
    rig.sinks.flush();
    rig.arrived(|r| r.line_count() == 1).await;
    assert_eq!(rig.recorder.lines(r#"{job="x"}"#), ["kept"]);
    assert_eq!(rig.preview.faults().asked(), 4);
    rig.sinks.shutdown(BOUND).await;
    let (metric, log) = (rig.account("remote_write.a"), rig.account("loki.l"));
    assert_eq!(metric.dropped_so_far("http_400_unknown"), 2);
    assert_eq!(log.dropped_so_far("ingestion_blocked"), 1);
    balance(&metric, 2);
    balance(&log, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_is_split_once_and_then_counted() {
    let rig = Rig::new().await;
    rig.preview.faults().rule(|asked| (asked.records > 4).then(|| Answer::status(413)));
    let mut target = Target::new(&rig.sinks, &["a"], 8);
    target.scrape(1);
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 8).await;
    rig.preview.faults().rule(|asked| (asked.records > 3).then(|| Answer::status(413)));
    target.scrape(2);
    rig.sinks.flush();
    rig.asked(6).await;
    let outlet = rig.sinks.loki(&["l".into()]);
    outlet.accept(lines(&["1", "2", "3", "4", "5", "6"]), &from()).await;
    rig.sinks.flush();
    rig.arrived(|r| r.line_count() == 6).await;
    assert_eq!(rig.recorder.lines(r#"{job="x"}"#), ["1", "2", "3", "4", "5", "6"]);
    rig.sinks.shutdown(BOUND).await;
    let account = rig.account("remote_write.a");
    assert_eq!((account.delivered.get(), account.dropped_so_far("too_large")), (8, 8));
    balance(&account, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn order_holds_under_random_delays() {
    let rig = Rig::new().await;
    rig.preview.faults().rule(|asked| {
        let mixed = asked.before.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
        let status = if mixed == 7 { 500 } else { 204 };
        Some(Answer::status(status).after(Duration::from_millis(mixed)))
    });
    let to = Arc::new(Destinations::new(&["a".to_owned()]));
    let mut targets: Vec<_> = (0..6u64).map(|hash| rig.sinks.remote_write_target(&to, hash, &from())).collect();
    for time in 1..=20i64 {
        for (i, target) in targets.iter_mut().enumerate() {
            let mut births = Births::default();
            let labels: LabelSet = [("__name__", format!("m{i}"))].iter().collect();
            if time == 1 {
                births.push(0, labels.as_labels());
            }
            let samples = [Sample { slot: 0, own_time: false, time, value: 1.0 }];
            target.accept(&Page { time, deaths: &[], births: &births, samples: &samples });
        }
        rig.sinks.flush();
    }
    rig.arrived(|r| r.sample_count() == 120).await;
    for i in 0..6 {
        assert_eq!(times(&rig.recorder, &format!("m{i}")), (1..=20).collect::<Vec<_>>());
    }
    rig.sinks.shutdown(BOUND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_is_found_again() {
    let rig = Rig::new().await;
    rig.preview.faults().always(Answer::hang());
    Target::new(&rig.sinks, &["a"], 5).scrape(1);
    rig.sinks.flush();
    rig.asked(1).await;
    rig.sinks.shutdown(Duration::from_millis(10)).await;
    let account = rig.account("remote_write.a");
    balance(&account, 0);
    assert_eq!(account.delivered.get(), 0);
    drop(rig.sinks);

    rig.preview.faults().heal();
    let metrics = Metrics::new();
    let ledger = Ledger::new(&metrics);
    let again = remote_write(&rig.preview, "a");
    let sinks = Sinks::open(vec![again], vec![], rig.dir.path(), &metrics, &ledger).await.unwrap();
    tokio::time::timeout(BOUND, rig.recorder.wait_until(|r| r.sample_count() == 5)).await.unwrap();
    sinks.shutdown(BOUND).await;
    let account = ledger.sink("remote_write.a", Signal::Samples);
    assert_eq!((account.recovered.get(), account.delivered.get()), (5, 5));
    balance(&account, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_moves_what_changed_and_keeps_what_did_not() {
    let rig = Rig::with(|p| vec![remote_write(p, "a"), remote_write(p, "b")], |_| vec![]).await;
    let generation = rig.sinks.generation();
    let mut before = Target::new(&rig.sinks, &["a", "b"], 1);
    before.scrape(1);
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 2).await;

    let same = || vec![remote_write(&rig.preview, "a"), remote_write(&rig.preview, "b")];
    rig.sinks.apply(same(), vec![]).await.unwrap();
    assert_eq!(rig.sinks.generation(), generation, "nothing changed");

    let mut labelled = remote_write(&rig.preview, "a");
    labelled.external_labels = [("zone", "z")].iter().collect();
    rig.sinks.apply(vec![labelled], vec![]).await.unwrap();
    assert!(rig.sinks.generation() > generation);
    before.scrape(2);
    drop(before);
    let mut after = Target::new(&rig.sinks, &["a"], 1);
    after.scrape(3);
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 4).await;
    assert_eq!(times(&rig.recorder, "m0"), [1, 1, 2]);
    assert_eq!(times(&rig.recorder, r#"m0{zone="z"}"#), [3]);
    rig.sinks.shutdown(BOUND).await;
    balance(&rig.account("remote_write.a"), 0);
    assert_eq!(rig.account("remote_write.b").dropped_so_far("sink_removed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_set_up_anew_keeps_its_records() {
    let rig = Rig::new().await;
    rig.preview.faults().always(Answer::status(503));
    let mut target = Target::new(&rig.sinks, &["a"], 2);
    for time in 1..=5 {
        target.scrape(time);
        rig.sinks.flush();
    }
    rig.asked(2).await;
    let mut fewer = remote_write(&rig.preview, "a");
    fewer.queue.lanes = 2;
    fewer.client.headers.push(("x-new".into(), "yes".into()));
    rig.sinks.apply(vec![fewer], vec![loki(&rig.preview, "l")]).await.unwrap();
    let mut target = Target::new(&rig.sinks, &["a"], 2);
    target.scrape(6);
    rig.preview.faults().heal();
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 12).await;
    assert_eq!(times(&rig.recorder, "m1"), [1, 2, 3, 4, 5, 6]);
    assert!(rig.recorder.headers().iter().all(|h| h["x-new"] == "yes"));

    rig.sinks.apply(vec![], vec![]).await.unwrap();
    rig.sinks.apply(vec![remote_write(&rig.preview, "a")], vec![]).await.unwrap();
    let mut back = Target::new(&rig.sinks, &["a"], 2);
    back.scrape(7);
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 14).await;
    rig.sinks.shutdown(BOUND).await;
    let account = rig.account("remote_write.a");
    assert_eq!((account.recovered.get(), account.delivered.get()), (0, 14));
    balance(&account, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_settings_change_nothing() {
    let rig = Rig::new().await;
    let twice = vec![remote_write(&rig.preview, "a"), remote_write(&rig.preview, "a")];
    assert!(matches!(rig.sinks.apply(twice, vec![]).await, Err(SinkError::Duplicate { .. })));
    let mut header = remote_write(&rig.preview, "a");
    header.client.headers.push(("Content-Encoding".into(), "gzip".into()));
    let error = rig.sinks.apply(vec![header], vec![]).await.unwrap_err();
    assert_eq!(error.to_string(), "remote_write.a: header content-encoding is weir's to set");
    Target::new(&rig.sinks, &["a"], 1).scrape(1);
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 1).await;
    assert!(rig.sinks.health().iter().all(|h| h.queue == Health::Ok));
    rig.sinks.shutdown(BOUND).await;
}

#[derive(Default)]
struct Safe(AtomicU64);

impl AckWatch for Safe {
    fn settled(&self, _: u64, safe: bool) {
        assert!(safe);
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_acknowledged_when_it_is_durable_in_every_sink() {
    let rig = Rig::with(|_| vec![], |p| vec![loki(p, "l"), loki(p, "m")]).await;
    // nothing is delivered: durable is enough
    rig.preview.faults().always(Answer::status(503));
    let safe = Arc::new(Safe::default());
    let mut batch = lines(&["one"]);
    batch.ack = Some(Ack::new(safe.clone(), 1));
    rig.sinks.loki(&["l".into(), "m".into()]).accept(batch, &from()).await;
    rig.sinks.flush();
    let acknowledged = async {
        while safe.0.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BOUND, acknowledged).await.expect("it should be durable");
    rig.sinks.shutdown(Duration::from_millis(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_blocks_holds_lines_up_and_loses_none() {
    let small = |p: &Preview| {
        let mut settings = loki(p, "l");
        settings.queue.max_bytes = 4096;
        settings.batch.max_bytes = 512;
        vec![settings]
    };
    let rig = Rig::with(|_| vec![], small).await;
    rig.preview.faults().always(Answer::status(503));
    let outlet = rig.sinks.loki(&["l".into()]);
    let text = |n: usize| format!("{:016x}", (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(8);
    let all: Vec<_> = (0..200).map(text).collect();
    let writing = tokio::spawn({
        let all = all.clone();
        async move {
            for line in &all {
                outlet.accept(lines(&[line]), &from()).await;
            }
        }
    });
    rig.asked(5).await;
    assert!(!writing.is_finished(), "200 lines of 128 bytes do not fit");
    rig.preview.faults().heal();
    tokio::time::timeout(BOUND, writing).await.expect("room should come back").unwrap();
    rig.sinks.flush();
    rig.arrived(|r| r.line_count() == 200).await;
    assert_eq!(rig.recorder.lines(r#"{job="x"}"#), all);
    rig.sinks.shutdown(BOUND).await;
    balance(&rig.account("loki.l"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_drops_the_oldest_samples_and_counts_them() {
    let small = |p: &Preview| {
        let mut settings = remote_write(p, "a");
        settings.queue.max_bytes = 4096;
        vec![settings]
    };
    let rig = Rig::with(small, |_| vec![]).await;
    rig.preview.faults().always(Answer::status(503));
    let mut target = Target::new(&rig.sinks, &["a"], 5);
    for time in 1..=100 {
        target.scrape(time);
        rig.sinks.flush();
    }
    rig.preview.faults().heal();
    rig.arrived(|r| times(r, "m0").last() == Some(&100)).await;
    rig.sinks.shutdown(BOUND).await;
    let account = rig.account("remote_write.a");
    let dropped = account.dropped_so_far("queue_full");
    assert!(dropped > 0 && times(&rig.recorder, "m0").is_sorted());
    assert_eq!(rig.recorder.sample_count() as u64, 500 - dropped);
    balance(&account, dropped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_sends_what_it_can() {
    let rig = Rig::new().await;
    let mut target = Target::new(&rig.sinks, &["a"], 2);
    for time in 1..=10 {
        target.scrape(time);
    }
    rig.sinks.shutdown(BOUND).await;
    assert_eq!(rig.recorder.sample_count(), 20);
    balance(&rig.account("remote_write.a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_past_their_limit_are_not_sent() {
    let limited = |p: &Preview| {
        let mut settings = remote_write(p, "a");
        settings.sending.sample_age_limit = Some(Duration::from_mins(1));
        vec![settings]
    };
    let rig = Rig::with(limited, |_| vec![]).await;
    Target::new(&rig.sinks, &["a"], 2).scrape(1);
    rig.sinks.shutdown(BOUND).await;
    assert_eq!(rig.preview.faults().asked(), 0);
    assert_eq!(rig.account("remote_write.a").dropped_so_far("too_old"), 2);
}

/// Answers its first connections as rudely as real ones do, and later ones well.
async fn rude(listener: TcpListener) {
    for connection in 0.. {
        let Ok((mut stream, _)) = listener.accept().await else { return };
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).await;
        match connection {
            0 => {}
            1 => {
                let _ = stream.write_all(b"HTTP/1.1 20").await;
                let _ = stream.shutdown().await;
            }
            2 => {
                // holds the connection, says nothing
                tokio::spawn(async move { while stream.read(&mut head).await.is_ok_and(|n| n > 0) {} });
            }
            _ => {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_hangs_or_closes_is_tried_again() {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}/push", listener.local_addr().unwrap());
    let server = tokio::spawn(rude(listener));
    let (dir, metrics) = (TempDir::new().unwrap(), Metrics::new());
    let ledger = Ledger::new(&metrics);
    let sending = SendSettings { timeout: Duration::from_millis(200), ..fast() };
    let settings = RemoteWriteSettings { sending, ..RemoteWriteSettings::new("a", url.parse().unwrap()) };
    let sinks = Sinks::open(vec![settings], vec![], dir.path(), &metrics, &ledger).await.unwrap();
    Target::new(&sinks, &["a"], 4).scrape(1);
    sinks.flush();
    let account = ledger.sink("remote_write.a", Signal::Samples);
    let delivered = async {
        while account.delivered.get() < 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BOUND, delivered).await.expect("it should be delivered in the end");
    sinks.shutdown(BOUND).await;
    balance(&account, 0);
    server.abort();
}
