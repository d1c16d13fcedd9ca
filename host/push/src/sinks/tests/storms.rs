//! A backend that asks to be left alone (fault 11).

use std::time::Duration;

use weir_receive::Answer;
use weir_telemetry::{Ledger, Metrics, Signal};

use super::rig::*;
use crate::sinks::Sinks;

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_with_retry_after_is_honoured_and_other_backends_are_not_slowed() {
    let (other, at_other) = backend().await;
    let rig = Rig::with(|p| vec![remote_write(p, "a"), remote_write(&other, "b")], |p| vec![loki(p, "l")]).await;
    rig.preview.faults().always(Answer::status(429).retry_after("600"));
    let mut all = targets(&rig.sinks, &["a", "b"], 12);
    for time in 1..=30 {
        for target in &mut all {
            target.scrape(time);
        }
        rig.sinks.flush();
    }
    tokio::time::timeout(BOUND, at_other.wait_until(|r| r.sample_count() == 360)).await.unwrap();
    rig.asked(1).await;
    rig.sinks.shutdown(Duration::from_millis(10)).await;
    let asked = rig.preview.faults().asked();
    assert_eq!(asked, 1, "one lane sends at first, and what it is told holds for all");
    let (a, b) = (rig.account("remote_write.a"), rig.account("remote_write.b"));
    assert_eq!((a.delivered.get(), a.queued() + a.in_flight.get(), b.delivered.get()), (0, 360, 360));
    balance(&a, 0);
    balance(&b, 0);
    drop(rig.sinks);

    // the next start knows nothing of the ten minutes
    rig.preview.faults().heal();
    let metrics = Metrics::new();
    let ledger = Ledger::new(&metrics);
    let again = remote_write(&rig.preview, "a");
    let sinks = Sinks::open(vec![again], vec![], rig.dir.path(), &metrics, &ledger).await.unwrap();
    tokio::time::timeout(BOUND, rig.recorder.wait_until(|r| r.sample_count() == 360)).await.unwrap();
    assert_eq!(times(&rig.recorder, "k0"), (1..=30).collect::<Vec<_>>());
    sinks.shutdown(BOUND).await;
    let account = ledger.sink("remote_write.a", Signal::Samples);
    assert_eq!((account.recovered.get(), account.delivered.get()), (360, 360));
    balance(&account, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_ends_is_followed_by_what_waited() {
    let rig = Rig::new().await;
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(1));
    rig.preview.faults().next(Answer::status(429).retry_after("1"));
    rig.preview.faults().next(Answer::status(503).retry_after(&date));
    let mut target = Target::new(&rig.sinks, &["a"], 2);
    for time in 1..=3 {
        target.scrape(time);
        rig.sinks.flush();
    }
    rig.arrived(|r| r.sample_count() == 6).await;
    rig.sinks.shutdown(BOUND).await;
    balance(&rig.account("remote_write.a"), 0);
}
