//! What a plugin costs: the pipelines of production with it, against the same pipelines without.
//!
//! One target's page of [`SAMPLES`] series goes through again and again, and a batch of [`LINES`] lines; both are made of the
//! plugin's own fixtures where it has some, repeated with a label that tells the repetitions apart, and otherwise of what a node
//! exporter and a web server write. What is measured is the wall clock of one thread, the median of rounds.
//!
//! A page whose series are all new is apart from the pages after it: a `series` plugin is asked on the first alone. What that one
//! takes more than the same page again is what a new series costs.

use std::time::{Duration, Instant};

use weir_model::LabelSet;

use crate::error::AuthorError;
use crate::fixture::{Case, Document, Input, LineText, Rig, Run, SampleText};

/// Series of the page: those of a node exporter.
pub const SAMPLES: usize = 2_000;
/// Lines of the batch: what a busy file has between two looks.
pub const LINES: usize = 1_000;
/// How long each kind of record is measured.
const TIME: Duration = Duration::from_millis(800);
/// The label that tells repeated records apart.
const COPY: &str = "bench_copy";

/// Nanoseconds a record, with the plugin and without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// With the plugin.
    pub with: f64,
    /// Through the same pipeline without a plugin.
    pub without: f64,
}

/// What a plugin costs.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Compiling the component, once for each version; what is compiled is kept on disk.
    pub compile: Duration,
    /// From the kept file to a plugin that is ready: load, instantiate, configure.
    pub load: Duration,
    /// One more instance: instantiate and configure.
    pub instantiate: Duration,
    /// The linear memory of an instance behind it all, in bytes.
    pub memory: u64,
    /// A series that is new, beside what its sample costs as one of a known series.
    pub new_series: Option<Cost>,
    /// A sample of a series that is known.
    pub samples: Option<Cost>,
    /// A line of a stream that is known.
    pub lines: Option<Cost>,
    /// Whether samples and lines are those of fixtures.
    pub own_input: (bool, bool),
    /// The mean length of the lines in bytes.
    pub line_bytes: usize,
}

/// Measures a component with the configuration of the first of its cases that takes one.
pub async fn measure(name: &str, component: &[u8], documents: &[Document]) -> Result<Costs, AuthorError> {
    let failed = |mut reason: String| {
        if documents.is_empty() {
            reason.push_str("\n(there are no fixtures to take a configuration from: name some with --fixtures)");
        }
        AuthorError::Component { what: "the plugin does not run", reason }
    };
    let cases: Vec<&Case> = documents.iter().flat_map(|d| &d.cases).collect();
    let case = cases.iter().find(|c| c.configure_error.is_none());
    let case = case.map_or_else(Case::plain, |c| c.alone());
    let cache = tempfile::tempdir().map_err(AuthorError::file("a temporary folder"))?;
    let rig = Rig::new(name, component.to_vec(), Some(cache.path()))?;
    let timed = |case: &Case| {
        let begin = Instant::now();
        rig.begin(case).map(|run| (begin.elapsed(), run)).map_err(failed)
    };
    let (compiled, _) = timed(&case)?;
    let (load, _) = timed(&case)?;
    let instantiate = rig.another_instance().map_err(failed)?;
    let (_, mut with) = timed(&case)?;
    let mut without = rig.nothing();

    let (samples, own_samples) = samples(&cases);
    let (lines, own_lines) = lines(&cases);
    let wants = with.wants().clone();
    let metrics = wants.series.is_some() || wants.samples.is_some();
    let logs = wants.series.is_some() || wants.logs.is_some();
    let mut costs = Costs {
        compile: compiled.saturating_sub(load),
        load,
        instantiate,
        memory: 0,
        new_series: None,
        samples: None,
        lines: None,
        own_input: (own_samples, own_lines),
        line_bytes: lines.iter().map(|l| l.text.len()).sum::<usize>() / lines.len().max(1),
    };
    if metrics {
        let mut new_series = Cost { with: 0.0, without: 0.0 };
        for (run, cost) in [(&mut with, &mut new_series.with), (&mut without, &mut new_series.without)] {
            *cost = births(run, &samples).await / samples.len() as f64;
        }
        costs.new_series = wants.series.is_some().then_some(new_series);
        let input = Input::Samples(samples);
        costs.samples = Some(cost(&mut with, &mut without, &input, SAMPLES).await);
    }
    if logs {
        costs.lines = Some(cost(&mut with, &mut without, &Input::Lines(lines), LINES).await);
    }
    costs.memory = rig.memory();
    match with.errors().first() {
        Some(error) => {
            let reason = format!("{error}\n{}", rig.log()).trim_end().to_owned();
            Err(AuthorError::Component { what: "a call failed", reason })
        }
        None => Ok(costs),
    }
}

