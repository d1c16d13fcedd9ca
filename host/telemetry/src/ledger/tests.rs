#![allow(clippy::print_stdout, reason = "the counts that were reached are shown")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;

fn ledger() -> (Ledger, Metrics) {
    let metrics = Metrics::new();
    (Ledger::new(&metrics), metrics)
}

/// One source, a pipeline, two sinks.
struct Way {
    source: SourceAccount,
    pipeline: PipelineAccount,
    sinks: [SinkAccount; 2],
}

impl Way {
    fn new(ledger: &Ledger) -> Self {
        Self {
            source: ledger.source("scrape.node", Signal::Samples),
            pipeline: ledger.pipeline("metrics", Signal::Samples),
            sinks: ["remote_write.a", "remote_write.b"].map(|name| ledger.sink(name, Signal::Samples)),
        }
    }

    /// A page of `n` samples, of which the pipeline drops one; `forget` of the others without a word.
    fn page(&self, n: u64, forget: u64) {
        self.source.book(n + 1, 5, &[("duplicate", 1)]);
        let mut from = self.source.passage(n + 5);
        let mut passage = self.pipeline.take(&mut from, n + 5);
        from.end();
        passage.dropped_by("tidy", "verdict", 1);
        passage.generated(2);
        let left = n + 5 - 1 + 2 - forget;
        for sink in &self.sinks {
            sink.take(&self.pipeline, left);
        }
        passage.copied(2, left);
        passage.taken(2, left);
        passage.end();
        for sink in &self.sinks {
            {
                let _booking = sink.booking();
                sink.stored_more(left);
                sink.stored(0, 0, []);
                sink.delivered(left);
            }
        }
    }
}

#[test]
fn a_record_is_followed_from_its_source_to_its_end() {
    let (ledger, metrics) = ledger();
    let way = Way::new(&ledger);
    way.page(10, 0);
    let now = ledger.look();
    assert!(now.exact && now.balanced(), "{now:#?}");
    let of = |role, name| now.account(role, name, Signal::Samples).unwrap();
    assert_eq!(of(Role::Source, "scrape.node").handed_on, [("metrics".to_owned(), 15)]);
    let pipeline = of(Role::Pipeline, "metrics");
    assert_eq!((pipeline.read, pipeline.generated, pipeline.copied, pipeline.in_flight), (15, 2, 16, 0));
    assert_eq!(pipeline.handed_on, [("remote_write.a".to_owned(), 16), ("remote_write.b".to_owned(), 16)]);
    assert_eq!(of(Role::Sink, "remote_write.b").delivered, 16);

    let page = metrics.encode().unwrap();
    for line in [
        r#"weir_records_total{signal="samples",source="scrape.node",stage="read"} 11"#,
        r#"weir_records_total{signal="samples",source="scrape.node",stage="dropped",reason="duplicate"} 1"#,
        r#"weir_records_total{signal="samples",source="scrape.node",stage="handed_on",to="metrics"} 15"#,
        r#"weir_records_total{signal="samples",pipeline="metrics",stage="dropped",reason="verdict",plugin="tidy"} 1"#,
        r#"weir_records_total{signal="samples",sink="remote_write.a",stage="delivered"} 16"#,
        r#"weir_records_held{signal="samples",sink="remote_write.a",stage="queued"} 0"#,
    ] {
        assert!(page.contains(line), "{line} is not on\n{page}");
    }
}

#[test]
fn an_account_is_the_same_for_all_who_ask() {
    let (ledger, _) = ledger();
    ledger.source("a", Signal::Lines).book(3, 0, &[]);
    assert_eq!(ledger.source("a", Signal::Lines).read.get(), 3);
    assert_eq!(ledger.source("a", Signal::Samples).read.get(), 0);
    assert_eq!(ledger.sink("a", Signal::Lines).read.get(), 0);
}

#[test]
fn what_waits_when_its_task_is_cancelled_is_abandoned() {
    let (ledger, _) = ledger();
    let source = ledger.source("file_logs.app", Signal::Lines);
    let pipeline = ledger.pipeline("logs", Signal::Lines);
    source.book(4, 0, &[]);
    let mut from = source.passage(4);
    from.copied(2, 4);
    let waiting = pipeline.take(&mut from, 4);
    assert_eq!((source.in_flight.get(), pipeline.in_flight.get()), (4, 4));
    drop((waiting, from));
    let now = ledger.look();
    assert!(now.balanced(), "{now:#?}");
    assert_eq!((source.dropped_so_far("abandoned"), pipeline.dropped_so_far("abandoned")), (4, 4));
    assert_eq!((source.in_flight.get(), pipeline.in_flight.get()), (0, 0));
}

#[test]
fn a_look_while_something_is_being_booked_says_so() {
    let (ledger, _) = ledger();
    let sink = ledger.sink("loki.main", Signal::Lines);
    let booking = sink.booking();
    assert!(!ledger.look().exact);
    drop(booking);
    assert!(ledger.look().exact);
}

