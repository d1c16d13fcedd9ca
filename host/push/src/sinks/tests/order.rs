//! Order in the face of delays (fault 10).

use std::time::Duration;

use weir_receive::Answer;

use super::rig::*;

/// Delays of 0 to 5 s, a hundredth as long, and a failure now and then.
fn delays(rig: &Rig) {
    rig.preview.faults().rule(|asked| {
        let mixed = asked.before.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let status = [204, 204, 204, 204, 204, 204, 500, 429][(mixed >> 61) as usize];
        Some(Answer::status(status).after(Duration::from_micros((mixed >> 32) % 50_000)))
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_answers_after_random_delays_and_each_series_stays_in_order() {
    let rig = Rig::new().await;
    delays(&rig);
    let mut all = targets(&rig.sinks, &["a"], 12);
    for time in 1..=40 {
        for target in &mut all {
            target.scrape(time);
        }
        rig.sinks.flush();
    }
    rig.arrived(|r| r.sample_count() == 480).await;
    for name in b'a'..b'a' + 12 {
        let series = format!("{}0", char::from(name));
        assert_eq!(times(&rig.recorder, &series), (1..=40).collect::<Vec<_>>(), "{series}");
    }
    rig.sinks.shutdown(BOUND).await;
    balance(&rig.account("remote_write.a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_number_of_lanes_under_load_keeps_each_series_in_order() {
    let rig = Rig::new().await;
    delays(&rig);
    let mut all = targets(&rig.sinks, &["a"], 12);
    for time in 1..=40 {
        if time % 10 == 0 {
            let mut other = remote_write(&rig.preview, "a");
            other.queue.lanes = [3, 16, 1, 8][time as usize / 10 - 1];
            rig.sinks.apply(vec![other], vec![loki(&rig.preview, "l")]).await.unwrap();
            all = targets(&rig.sinks, &["a"], 12);
        }
        for target in &mut all {
            target.scrape(time);
        }
        rig.sinks.flush();
    }
    rig.arrived(|r| r.sample_count() >= 480).await;
    for name in b'a'..b'a' + 12 {
        let series = format!("{}0", char::from(name));
        assert_eq!(times(&rig.recorder, &series), (1..=40).collect::<Vec<_>>(), "{series}");
    }
    rig.sinks.shutdown(BOUND).await;
    let account = rig.account("remote_write.a");
    assert_eq!(account.delivered.get(), 480);
    balance(&account, 0);
}
