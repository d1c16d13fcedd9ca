//! What is known of a series goes with it, whatever plugins do to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weir_model::{Births, Metadata, Page, Sample};
use weir_telemetry::Signal;

use super::pages::{labels, pipeline};
use super::{TestGuest, TestSinks, source};
use crate::TargetRoute;
use crate::guest::{CallError, LabelEdit, OnError, SamplesEdit, Symbols, Verdicts};

fn about(help: &str) -> Arc<Metadata> {
    Arc::new(Metadata { help: help.into(), ..Metadata::default() })
}

fn added(strings: &[&str]) -> Symbols {
    let mut symbols = Symbols::default();
    for s in strings {
        symbols.push(s);
    }
    symbols
}

/// Sets `zone` on every row.
fn zone(rows: u32, symbols: usize) -> LabelEdit {
    let (name, value) = (symbols as u32, symbols as u32 + 1);
    LabelEdit {
        added: added(&["zone", "eu"]),
        assigned: (0..rows).map(|row| [row, name, value]).collect(),
        removed: vec![],
    }
}

/// Three pages: two series are born, one of them described; nothing; the described one is described anew.
async fn said_of(guests: Vec<TestGuest>) -> Vec<(String, String)> {
    let sinks = Arc::new(TestSinks::default());
    let (pipeline, _guests) = pipeline(guests, &sinks);
    let every = std::time::Duration::from_secs(1);
    let mut route = TargetRoute::new(std::slice::from_ref(&pipeline), 1, every, source(Signal::Samples));
    let mut first = Births::default();
    first.push_described(0, labels("a").as_labels(), Some(about("first")));
    first.push(1, labels("b").as_labels());
    let mut third = Births::default();
    third.describe(0, about("second"));
    let mut seen = vec![];
    for (time, births) in [(1, first), (2, Births::default()), (3, third)] {
        route.begin().await;
        let samples = [0, 1].map(|slot| Sample { slot, own_time: false, time, value: 1.0 });
        route.page(&Page { time, deaths: &[], births: &births, samples: &samples });
        seen.extend(std::mem::take(&mut *sinks.said.lock().unwrap()));
    }
    seen
}

fn want(a: &str, b: &str) -> Vec<(String, String)> {
    [(a, "first"), (b, ""), (a, "second")].map(|(series, help)| (series.to_owned(), help.to_owned())).into()
}

#[tokio::test]
async fn it_survives_plugins_that_look_at_labels_and_at_samples() {
    let plain = want(r#"{__name__="a"}"#, r#"{__name__="b"}"#);
    assert_eq!(said_of(vec![]).await, plain);
    let zoned = want(r#"{__name__="a", zone="eu"}"#, r#"{__name__="b", zone="eu"}"#);
    let by_labels = TestGuest::series(|batch| {
        Ok(Verdicts { labels: Some(zone(batch.rows, batch.symbols.len())), ..Verdicts::default() })
    });
    assert_eq!(said_of(vec![by_labels]).await, zoned);
    let by_samples = TestGuest::samples(|batch| {
        Ok(SamplesEdit { labels: Some(zone(batch.rows, batch.symbols.len())), ..SamplesEdit::default() })
    });
    assert_eq!(said_of(vec![by_samples]).await, zoned);
}

#[tokio::test]
async fn it_waits_with_a_series_that_is_not_decided_yet() {
    let calls = AtomicU64::new(0);
    let late = TestGuest::series(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Err(CallError::Unavailable("not yet".into())),
        _ => Ok(Verdicts::default()),
    });
    let seen = said_of(vec![late.on_error(OnError::Drop)]).await;
    let want = [(r#"{__name__="a"}"#, "second"), (r#"{__name__="b"}"#, "")];
    assert_eq!(seen, want.map(|(series, help)| (series.to_owned(), help.to_owned())));
}
