//! What a pipeline books.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use weir_model::{Births, LabelSet, LogBatch, Page, Sample, Slot};
use weir_telemetry::ledger::AccountNow;
use weir_telemetry::{Ledger, Metrics, PipelineAccount, Role, Signal, SinkAccount};

use super::lines::{batch, edit, logs_guest};
use super::{TestGuest, TestSinks};
use crate::guest::{CallError, Guest, LabelEdit, OnError, SamplesEdit, Verdicts};
use crate::{LogSinks, LogsPipeline, LogsRoute, MetricsPipeline, PipelineStats, TargetRoute};

fn books() -> (Ledger, PipelineStats) {
    let metrics = Metrics::new();
    let ledger = Ledger::new(&metrics);
    let stats = PipelineStats::new(&metrics, &ledger);
    (ledger, stats)
}

/// The pipeline's account, once the whole ledger was found to balance.
pub(super) fn balanced(ledger: &Ledger, name: &str, signal: Signal) -> AccountNow {
    let now = ledger.look();
    assert!(now.exact && now.balanced(), "{now:#?}");
    now.account(Role::Pipeline, name, signal).unwrap().clone()
}

fn dropped(account: &AccountNow) -> Vec<(&str, u64)> {
    account.dropped.iter().map(|d| (d.reason, d.records)).collect()
}

/// Drops the series `bad`, and gives `twin` the name of `a`.
fn by_labels() -> TestGuest {
    TestGuest::series(|b| {
        let mut verdicts = Verdicts::default();
        let mut labels = LabelEdit::default();
        let a = b.symbols.len() as u32 + labels.added.push("a");
        for row in 0..b.rows {
            let [name, value] = b.sets.pairs[row as usize];
            match b.symbols.get(value as usize) {
                Some("bad") => verdicts.dropped.push(row),
                Some("twin") => labels.assigned.push([row, name, a]),
                _ => {}
            }
        }
        verdicts.labels = Some(labels);
        Ok(verdicts)
    })
}

