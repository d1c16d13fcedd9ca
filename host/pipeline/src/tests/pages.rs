//! Pages through a pipeline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use weir_model::{Births, LabelSet, Page, STALE_NAN, Sample, Slot};
use weir_telemetry::Signal;

use super::{TestGuest, TestSinks, source, stats};
use crate::guest::{CallError, Guest, LabelEdit, OnError, SamplesEdit, SeriesBatch, Symbols, Verdicts};
use crate::{MetricsPipeline, TargetRoute};

const EVERY: Duration = Duration::from_secs(1);

pub(super) fn pipeline(guests: Vec<TestGuest>, sinks: &Arc<TestSinks>) -> (Arc<MetricsPipeline>, Vec<Arc<TestGuest>>) {
    let guests: Vec<Arc<TestGuest>> = guests.into_iter().map(Arc::new).collect();
    let dynamic: Vec<Arc<dyn Guest>> = guests.iter().map(|g| g.clone() as Arc<dyn Guest>).collect();
    (MetricsPipeline::new("metrics", &dynamic, sinks.clone(), &Arc::default(), &stats().0), guests)
}

/// Plays the scraper: gives each new series a slot, and all of them anew when the route starts over.
pub(super) struct Target {
    pub(super) route: TargetRoute,
    epoch: u64,
    slots: Vec<Option<String>>,
    pub(super) time: i64,
}

impl Target {
    pub(super) fn new(pipeline: &Arc<MetricsPipeline>) -> Self {
        Self {
            route: TargetRoute::new(std::slice::from_ref(pipeline), 1, EVERY, source(Signal::Samples)),
            epoch: 0,
            slots: vec![],
            time: 0,
        }
    }

    /// A page, a second after the last, of series named `a`, or `a/pod`, with their values.
    async fn page(&mut self, series: &[(&str, f64)]) {
        self.page_at(self.time + 1000, series).await;
    }

    /// A page at a time. A series whose name begins with `own` has the time from the target.
    pub(super) async fn page_at(&mut self, time: i64, series: &[(&str, f64)]) {
        self.time = time;
        let epoch = self.route.begin().await;
        if epoch != self.epoch {
            self.slots.clear();
            self.epoch = epoch;
        }
        let mut deaths = vec![];
        for (slot, name) in self.slots.iter_mut().enumerate() {
            if name.as_ref().is_some_and(|n| !series.iter().any(|(s, _)| s == n)) {
                *name = None;
                deaths.push(slot as Slot);
            }
        }
        let (mut births, mut samples) = (Births::default(), vec![]);
        for (name, value) in series {
            let known = self.slots.iter().position(|s| s.as_deref() == Some(*name));
            let slot = known.unwrap_or_else(|| {
                self.slots.push(Some((*name).to_string()));
                births.push(self.slots.len() as Slot - 1, labels(name).as_labels());
                self.slots.len() - 1
            });
            let own_time = name.starts_with("own");
            samples.push(Sample { slot: slot as Slot, own_time, time, value: *value });
        }
        self.route.page(&Page { time, deaths: &deaths, births: &births, samples: &samples });
    }
}

pub(super) fn labels(name: &str) -> LabelSet {
    let (name, pod) = name.split_once('/').unwrap_or((name, ""));
    [("__name__", name), ("pod", pod)].iter().collect()
}

fn got(list: &[(&str, i64, &str)]) -> Vec<(String, i64, String)> {
    let mut list: Vec<_> = list.iter().map(|(s, t, v)| ((*s).to_string(), *t, (*v).to_string())).collect();
    list.sort();
    list
}

/// Drops series named `bad`, and gives every other the label `cluster`.
pub(super) fn rules(cluster: &'static str) -> TestGuest {
    TestGuest::series(move |batch| Ok(decide(batch, cluster)))
}

