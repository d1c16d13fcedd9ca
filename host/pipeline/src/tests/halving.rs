//! Guests that cannot bear some rows: exactly these meet the failure policy.

use std::collections::BTreeSet;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use weir_model::{Births, LabelSet, Page, Sample, Slot};
use weir_telemetry::{Ledger, Metrics, Signal};

use super::ledger::{Taking, balanced};
use super::lines::{batch, logs_guest};
use super::{TestGuest, TestSinks};
use crate::guest::{Allowance, CallError, Guest, Interface, LogsEdit, OnError, SamplesEdit, Verdicts};
use crate::parts::{Parts, Unserved};
use crate::{LogsPipeline, MetricsPipeline, PipelineStats, TargetRoute};

const TRAP: fn() -> CallError = || CallError::Trap("poison".to_owned());

/// Rows of a batch, and those of them that its guest does not bear.
fn poisoned() -> impl Strategy<Value = (usize, BTreeSet<usize>)> {
    (1..600_usize).prop_flat_map(|n| (Just(n), prop::collection::btree_set(0..n, 0..=n.min(9))))
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// One page of `values`, each a series of its own, through `guest`: the series that arrive, what the ledger says was lost, and
/// what the page of metrics says of rows.
fn page(guest: TestGuest, values: &[f64]) -> (BTreeSet<usize>, Vec<(&'static str, u64)>, String) {
    let metrics = Metrics::new();
    let ledger = Ledger::new(&metrics);
    let sinks =
        Arc::new(TestSinks { account: Some(ledger.sink("remote_write.a", Signal::Samples)), ..TestSinks::default() });
    let guests: [Arc<dyn Guest>; 1] = [Arc::new(guest)];
    let stats = PipelineStats::new(&metrics, &ledger);
    let pipeline = MetricsPipeline::new("metrics", &guests, sinks.clone(), &Arc::default(), &stats);
    let source = ledger.source("scrape.a", Signal::Samples);
    let mut route = TargetRoute::new(&[pipeline], 1, Duration::from_secs(1), source.clone());
    let mut births = Births::default();
    let mut samples = vec![];
    for (slot, value) in (0..).zip(values) {
        let name = if *value < 0.0 { "bad" } else { "good" };
        let set: LabelSet = [("__name__", name.to_owned()), ("i", slot.to_string())].iter().collect();
        births.push(slot as Slot, set.as_labels());
        samples.push(Sample { slot: slot as Slot, own_time: false, time: 1000, value: *value });
    }
    source.book(samples.len() as u64, 0, &[]);
    wait(async {
        route.begin().await;
        route.page(&Page { time: 1000, deaths: &[], births: &births, samples: &samples });
    });
    let arrived = sinks.take().into_iter().map(|(series, ..)| series.split('"').nth(3).unwrap().parse().unwrap());
    let arrived = arrived.collect();
    let account = balanced(&ledger, "metrics", Signal::Samples);
    (arrived, account.dropped.iter().map(|d| (d.reason, d.records)).collect(), metrics.encode().unwrap())
}

fn values(rows: usize, poison: &BTreeSet<usize>) -> Vec<f64> {
    (0..rows).map(|row| if poison.contains(&row) { -1.0 } else { 1.0 }).collect()
}

fn assert_lost(poison: &BTreeSet<usize>, lost: &[(&'static str, u64)], metrics: &str) {
    let counted = match poison.len() as u64 {
        0 => vec![],
        n => vec![("trap", n)],
    };
    assert_eq!(lost, counted);
    let line = "weir_plugin_records_unserved_total{plugin=\"test\",pipeline=\"metrics\",reason=\"trap\"} ";
    let shown = metrics.lines().find_map(|l| l.strip_prefix(line)).map_or(0, |n| n.parse().unwrap());
    assert_eq!(shown, poison.len() as u64);
}

/// Fails where there is a negative value.
fn by_value() -> TestGuest {
    TestGuest::samples(|b| if b.values.iter().any(|v| *v < 0.0) { Err(TRAP()) } else { Ok(SamplesEdit::default()) })
}

/// Fails where there is a series `bad`.
fn by_name() -> TestGuest {
    TestGuest::series(|b| {
        let bad = (0..b.symbols.len()).any(|i| b.symbols.get(i) == Some("bad"));
        if bad { Err(TRAP()) } else { Ok(Verdicts::default()) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn samples_that_a_guest_cannot_bear((rows, poison) in poisoned()) {
        let (arrived, lost, metrics) = page(by_value(), &values(rows, &poison));
        prop_assert_eq!(arrived, (0..rows).filter(|r| !poison.contains(r)).collect());
        assert_lost(&poison, &lost, &metrics);
        let (arrived, lost, _) = page(by_value().on_error(OnError::Pass), &values(rows, &poison));
        prop_assert_eq!((arrived.len(), lost.len()), (rows, 0));
    }

    #[test]
    fn series_that_a_guest_cannot_bear((rows, poison) in poisoned()) {
        let (arrived, lost, metrics) = page(by_name(), &values(rows, &poison));
        prop_assert_eq!(arrived, (0..rows).filter(|r| !poison.contains(r)).collect());
        assert_lost(&poison, &lost, &metrics);
    }

    #[test]
    fn lines_that_a_guest_cannot_bear((rows, poison) in poisoned()) {
        let (metrics, guest) = (Metrics::new(), logs_guest(|b| {
            if b.lines.contains("poison") { Err(TRAP()) } else { Ok(LogsEdit::default()) }
        }));
        let ledger = Ledger::new(&metrics);
        let sink = Arc::new(Taking { account: ledger.sink("loki.a", Signal::Lines), full: false });
        let guests: [Arc<dyn Guest>; 1] = [Arc::new(guest)];
        let pipeline = LogsPipeline::new("metrics", &guests, sink, &PipelineStats::new(&metrics, &ledger));
        let source = ledger.source("file_logs.a", Signal::Lines);
        source.book(rows as u64, 0, &[]);
        let lines: Vec<&str> = (0..rows).map(|r| if poison.contains(&r) { "poison" } else { "a line" }).collect();
        wait(async {
            let mut from = source.passage(rows as u64);
            pipeline.accept(batch(&lines), &mut from).await;
            from.end();
        });
        let account = balanced(&ledger, "metrics", Signal::Lines);
        prop_assert_eq!(account.handed_on_in_all(), (rows - poison.len()) as u64);
        let lost: Vec<_> = account.dropped.iter().map(|d| (d.reason, d.records)).collect();
        assert_lost(&poison, &lost, &metrics.encode().unwrap());
    }
}

/// Serves `rows`, of which those in `poison` loop: a call takes its whole limit then, and a microsecond a row otherwise. Gives
/// what is unserved and what it took in limits of a call.
fn looping(rows: usize, poison: &[usize]) -> (Vec<Range<usize>>, f64) {
    let guest = by_value();
    let mut all = Duration::ZERO;
    let unserved = Parts::new(&guest, Interface::Samples).serve(0..rows, |part, time: &mut Allowance| {
        let loops = poison.iter().any(|p| part.contains(p));
        time.used = if loops { time.limit } else { Duration::from_micros(part.len() as u64) };
        all += time.used;
        if loops { Err(CallError::Timeout) } else { Ok(()) }
    });
    (unserved.into_iter().map(|u| u.rows).collect(), all.as_secs_f64() / guest.time_limit().as_secs_f64())
}

#[test]
fn one_row_that_loops_is_found_within_little_more_than_three_limits() {
    for at in [0, 1, 2047, 2048, 4095] {
        let (unserved, took) = looping(4096, &[at]);
        assert_eq!(unserved.len(), 1, "{unserved:?}");
        assert_eq!(unserved[0], at..at + 1);
        assert!(took < 3.5, "{took}");
    }
}

#[test]
fn a_guest_that_loops_on_everything_costs_four_limits() {
    let all: Vec<usize> = (0..4096).collect();
    let (unserved, took) = looping(4096, &all);
    assert_eq!(unserved.iter().map(ExactSizeIterator::len).sum::<usize>(), 4096);
    assert!(took < 4.01, "{took}");
}

#[test]
fn what_is_only_too_long_for_its_limit_is_served_in_halves() {
    let guest = by_value();
    let slow = guest.time_limit() * 2 / 4096;
    let unserved = Parts::new(&guest, Interface::Samples).serve(0..4096, |part, time| {
        time.used = time.limit.min(slow * part.len() as u32);
        if slow * part.len() as u32 > time.limit { Err(CallError::Timeout) } else { Ok(()) }
    });
    assert_eq!(unserved, []);
}

#[test]
fn a_guest_that_fails_on_everything_is_not_asked_for_each_row() {
    let (guest, mut calls) = (by_value(), 0);
    let unserved = Parts::new(&guest, Interface::Samples).serve(0..4096, |_, _| {
        calls += 1;
        Err(TRAP())
    });
    assert_eq!(unserved.iter().map(|u| u.rows.len()).sum::<usize>(), 4096);
    assert_eq!(calls, 257);
    assert!(unserved.iter().all(|u| u.error == TRAP()));
    assert!(unserved.is_sorted_by_key(|u| u.rows.start));
    assert_eq!(guest.unserved.lock().unwrap()[..], [(4096, TRAP())]);
}

#[test]
fn who_rests_is_not_asked_again() {
    let (guest, mut calls) = (by_value(), 0);
    let unserved = Parts::new(&guest, Interface::Samples).serve(0..100, |_, _| {
        calls += 1;
        if calls == 3 { Err(CallError::Resting { seconds: 1 }) } else { Err(TRAP()) }
    });
    let resting = |rows| Unserved { rows, error: CallError::Resting { seconds: 1 } };
    assert_eq!(unserved, [resting(0..25), resting(25..50), resting(50..100)]);
    assert_eq!(calls, 3);
}

#[test]
fn a_batch_that_waits_whole_is_given_up_at_its_first_row() {
    let (guest, mut calls) = (by_value(), 0);
    let unserved = Parts::new(&guest, Interface::Logs).all_or_none().serve(0..4, |part, _| {
        calls += 1;
        if part.contains(&0) { Err(TRAP()) } else { Ok(()) }
    });
    assert_eq!(unserved.iter().map(|u| u.rows.clone()).collect::<Vec<_>>(), [0..1, 1..2, 2..4]);
    assert_eq!(calls, 3);
}