/// Fails at first; then drops values above 100.
fn by_value() -> TestGuest {
    let calls = AtomicU64::new(0);
    TestGuest::samples(move |b| {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(CallError::Unavailable("not yet".to_owned()));
        }
        let dropped = (0..b.rows).filter(|&row| b.values[row as usize] > 100.0).collect();
        Ok(SamplesEdit { dropped, ..SamplesEdit::default() })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sample_of_a_page_is_booked_once() {
    let (ledger, stats) = books();
    let sink = ledger.sink("remote_write.a", Signal::Samples);
    let sinks = Arc::new(TestSinks { account: Some(sink.clone()), ..TestSinks::default() });
    let guests: [Arc<dyn Guest>; 2] = [Arc::new(by_labels()), Arc::new(by_value())];
    let pipeline = MetricsPipeline::new("metrics", &guests, sinks, &Arc::default(), &stats);
    let source = ledger.source("scrape.a", Signal::Samples);
    let mut route = TargetRoute::new(&[pipeline], 1, Duration::from_secs(1), source.clone());
    let (mut births, none) = (Births::default(), Births::default());
    for (slot, name) in (0..).zip(["a", "twin", "bad", "b"]) {
        births.push(slot, [("__name__", name)].iter().collect::<LabelSet>().as_labels());
    }
    let mut page = async |time: i64, births: &Births, deaths: &[Slot], values: &[(Slot, f64)]| {
        let sample = |&(slot, value): &(Slot, f64)| Sample { slot, own_time: false, time, value };
        let samples: Vec<Sample> = values.iter().map(sample).collect();
        route.begin().await;
        source.book(samples.len() as u64, 0, &[]);
        route.page(&Page { time, deaths, births, samples: &samples });
        let account = balanced(&ledger, "metrics", Signal::Samples);
        assert_eq!(account.in_flight, 0);
        account
    };
    let all = [(0, 1.0), (1, 1.0), (2, 1.0), (3, 200.0)];
    let account = page(1000, &births, &[], &all).await;
    assert_eq!(dropped(&account), [("unavailable", 3), ("verdict", 1)]);
    let account = page(2000, &none, &[], &all).await;
    assert_eq!(dropped(&account), [("duplicate", 1), ("filtered", 1), ("unavailable", 3), ("verdict", 2)]);
    let account = page(3000, &none, &[0, 1, 2], &[(3, 1.0)]).await;
    assert_eq!((account.read, account.generated, account.handed_on_in_all()), (9, 1, 3));
    assert_eq!(sink.read.get(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_way_is_booked_where_it_ends() {
    let (ledger, stats) = books();
    let source = ledger.source("scrape.a", Signal::Samples);
    let births = Births::default();
    let samples = [Sample { slot: 0, own_time: false, time: 1, value: 1.0 }];
    let page = Page { time: 1, deaths: &[], births: &births, samples: &samples };
    source.book(1, 0, &[]);
    TargetRoute::new(&[], 1, Duration::from_secs(1), source.clone()).page(&page);
    assert_eq!(source.dropped_so_far("no_route"), 1);
    // a slot that was never born
    let sinks =
        Arc::new(TestSinks { account: Some(ledger.sink("remote_write.a", Signal::Samples)), ..TestSinks::default() });
    let pipeline = MetricsPipeline::new("metrics", &[], sinks, &Arc::default(), &stats);
    source.book(1, 0, &[]);
    TargetRoute::new(&[pipeline], 1, Duration::from_secs(1), source).page(&page);
    assert_eq!(dropped(&balanced(&ledger, "metrics", Signal::Samples)), [("unknown_slot", 1)]);
    let lines = ledger.source("file_logs.a", Signal::Lines);
    lines.book(2, 0, &[]);
    LogsRoute::default().accept(batch(&["x", "y"]), &lines).await;
    assert_eq!(lines.dropped_so_far("no_route"), 2);
    assert!(ledger.look().balanced());
}

/// Takes lines into an account, or waits for ever.
pub(super) struct Taking {
    pub(super) account: SinkAccount,
    pub(super) full: bool,
}

impl LogSinks for Taking {
    fn accept<'a>(
        &'a self,
        mut batch: LogBatch,
        from: &'a PipelineAccount,
    ) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
        Box::pin(async move {
            if self.full {
                std::future::pending::<()>().await;
            }
            self.account.take(from, batch.len() as u64);
            if let Some(ack) = batch.ack.take() {
                ack.done();
            }
            1
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_go_through_a_stopped_plugin_again_are_booked_once() {
    let (ledger, stats) = books();
    let tries = AtomicU64::new(0);
    let stops = logs_guest(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Err(CallError::Unavailable("not yet".to_owned())),
        _ => Ok(crate::guest::LogsEdit::default()),
    });
    // the first one drops before the second one stops
    let guests: [Arc<dyn Guest>; 2] = [Arc::new(logs_guest(|b| Ok(edit(b)))), Arc::new(stops.on_error(OnError::Stop))];
    let sinks = |name| Arc::new(Taking { account: ledger.sink(name, Signal::Lines), full: false });
    let one = LogsPipeline::new("one", &guests, sinks("loki.a"), &stats);
    let two = LogsPipeline::new("two", &[], sinks("loki.b"), &stats);
    let source = ledger.source("file_logs.app", Signal::Lines);
    source.book(3, 0, &[]);
    LogsRoute::new(vec![one, two]).accept(batch(&["DEBUG 1", "two", "three"]), &source).await;
    let account = balanced(&ledger, "one", Signal::Lines);
    assert_eq!((account.read, account.handed_on_in_all(), dropped(&account)), (3, 2, vec![("filtered", 1)]));
    assert_eq!(balanced(&ledger, "two", Signal::Lines).handed_on_in_all(), 3);
    assert_eq!((source.copied.get(), source.in_flight.get()), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_whose_source_stops_while_they_wait_are_abandoned() {
    let (ledger, stats) = books();
    let sink = Arc::new(Taking { account: ledger.sink("loki.a", Signal::Lines), full: true });
    let route = LogsRoute::new(vec![
        LogsPipeline::new("one", &[], sink.clone(), &stats),
        LogsPipeline::new("two", &[], sink, &stats),
    ]);
    let source = ledger.source("file_logs.app", Signal::Lines);
    source.book(2, 0, &[]);
    let waiting = tokio::spawn({
        let source = source.clone();
        async move { route.accept(batch(&["x", "y"]), &source).await }
    });
    while balanced(&ledger, "one", Signal::Lines).in_flight < 2 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(dropped(&balanced(&ledger, "one", Signal::Lines)), [("abandoned", 2)]);
    assert_eq!((source.dropped_so_far("abandoned"), source.in_flight.get()), (2, 0));
}