async fn cost(with: &mut Run, without: &mut Run, input: &Input, records: usize) -> Cost {
    // both in turns, so that what else the machine does hits both alike
    let (mut a, mut b) = (vec![], vec![]);
    // caches, verdicts and the first instance are there before it counts
    for _ in 0..3 {
        with.pass(input).await;
        without.pass(input).await;
    }
    let until = Instant::now() + TIME;
    while Instant::now() < until || a.len() < 5 {
        a.push(with.pass(input).await);
        b.push(without.pass(input).await);
    }
    let each = |times: &mut Vec<Duration>| {
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default().as_nanos() as f64 / records as f64
    };
    Cost { with: each(&mut a), without: each(&mut b) }
}

/// What a page whose series are all new takes more than the same page again, in nanoseconds: each round has series that no round before
/// had.
async fn births(run: &mut Run, samples: &[SampleText]) -> f64 {
    let mut times = vec![];
    for round in 0..9 {
        let fresh = samples.iter().map(|s| SampleText { labels: copy(&s.labels, &format!("r{round}")), ..s.clone() });
        let page = Input::Samples(fresh.collect());
        let first = run.pass(&page).await;
        times.push(first.as_nanos() as f64 - run.pass(&page).await.as_nanos() as f64);
    }
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The labels, and one that no other copy has.
fn copy(labels: &LabelSet, number: &str) -> LabelSet {
    let pairs: Vec<(&str, &str)> = labels.as_labels().iter().chain([(COPY, number)]).collect();
    pairs.iter().collect()
}

/// The fixtures' samples, or some of our own, repeated to a page.
fn samples(cases: &[&Case]) -> (Vec<SampleText>, bool) {
    let mut own: Vec<SampleText> = vec![];
    // what is to fail would be measured failing
    for step in cases.iter().flat_map(|c| &c.steps).filter(|s| s.expected.error.is_none()) {
        match &step.input {
            Input::Series(sets) => {
                own.extend(sets.iter().map(|l| SampleText { labels: l.clone(), value: 1.0, time: None }));
            }
            Input::Samples(samples) => own.extend(samples.iter().map(|s| SampleText { time: None, ..s.clone() })),
            _ => {}
        }
    }
    let is_own = !own.is_empty();
    if !is_own {
        own = (0..20).map(ordinary_sample).collect();
    }
    let page = (0..SAMPLES).zip(own.iter().cycle());
    (page.map(|(i, s)| SampleText { labels: copy(&s.labels, &i.to_string()), ..s.clone() }).collect(), is_own)
}

fn ordinary_sample(i: u32) -> SampleText {
    let (cpu, mode) = (i.to_string(), ["idle", "user", "system", "iowait"][i as usize % 4]);
    let pairs = [
        ("__name__", "node_cpu_seconds_total"),
        ("cpu", cpu.as_str()),
        ("mode", mode),
        ("job", "node"),
        ("instance", "web-17.eu-west.example.org:9100"),
        ("cluster", "eu-west-1"),
        ("env", "production"),
        ("team", "platform"),
        ("zone", "eu-west-1b"),
        ("rack", "r42"),
    ];
    SampleText { labels: pairs.iter().collect(), value: f64::from(i) * 1.5, time: None }
}

/// The fixtures' lines, or some of our own, repeated to a batch.
fn lines(cases: &[&Case]) -> (Vec<LineText>, bool) {
    let steps = cases.iter().flat_map(|c| &c.steps).filter(|s| s.expected.error.is_none());
    let mut own: Vec<LineText> = vec![];
    for step in steps {
        if let Input::Lines(lines) = &step.input {
            own.extend(lines.iter().map(|l| LineText { time: None, ..l.clone() }));
        }
    }
    let is_own = !own.is_empty();
    if !is_own {
        own = (0..20).map(ordinary_line).collect();
    }
    (own.iter().cycle().take(LINES).cloned().collect(), is_own)
}

fn ordinary_line(i: u32) -> LineText {
    let level = ["info", "info", "warn", "error"][i as usize % 4];
    let text = format!(
        "ts=2026-01-14T10:22:{:02}.123Z level={level} msg=\"request done\" method=GET path=/api/v1/orders/{i} status=200 \
         duration=12.5ms bytes=5120 client=10.1.2.{i} agent=\"Mozilla/5.0 (X11; Linux x86_64)\" trace={i:032x}",
        i % 60
    );
    let stream = [("job", "web"), ("instance", "web-17")].iter().collect();
    LineText { stream, time: None, metadata: LabelSet::default(), text }
}
