//! Which series end when, against a naive model: after every step the series that live at each sink are those that somebody
//! wrote last, and a series ends with one marker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::pages::{Target, labels, rules, without_pod};
use super::{Arrival, TestGuest, TestSinks, stats};
use crate::guest::{Guest, LabelEdit, SamplesEdit, Symbols};
use crate::{MetricsPipeline, Writers};

const EVERY: Duration = Duration::from_secs(1);

/// The series that the pages of the first two targets have, of which one is there at a time, so that each is the other's heir:
/// with pods that a plugin may take away, one that plugins drop, one with times of its own.
const SERIES: [&str; 6] = ["a/1", "a/2", "b/1", "c", "bad", "own"];

/// Those of the third, which has a life of its own.
const OTHERS: [&str; 6] = ["o/1", "o/2", "p/1", "q", "r", "own2"];

/// The plugins that may be in force.
const CHAINS: usize = 5;

/// What can happen.
#[derive(Clone, Debug)]
enum Step {
    /// A page of the target of this number: which of the series are on it, and whether values are high.
    Page(usize, u8, bool),
    /// The target leaves, or a new one comes, with which its heir leaves.
    Toggle(usize),
    /// Other plugins in a pipeline.
    Chain(usize, usize),
    /// Other sinks behind a pipeline.
    Sinks(usize, usize),
    /// The target is sent through the other pipeline.
    Move(usize),
    /// Time passes: quarters of the interval.
    Wait(u8),
}

