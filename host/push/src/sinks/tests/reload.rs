//! Other settings while records are under way.

use weir_receive::Answer;

use super::rig::*;
use crate::sinks::SinkError;
use weir_queue::Health;

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
