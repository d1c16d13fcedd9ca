//! Answers that say no (faults 12 and 14).

use std::time::Duration;

use weir_receive::{Answer, Preview};

use super::rig::*;

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
