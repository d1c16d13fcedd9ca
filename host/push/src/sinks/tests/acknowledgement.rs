//! When a batch counts as safe.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir_model::{Ack, AckWatch};
use weir_queue::{Health, WhenFull};
use weir_receive::{Answer, Preview};

use super::rig::*;
use crate::settings::LokiSettings;

/// What a source hears.
#[derive(Default)]
struct Heard(Mutex<Vec<(u64, bool)>>);

impl AckWatch for Heard {
    fn settled(&self, token: u64, safe: bool) {
        self.0.lock().unwrap().push((token, safe));
    }
}

impl Heard {
    fn safe(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|(_, safe)| *safe).count()
    }

    fn lost(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|(_, safe)| !*safe).count()
    }
}

/// One line that does not compress, with its acknowledgement.
fn batch(heard: &Arc<Heard>, token: u64) -> weir_model::LogBatch {
    let mut line = String::new();
    for i in 0..8u64 {
        write!(line, "{:016x}", (8 * token + i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
    }
    let mut batch = lines(&[&line]);
    batch.ack = Some(Ack::new(heard.clone(), token));
    batch
}

/// A sink whose queue has room for some twenty such lines.
fn small(preview: &Preview, name: &str, when_full: WhenFull) -> LokiSettings {
    let mut settings = loki(preview, name);
    settings.queue.max_bytes = 4096;
    settings.queue.when_full = when_full;
    settings.batch.max_bytes = 128;
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_acknowledged_when_it_is_durable_in_every_sink() {
    let rig = Rig::with(|_| vec![], |p| vec![loki(p, "l"), loki(p, "m")]).await;
    // nothing is delivered: durable is enough
    rig.preview.faults().always(Answer::status(503));
    let heard = Arc::new(Heard::default());
    rig.sinks.loki(&["l".into(), "m".into()]).accept(batch(&heard, 1), &from()).await;
    assert!(heard.0.lock().unwrap().is_empty(), "it is in a buffer in memory");
    rig.sinks.flush();
    until("the acknowledgement", || heard.safe() == 1).await;
    rig.sinks.shutdown(Duration::from_millis(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sink_blocks_and_another_takes_and_a_batch_waits_for_both() {
    let (other, at_other) = backend().await;
    let rig = Rig::with(|_| vec![], |p| vec![small(p, "l", WhenFull::Block), loki(&other, "m")]).await;
    rig.preview.faults().always(Answer::status(503));
    let heard = Arc::new(Heard::default());
    let outlet = rig.sinks.loki(&["l".into(), "m".into()]);
    let writing = tokio::spawn({
        let heard = heard.clone();
        async move {
            for token in 0..100 {
                outlet.accept(batch(&heard, token), &from()).await;
            }
        }
    });
    let account = rig.account("loki.l");
    // the queue is full once something is routed to it that is not in it
    until("a full queue", || {
        rig.sinks.refresh();
        rig.sinks.flush();
        account.read.get() >= 15 && heard.safe() >= 10
    })
    .await;
    rig.sinks.refresh();
    let held = account.queued() + account.in_flight.get();
    assert!(!writing.is_finished(), "100 lines of 128 bytes do not fit");
    assert!(heard.safe() as i64 <= held, "{} are safe and {held} are there", heard.safe());
    // what the one sink let through, the other has
    let routed = account.read.get() as usize;
    tokio::time::timeout(BOUND, at_other.wait_until(|r| r.line_count() >= routed)).await.unwrap();
    rig.preview.faults().heal();
    tokio::time::timeout(BOUND, writing).await.expect("room should come back").unwrap();
    rig.sinks.flush();
    until("all acknowledgements", || heard.safe() == 100).await;
    rig.arrived(|r| r.line_count() == 100).await;
    tokio::time::timeout(BOUND, at_other.wait_until(|r| r.line_count() == 100)).await.unwrap();
    rig.sinks.shutdown(BOUND).await;
    balance(&account, 0);
    balance(&rig.account("loki.m"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_drops_is_settled_and_counted() {
    for (when_full, reason) in [(WhenFull::DropNewest, "queue_full_newest"), (WhenFull::DropOldest, "queue_full")] {
        let rig = Rig::with(|_| vec![], |p| vec![small(p, "l", when_full)]).await;
        rig.preview.faults().always(Answer::status(503));
        let heard = Arc::new(Heard::default());
        let outlet = rig.sinks.loki(&["l".into()]);
        for token in 0..100 {
            outlet.accept(batch(&heard, token), &from()).await;
        }
        rig.sinks.flush();
        until("all acknowledgements", || heard.safe() == 100).await;
        rig.preview.faults().heal();
        rig.sinks.shutdown(BOUND).await;
        let account = rig.account("loki.l");
        let dropped = account.dropped_so_far(reason);
        assert!(dropped > 0, "{reason}");
        // what was in flight at the shutdown may be under way still
        let left = (account.queued() + account.in_flight.get()) as u64;
        assert_eq!(rig.recorder.line_count() as u64, 100 - dropped - left, "{reason}");
        balance(&account, dropped);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_removed_holds_no_source_up() {
    let rig = Rig::with(|_| vec![], |p| vec![small(p, "l", WhenFull::Block), loki(p, "m")]).await;
    rig.preview.faults().always(Answer::status(503));
    let heard = Arc::new(Heard::default());
    let outlet = rig.sinks.loki(&["l".into(), "m".into()]);
    let writing = tokio::spawn({
        let heard = heard.clone();
        async move {
            for token in 0..100 {
                outlet.accept(batch(&heard, token), &from()).await;
            }
        }
    });
    let account = rig.account("loki.l");
    until("a full queue", || account.read.get() >= 15).await;
    rig.sinks.apply(vec![], vec![loki(&rig.preview, "m")]).await.unwrap();
    tokio::time::timeout(BOUND, writing).await.expect("nothing holds it up").unwrap();
    rig.sinks.flush();
    until("all acknowledgements", || heard.safe() == 100).await;
    assert!(account.dropped_so_far("sink_removed") > 0);
    rig.sinks.shutdown(Duration::from_millis(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_waits_for_room_at_the_end_is_not_acknowledged() {
    let rig = Rig::with(|_| vec![], |p| vec![small(p, "l", WhenFull::Block)]).await;
    rig.preview.faults().always(Answer::status(503));
    let heard = Arc::new(Heard::default());
    let outlet = rig.sinks.loki(&["l".into()]);
    let writing = tokio::spawn({
        let heard = heard.clone();
        async move {
            for token in 0..100 {
                outlet.accept(batch(&heard, token), &from()).await;
            }
        }
    });
    let account = rig.account("loki.l");
    until("a full queue", || account.read.get() >= 15).await;
    rig.asked(2).await;
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    rig.sinks.shutdown(Duration::from_millis(10)).await;
    let held = account.queued() + account.in_flight.get();
    drop(rig.sinks);
    let heard = heard.0.lock().unwrap().clone();
    let safe = heard.iter().filter(|(_, safe)| *safe).count();
    assert!(safe < heard.len(), "the one that waited, and what waited in the lanes");
    assert!(safe as i64 <= held, "{safe} are safe and {held} are there");
    // each exactly once, and no later one before an earlier one of the stream is lost
    let mut tokens: Vec<_> = heard.iter().map(|(token, _)| *token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), heard.len());
    let first_lost = heard.iter().filter(|(_, safe)| !*safe).map(|(token, _)| *token).min().unwrap();
    assert!(heard.iter().all(|(token, safe)| *safe == (*token < first_lost)), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_is_never_acknowledged_and_readiness_says_so() {
    let rig = Rig::with(|_| vec![], |p| vec![loki(p, "l")]).await;
    let generation = rig.dir.path().join("queue/loki.l/gen-00000001");
    let lanes: Vec<_> = std::fs::read_dir(&generation)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    // no segment can be begun where there is no directory
    for lane in &lanes {
        std::fs::remove_dir_all(lane).unwrap();
    }
    let heard = Arc::new(Heard::default());
    rig.sinks.loki(&["l".into()]).accept(batch(&heard, 1), &from()).await;
    rig.sinks.flush();
    until("a sign of it", || rig.sinks.health().iter().any(|h| matches!(h.queue, Health::Failing(_)))).await;
    assert_eq!((heard.safe(), heard.lost()), (0, 0));
    assert_eq!(rig.preview.faults().asked(), 0);
    for lane in &lanes {
        std::fs::create_dir(lane).unwrap();
    }
    until("the acknowledgement", || heard.safe() == 1).await;
    rig.arrived(|r| r.line_count() == 1).await;
    rig.sinks.shutdown(BOUND).await;
    balance(&rig.account("loki.l"), 0);
}
