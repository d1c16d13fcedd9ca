//! Sources that stop while a plugin or a permit is waited for, ten thousand times: nothing is left behind.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use weir_telemetry::{Ledger, Metrics, Signal};

use super::ledger::{Taking, balanced};
use super::lines::{batch, logs_guest};
use super::pages::{pipeline, rules};
use super::{TestSinks, source};
use crate::guest::{CallError, Guest, OnError};
use crate::{LogsPipeline, LogsRoute, PipelineStats, TargetRoute};

const TIMES: u64 = 10_000;

/// Polls once, and drops what is not ready then.
async fn begin_and_cancel(future: impl Future) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending(), "it waits");
        Poll::Ready(())
    })
    .await;
    // a task that never yields is kept waiting by tokio after a while, whatever it waits for
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn batches_that_are_dropped_behind_a_call() {
    let metrics = Metrics::new();
    let ledger = Ledger::new(&metrics);
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let fails = logs_guest(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Err(CallError::Trap("always".to_owned()))
    });
    let sink = Arc::new(Taking { account: ledger.sink("loki.a", Signal::Lines), full: false });
    let guests: [Arc<dyn Guest>; 1] = [Arc::new(fails.on_error(OnError::Stop))];
    let pipeline = LogsPipeline::new("one", &guests, sink, &PipelineStats::new(&metrics, &ledger));
    let route = LogsRoute::new(vec![pipeline.clone()]);
    let source = ledger.source("file_logs.app", Signal::Lines);
    for _ in 0..TIMES {
        source.book(2, 0, &[]);
        begin_and_cancel(route.accept(batch(&["one", "two"]), &source)).await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2 * TIMES, "the batch, and its first half");
    let account = balanced(&ledger, "one", Signal::Lines);
    let dropped: Vec<_> = account.dropped.iter().map(|d| (d.reason, d.records)).collect();
    assert_eq!((account.in_flight, dropped), (0, vec![("abandoned", 2 * TIMES)]));
    // its permits and columns are there for the next
    assert!(pipeline.set_guests(&[]));
    source.book(1, 0, &[]);
    route.accept(batch(&["three"]), &source).await;
    assert_eq!(balanced(&ledger, "one", Signal::Lines).handed_on_in_all(), 1);
}

#[tokio::test]
async fn targets_that_go_while_they_wait_for_their_turn() {
    let sinks = Arc::new(TestSinks::default());
    let (pipeline, _) = pipeline(vec![rules("eu")], &sinks);
    let route = || {
        let pipelines = std::slice::from_ref(&pipeline);
        TargetRoute::new(pipelines, 1, Duration::from_secs(1), source(Signal::Samples))
    };
    let mut held: Vec<TargetRoute> = (0..crate::metrics::processors()).map(|_| route()).collect();
    for route in &mut held {
        route.begin().await;
    }
    for _ in 0..TIMES {
        begin_and_cancel(route().begin()).await;
    }
    drop(held);
    route().begin().await;
}