#[test]
fn what_a_queue_knows_is_asked_for_at_each_look() {
    let (ledger, _) = ledger();
    let sink = ledger.sink("loki.main", Signal::Lines);
    let pipeline = ledger.pipeline("logs", Signal::Lines);
    sink.take(&pipeline, 5);
    let shown = sink.clone();
    ledger.before_look(move || shown.stored(3, 1, []));
    {
        let _booking = sink.booking();
        sink.stored_more(5);
        sink.delivered(1);
    }
    let now = ledger.look();
    let sink = now.account(Role::Sink, "loki.main", Signal::Lines).unwrap();
    assert!(now.exact);
    assert_eq!((sink.queued, sink.in_flight, sink.difference()), (3, 1, 0));
}

#[test]
fn a_standing_miscount_is_told_once_and_when_it_changes() {
    let (ledger, metrics) = ledger();
    let mut checker = Checker::new(&ledger, &metrics);
    let way = Way::new(&ledger);
    let gauge = |page: &str| -> i64 {
        let line = r#"weir_ledger_imbalance_records{signal="samples",pipeline="metrics",identity="account"} "#;
        page.lines().find_map(|l| l.strip_prefix(line)).expect("the gauge").parse().unwrap()
    };
    way.page(10, 0);
    assert_eq!(checker.check(), Outcome::Balanced);
    // the account that drops without booking
    way.page(10, 3);
    assert_eq!(checker.check(), Outcome::Suspect);
    assert_eq!(gauge(&metrics.encode().unwrap()), 0);
    assert_eq!(checker.check(), Outcome::Imbalanced);
    assert_eq!(gauge(&metrics.encode().unwrap()), 3);
    let page = metrics.encode().unwrap();
    assert!(page.contains(r#"weir_ledger_checks_total{result="imbalanced"} 1"#), "{page}");
    // it grows: the smaller of two looks is told
    way.page(10, 2);
    assert_eq!(checker.check(), Outcome::Imbalanced);
    assert_eq!(gauge(&metrics.encode().unwrap()), 3);
    assert_eq!(checker.check(), Outcome::Imbalanced);
    assert_eq!(gauge(&metrics.encode().unwrap()), 5);
}

#[test]
fn a_difference_that_goes_back_is_not_told() {
    let (ledger, metrics) = ledger();
    let mut checker = Checker::new(&ledger, &metrics);
    let sink = ledger.sink("loki.main", Signal::Lines);
    let pipeline = ledger.pipeline("logs", Signal::Lines);
    sink.take(&pipeline, 2);
    sink.stored_more(2);
    assert_eq!(checker.check(), Outcome::Suspect);
    sink.stored(2, 0, []);
    assert_eq!(checker.check(), Outcome::Balanced);
}

#[test]
fn records_counted_twice_are_found_as_well() {
    let (ledger, metrics) = ledger();
    let mut checker = Checker::new(&ledger, &metrics);
    let source = ledger.source("scrape.node", Signal::Samples);
    source.book(4, 0, &[("duplicate", 1)]);
    let mut passage = source.passage(3);
    passage.dropped("no_route", 3);
    passage.dropped("no_route", 1);
    passage.end();
    assert_eq!((checker.check(), checker.check()), (Outcome::Suspect, Outcome::Imbalanced));
}

/// Traffic as heavy as it gets, from several threads, while the books are checked thousands of times.
#[test]
fn there_is_no_false_alarm_under_load() {
    const CHECKS: u32 = 4000;
    const THREADS: usize = 4;
    let (ledger, metrics) = ledger();
    let ways: Vec<Way> = (0..THREADS).map(|_| Way::new(&ledger)).collect();
    let (stop, start) = (AtomicBool::new(false), Barrier::new(THREADS + 1));
    let mut seen = std::collections::BTreeMap::new();
    std::thread::scope(|scope| {
        for (i, way) in ways.iter().enumerate() {
            let (stop, start) = (&stop, &start);
            scope.spawn(move || {
                start.wait();
                let mut n = i as u64;
                while !stop.load(Relaxed) {
                    n = (n * 7 + 3) % 1000;
                    way.page(n, 0);
                    // a page is worked on for longer than it is booked
                    std::hint::black_box((0..n * 20).fold(0u64, |sum, x| sum.wrapping_mul(31) ^ x));
                }
            });
        }
        start.wait();
        let mut checker = Checker::new(&ledger, &metrics);
        let mut checks = 0;
        while checks < CHECKS {
            let outcome = checker.check();
            *seen.entry(format!("{outcome:?}")).or_insert(0u32) += 1;
            checks += u32::from(outcome != Outcome::Busy);
            assert!(matches!(outcome, Outcome::Balanced | Outcome::Busy), "{outcome:?}: {:#?}", ledger.look());
        }
        stop.store(true, Relaxed);
    });
    println!("checks under load: {seen:?}; records: {}", ways[0].source.read.get());
    let now = ledger.look();
    assert!(now.exact && now.balanced());
    assert!(ways[0].source.read.get() > 100_000, "that was no load");
}

#[test]
fn each_reason_stands_once_in_the_table() {
    let mut all: Vec<_> = REASONS.iter().map(|r| (r.role, r.reason)).collect();
    let len = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), len);
    assert!(REASONS.iter().all(|r| r.reason.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')));
}