fn decide(batch: &SeriesBatch, cluster: &str) -> Verdicts {
    let base = batch.symbols.len() as u32;
    let mut added = Symbols::default();
    let (name, value) = (base + added.push("cluster"), base + added.push(cluster));
    let mut verdicts = Verdicts::default();
    let mut assigned = vec![];
    let mut start = 0;
    for (row, &end) in batch.sets.ends.iter().enumerate() {
        let set = &batch.sets.pairs[start..end as usize];
        start = end as usize;
        if set.iter().any(|[_, v]| batch.symbols.get(*v as usize) == Some("bad")) {
            verdicts.dropped.push(row as u32);
        }
        assigned.push([row as u32, name, value]);
    }
    verdicts.labels = Some(LabelEdit { added, assigned, removed: vec![] });
    verdicts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_is_asked_once_and_kept() {
    let sinks = Arc::new(TestSinks::default());
    let (pipeline, guests) = pipeline(vec![rules("eu")], &sinks);
    let mut target = Target::new(&pipeline);
    for _ in 0..3 {
        target.page(&[("a", 1.0), ("bad", 2.0)]).await;
    }
    let series = r#"{__name__="a", cluster="eu"}"#;
    assert_eq!(sinks.take(), got(&[(series, 1000, "1"), (series, 2000, "1"), (series, 3000, "1")]));
    assert_eq!(guests[0].asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_leaves_its_page_gets_one_marker() {
    let sinks = Arc::new(TestSinks::default());
    let (pipeline, _) = pipeline(vec![], &sinks);
    let mut target = Target::new(&pipeline);
    target.page(&[("a", 1.0), ("b", 1.0)]).await;
    sinks.take();
    target.page(&[("b", 2.0)]).await;
    assert_eq!(sinks.take(), got(&[(r#"{__name__="a"}"#, 2000, "stale"), (r#"{__name__="b"}"#, 2000, "2")]));
    target.page(&[("b", 3.0)]).await;
    assert_eq!(sinks.take(), got(&[(r#"{__name__="b"}"#, 3000, "3")]));
    target.page(&[("a", 4.0), ("b", 4.0)]).await;
    assert_eq!(sinks.take(), got(&[(r#"{__name__="a"}"#, 4000, "4"), (r#"{__name__="b"}"#, 4000, "4")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_shows_at_one_page_and_ends_only_what_changed() {
    let sinks = Arc::new(TestSinks::default());
    let (pipeline, _) = pipeline(vec![rules("eu")], &sinks);
    let mut target = Target::new(&pipeline);
    target.page(&[("a", 1.0), ("bad", 1.0)]).await;
    sinks.take();
    let swapped: [Arc<dyn Guest>; 1] = [Arc::new(TestGuest::series(|batch| {
        let mut v = decide(batch, "eu");
        v.dropped.clear(); // now "bad" goes through, and "a" looks as before
        Ok(v)
    }))];
    assert!(pipeline.set_guests(&swapped));
    target.page(&[("a", 2.0), ("bad", 2.0)]).await;
    let (a, bad) = (r#"{__name__="a", cluster="eu"}"#, r#"{__name__="bad", cluster="eu"}"#);
    assert_eq!(sinks.take(), got(&[(a, 2000, "2"), (bad, 2000, "2")]));

    assert!(pipeline.set_guests(&[Arc::new(rules("us")) as Arc<dyn Guest>]));
    target.page(&[("a", 3.0), ("bad", 3.0)]).await;
    let us = r#"{__name__="a", cluster="us"}"#;
    assert_eq!(sinks.take(), got(&[(a, 3000, "stale"), (us, 3000, "3"), (bad, 3000, "stale")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_sinks_get_every_series_anew_and_the_old_ones_the_markers() {
    let sinks = Arc::new(TestSinks::default());
    let (pipeline, _) = pipeline(vec![], &sinks);
    let mut target = Target::new(&pipeline);
    target.page(&[("a", 1.0), ("b", 1.0)]).await;
    sinks.go_to(&["sink"]);
    sinks.take();
    target.page(&[("a", 2.0)]).await;
    assert_eq!(sinks.take(), got(&[(r#"{__name__="a"}"#, 2000, "2"), (r#"{__name__="b"}"#, 2000, "stale")]));
    target.page(&[("a", 3.0)]).await;
    assert_eq!(sinks.take(), got(&[(r#"{__name__="a"}"#, 3000, "3")]));
}

/// Removes the label `pod`.
pub(super) fn without_pod() -> TestGuest {
    TestGuest::series(|batch| {
        let Some(pod) = (0..batch.symbols.len()).find(|&i| batch.symbols.get(i) == Some("pod")) else {
            return Ok(Verdicts::default());
        };
        let removed = (0..batch.rows).map(|row| [row, pod as u32]).collect();
        Ok(Verdicts { labels: Some(LabelEdit { removed, ..LabelEdit::default() }), ..Verdicts::default() })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rows_that_collide_the_first_stays_and_the_next_takes_over_without_a_gap() {
    let sinks = Arc::new(TestSinks::default());
    let (pipeline, _) = pipeline(vec![without_pod()], &sinks);
    let mut target = Target::new(&pipeline);
    target.page(&[("a/1", 1.0), ("a/2", 2.0)]).await;
    let a = r#"{__name__="a"}"#;
    assert_eq!(sinks.take(), got(&[(a, 1000, "1")]));
    assert_eq!(pipeline.account.dropped_so_far("duplicate"), 1);
    target.page(&[("a/2", 2.0)]).await;
    assert_eq!(sinks.take(), got(&[(a, 2000, "2")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_verdict_follows_the_policy_and_is_not_kept() {
    for (policy, first) in [(OnError::Drop, &[][..]), (OnError::Pass, &[(r#"{__name__="a"}"#, 1000, "1")][..])] {
        let sinks = Arc::new(TestSinks::default());
        let broken = Arc::new(AtomicBool::new(true));
        let switch = broken.clone();
        let guest = TestGuest::series(move |batch| {
            if switch.load(Ordering::Relaxed) { Err(CallError::Timeout) } else { Ok(decide(batch, "eu")) }
        });
        let (pipeline, _) = pipeline(vec![guest.on_error(policy)], &sinks);
        let mut target = Target::new(&pipeline);
        target.page(&[("a", 1.0)]).await;
        assert_eq!(sinks.take(), got(first));
        broken.store(false, Ordering::Relaxed);
        target.page(&[("a", 2.0)]).await;
        let mut want = got(&[(r#"{__name__="a", cluster="eu"}"#, 2000, "2")]);
        if policy == OnError::Pass {
            want.insert(0, (r#"{__name__="a"}"#.into(), 2000, "stale".into()));
        }
        want.sort();
        assert_eq!(sinks.take(), want);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_leaves_a_series_without_a_name_is_rejected() {
    let sinks = Arc::new(TestSinks::default());
    let guest = TestGuest::series(|batch| {
        let mut verdicts = decide(batch, "eu");
        let is_b = |[_, value]: &[u32; 2]| batch.symbols.get(*value as usize) == Some("b");
        if let (Some(edit), Some(row)) = (&mut verdicts.labels, batch.sets.pairs.iter().position(is_b)) {
            edit.removed.push([row as u32, batch.sets.pairs[row][0]]);
        }
        Ok(verdicts)
    });
    let (pipeline, guests) = pipeline(vec![guest], &sinks);
    let mut target = Target::new(&pipeline);
    target.page(&[("a", 1.0), ("b", 1.0)]).await;
    assert_eq!(sinks.take(), got(&[(r#"{__name__="a", cluster="eu"}"#, 1000, "1")]), "and its neighbour is not");
    assert_eq!(guests[0].rejected.load(Ordering::Relaxed), 2, "with its neighbour, and alone");
    let unserved = guests[0].unserved.lock().unwrap();
    assert!(
        matches!(&unserved[..], [(1, CallError::Answer(why))] if why.contains("row 0: leaves a series without a name"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_plugin_changes_values_and_drops_without_ending_a_series() {
    let sinks = Arc::new(TestSinks::default());
    let guest = TestGuest::samples(|batch| {
        let mut edit = SamplesEdit::default();
        for (row, value) in batch.values.iter().enumerate() {
            if *value < 0.0 {
                edit.dropped.push(row as u32);
            } else if *value == 7.0 {
                edit.changed.push(row as u32);
                edit.values.push(STALE_NAN);
            } else {
                edit.changed.push(row as u32);
                edit.values.push(value * 10.0);
            }
        }
        Ok(edit)
    });
    let (pipeline, _) = pipeline(vec![rules("eu"), guest], &sinks);
    let mut target = Target::new(&pipeline);
    target.page(&[("a", 1.0), ("bad", 1.0)]).await;
    target.page(&[("a", -1.0), ("bad", 1.0)]).await;
    target.page(&[("a", 7.0), ("bad", 1.0)]).await;
    let a = r#"{__name__="a", cluster="eu"}"#;
    assert_eq!(sinks.take(), got(&[(a, 1000, "10"), (a, 3000, "NaN")]));
    target.page(&[]).await;
    assert_eq!(sinks.take(), got(&[(a, 4000, "stale")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_that_depend_on_the_value_move_the_series() {
    let sinks = Arc::new(TestSinks::default());
    let guest = TestGuest::samples(|batch| {
        let base = batch.symbols.len() as u32;
        let mut added = Symbols::default();
        let (name, value) = (base + added.push("state"), base + added.push("high"));
        let assigned =
            batch.values.iter().enumerate().filter(|(_, v)| **v > 5.0).map(|(r, _)| [r as u32, name, value]).collect();
        Ok(SamplesEdit { labels: Some(LabelEdit { added, assigned, removed: vec![] }), ..SamplesEdit::default() })
    });
    // the late verdict stage sees what the sample stage made
    let (pipeline, guests) = pipeline(vec![guest, rules("eu")], &sinks);
    let mut target = Target::new(&pipeline);
    let (low, high) = (r#"{__name__="a", cluster="eu"}"#, r#"{__name__="a", cluster="eu", state="high"}"#);
    target.page(&[("a", 1.0)]).await;
    target.page(&[("a", 2.0)]).await;
    assert_eq!(sinks.take(), got(&[(low, 1000, "1"), (low, 2000, "2")]));
    target.page(&[("a", 9.0)]).await;
    assert_eq!(sinks.take(), got(&[(low, 3000, "stale"), (high, 3000, "9")]));
    target.page(&[("a", 1.0)]).await;
    assert_eq!(sinks.take(), got(&[(low, 4000, "1"), (high, 4000, "stale")]));
    assert_eq!(guests[1].asked.load(Ordering::Relaxed), 2, "late verdicts are kept too");
    guests[1].forgotten.fetch_add(1, Ordering::Relaxed);
    target.page(&[("a", 1.0)]).await;
    target.page(&[("a", 1.0)]).await;
    assert_eq!(guests[1].asked.load(Ordering::Relaxed), 3, "and asked again when the guest says so");
}

#[tokio::test]
async fn a_guest_that_takes_its_verdicts_back_is_asked_about_everything_again() {
    let sinks = Arc::new(TestSinks::default());
    let now = Arc::new(std::sync::Mutex::new("one"));
    let theirs = now.clone();
    let table = TestGuest::series(move |batch: &SeriesBatch| {
        let mut added = Symbols::default();
        let base = batch.symbols.len() as u32;
        let (name, value) = (base + added.push("table"), base + added.push(*theirs.lock().unwrap()));
        let assigned = (0..batch.rows).map(|row| [row, name, value]).collect();
        Ok(Verdicts { labels: Some(LabelEdit { added, assigned, removed: vec![] }), ..Verdicts::default() })
    });
    let (pipeline, guests) = pipeline(vec![table], &sinks);
    let mut target = Target::new(&pipeline);
    let (one, two) = (r#"{__name__="a", table="one"}"#, r#"{__name__="a", table="two"}"#);
    target.page(&[("a", 1.0)]).await;
    *now.lock().unwrap() = "two";
    target.page(&[("a", 2.0)]).await;
    assert_eq!(sinks.take(), got(&[(one, 1000, "1"), (one, 2000, "2")]), "the verdict is kept");
    guests[0].forgotten.fetch_add(1, Ordering::Relaxed);
    target.page(&[("a", 3.0)]).await;
    assert_eq!(sinks.take(), got(&[(one, 3000, "stale"), (two, 3000, "3")]));
    target.page(&[("a", 4.0)]).await;
    assert_eq!(guests[0].asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removed_target_ends_unless_another_writes_its_series() {
    let sinks = Arc::new(TestSinks::default());
    let (pipeline, _) = pipeline(vec![], &sinks);
    let (mut gone, mut heir) = (Target::new(&pipeline), Target::new(&pipeline));
    gone.page(&[("a", 1.0), ("b", 1.0)]).await;
    gone.route.leave(EVERY);
    heir.page(&[("b", 2.0)]).await;
    sinks.take();
    tokio::time::sleep(EVERY.mul_f64(2.5)).await;
    assert_eq!(sinks.take(), got(&[(r#"{__name__="a"}"#, 2000, "stale")]));
    drop(heir); // weir stops
    tokio::time::sleep(EVERY.mul_f64(2.5)).await;
    assert_eq!(sinks.take(), []);
}
