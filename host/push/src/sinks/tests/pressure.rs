//! Queues that are full (fault 8).

use weir_queue::WhenFull;
use weir_receive::{Answer, Preview};

use super::rig::*;

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
async fn a_scrape_waits_for_no_queue_and_what_does_not_fit_is_dropped_for_that_sink_alone() {
    let (other, at_other) = backend().await;
    let small = |p: &Preview| {
        let mut settings = remote_write(p, "a");
        settings.queue.max_bytes = 4096;
        settings.queue.when_full = WhenFull::Block;
        vec![settings, remote_write(&other, "b")]
    };
    let rig = Rig::with(small, |_| vec![]).await;
    rig.preview.faults().always(Answer::status(503));
    let mut target = Target::new(&rig.sinks, &["a", "b"], 5);
    for time in 1..=100 {
        target.scrape(time);
        rig.sinks.flush();
    }
    tokio::time::timeout(BOUND, at_other.wait_until(|r| r.sample_count() == 500)).await.unwrap();
    let account = rig.account("remote_write.a");
    let dropped = account.dropped_so_far("queue_full_newest");
    assert!(dropped > 0);
    rig.preview.faults().heal();
    rig.arrived(|r| r.sample_count() as u64 == 500 - dropped).await;
    rig.sinks.shutdown(BOUND).await;
    balance(&account, dropped);
    balance(&rig.account("remote_write.b"), 0);
}