const SINKS: [&[&str]; 4] = [&["x"], &["y"], &["x", "y"], &["y", "z"]];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let target = 0..3usize;
    let step = prop_oneof![
        8 => (target.clone(), any::<u8>(), any::<bool>()).prop_map(|(t, s, high)| Step::Page(t, s, high)),
        2 => target.clone().prop_map(Step::Toggle),
        1 => (0..2usize, 0..CHAINS).prop_map(|(p, c)| Step::Chain(p, c)),
        1 => (0..2usize, 0..SINKS.len()).prop_map(|(p, s)| Step::Sinks(p, s)),
        1 => target.prop_map(Step::Move),
        3 => (1..8u8).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

fn chain(which: usize) -> Vec<Arc<dyn Guest>> {
    match which {
        0 => vec![],
        1 => vec![Arc::new(rules("eu"))],
        2 => vec![Arc::new(rules("us"))],
        3 => vec![Arc::new(without_pod())],
        _ => vec![Arc::new(rules("eu")), Arc::new(state())],
    }
}

/// Gives samples above 5 a label.
fn state() -> TestGuest {
    TestGuest::samples(|batch| {
        let base = batch.symbols.len() as u32;
        let mut added = Symbols::default();
        let (name, value) = (base + added.push("state"), base + added.push("high"));
        let high = batch.values.iter().enumerate().filter(|(_, v)| **v > 5.0);
        let assigned = high.map(|(row, _)| [row as u32, name, value]).collect();
        Ok(SamplesEdit { labels: Some(LabelEdit { added, assigned, removed: vec![] }), ..SamplesEdit::default() })
    })
}

/// What a chain makes of a series; the model's own words for what the guests above do.
fn output(which: usize, series: &str, high: bool) -> Option<String> {
    let mut pairs: BTreeMap<String, String> =
        labels(series).as_labels().iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let mut set = |name: &str, value: &str| drop(pairs.insert(name.to_owned(), value.to_owned()));
    match which {
        0 | 3 => {}
        _ if series == "bad" => return None,
        2 => set("cluster", "us"),
        _ => set("cluster", "eu"),
    }
    if which == 4 && high {
        set("state", "high");
    }
    if which == 3 {
        pairs.remove("pod");
    }
    Some(pairs.into_iter().collect::<Vec<_>>().iter().collect::<weir_model::LabelSet>().to_string())
}

/// Who wrote a series to a sink last.
type Alive = BTreeMap<(String, String), u64>;

struct Pipe {
    sinks: Arc<TestSinks>,
    pipeline: Arc<MetricsPipeline>,
    chain: usize,
    to: usize,
}

struct Live {
    /// Differs for any two targets.
    id: u64,
    target: Target,
    pipe: usize,
}

struct World {
    arrived: Arc<Mutex<Vec<Arrival>>>,
    pipes: Vec<Pipe>,
    targets: [Option<Live>; 3],
    next_id: u64,
    now: i64,
    model: Alive,
    /// Those that left: when their series end, whose.
    leaving: Vec<(i64, u64)>,
    /// What arrived says: alive series with the time of the last sample, ended ones likewise.
    seen: BTreeMap<(String, String), (i64, bool)>,
    markers: usize,
}

impl World {
    fn new() -> Self {
        let arrived: Arc<Mutex<Vec<Arrival>>> = Arc::default();
        let writers: Arc<Writers> = Arc::default();
        let stats = stats().0;
        let pipe = |name: &str, to: usize| {
            let sinks = Arc::new(TestSinks::new(arrived.clone(), SINKS[to]));
            let pipeline = MetricsPipeline::new(name, &[], sinks.clone(), &writers, &stats);
            Pipe { sinks, pipeline, chain: 0, to }
        };
        Self {
            pipes: vec![pipe("one", 0), pipe("two", 2)],
            arrived,
            targets: [None, None, None],
            next_id: 1,
            now: 0,
            model: Alive::new(),
            leaving: vec![],
            seen: BTreeMap::new(),
            markers: 0,
        }
    }

    async fn step(&mut self, step: &Step) {
        match *step {
            Step::Page(t, which, high) => self.page(t, which, high).await,
            Step::Toggle(t) => {
                if self.leave(t) {
                    return;
                }
                if t < 2 {
                    self.leave(1 - t);
                }
                let pipe = t % 2;
                let target = Target::new(&self.pipes[pipe].pipeline);
                self.targets[t] = Some(Live { id: self.next_id, target, pipe });
                self.next_id += 1;
            }
            Step::Chain(p, which) => {
                let pipe = &mut self.pipes[p];
                pipe.chain = which;
                pipe.pipeline.set_guests(&chain(which));
            }
            Step::Sinks(p, to) => {
                let pipe = &mut self.pipes[p];
                pipe.to = to;
                pipe.sinks.go_to(SINKS[to]);
            }
            Step::Move(t) => {
                if let Some(live) = &mut self.targets[t] {
                    live.pipe = 1 - live.pipe;
                    live.target.route.set_pipelines(std::slice::from_ref(&self.pipes[live.pipe].pipeline));
                }
            }
            Step::Wait(quarters) => self.wait(i64::from(quarters) * 250).await,
        }
    }

    fn leave(&mut self, t: usize) -> bool {
        let Some(live) = self.targets[t].take() else { return false };
        live.target.route.leave(EVERY);
        self.leaving.push((self.now + 2100, live.id));
        true
    }

    async fn page(&mut self, t: usize, which: u8, high: bool) {
        // a target's pages are at different times
        self.wait(10).await;
        let Some(live) = &mut self.targets[t] else { return };
        let value = if high { 9.0 } else { 1.0 };
        let all = if t < 2 { SERIES } else { OTHERS };
        let page: Vec<(&str, f64)> =
            all.into_iter().enumerate().filter(|(i, _)| which & (1 << i) != 0).map(|(_, s)| (s, value)).collect();
        live.target.page_at(self.now, &page).await;
        let pipe = &self.pipes[live.pipe];
        let outputs: BTreeSet<String> = page
            .iter()
            .filter(|(s, _)| !s.starts_with("own"))
            .filter_map(|(s, v)| output(pipe.chain, s, *v > 5.0))
            .collect();
        let id = live.id;
        self.model.retain(|_, owner| *owner != id);
        for sink in SINKS[pipe.to] {
            for series in &outputs {
                self.model.insert(((*sink).to_owned(), series.clone()), id);
            }
        }
    }

    async fn wait(&mut self, ms: i64) {
        tokio::time::sleep(Duration::from_millis(ms as u64)).await;
        self.now += ms;
        // the tasks of what is due at this very moment
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let due: Vec<u64> = self.leaving.iter().filter(|l| l.0 <= self.now).map(|l| l.1).collect();
        self.leaving.retain(|l| l.0 > self.now);
        self.model.retain(|_, owner| !due.contains(owner));
    }

    /// Reads what arrived and compares.
    fn check(&mut self) {
        for (sink, series, time, value) in std::mem::take(&mut *self.arrived.lock().unwrap()) {
            let stale = value == "stale";
            if series.contains("\"own") {
                assert!(!stale, "a marker for a series with times of its own");
                continue;
            }
            let before = self.seen.insert((sink.clone(), series.clone()), (time, !stale));
            if stale {
                self.markers += 1;
                assert!(before.is_some_and(|(_, alive)| alive), "a marker for {series}, which does not live at {sink}");
            }
            if let Some((last, _)) = before {
                assert!(last < time, "{series} at {sink}: {time} comes behind {last}");
            }
        }
        let seen: BTreeSet<_> = self.seen.iter().filter(|(_, (_, alive))| *alive).map(|(at, _)| at).collect();
        let model: BTreeSet<_> = self.model.keys().collect();
        assert_eq!(seen, model, "what lives, as seen and as it should be, at {}", self.now);
    }
}

fn play(steps: &[Step]) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new();
        for step in steps {
            world.step(step).await;
            world.check();
        }
        // whoever is left leaves, and in the end nothing lives
        for t in 0..3 {
            world.leave(t);
        }
        world.wait(3000).await;
        world.check();
        assert_eq!(world.model.len(), 0);
        world.markers
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_output_that_ends_gets_one_marker_and_none_that_lives(steps in steps()) {
        play(&steps);
    }
}
