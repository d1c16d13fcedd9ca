//! What is sent, and what is found again after a restart.

use std::time::Duration;

use weir_receive::Answer;
use weir_telemetry::{Ledger, Metrics, Signal};

use super::rig::*;
use crate::sinks::Sinks;

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
