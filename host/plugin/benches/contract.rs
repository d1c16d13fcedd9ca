//! What the plugin contract costs: three jobs of `tests/guests/examples/bench_jobs.rs` against the same jobs native.
//!
//! 1,000 series of 10 labels, or 1,000 lines of about 206 bytes, in the form that the pipeline has them: label sets as
//! canonical bytes end to end, lines as one text. Native is what a host without plugins would do with that. A plugin's time
//! is everything: the columns are built, the guest is called, its edit is checked and applied. `cargo bench -p weir-plugin
//! --bench contract` prints a table; with `-- --test` every job runs once. Nothing is asserted about time: a loaded
//! machine says little. What the whole stage costs while verdicts are kept is weir-pipeline's `benches/steady.rs`.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, clippy::expect_used)]

use std::hint::black_box;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use weir_model::{Births, LabelSet, Labels, LabelsBuilder, LogBatch, Slot};
use weir_pipeline::columns::ColumnBuilder;
use weir_pipeline::edit::{SetKind, apply_label_edit};
use weir_pipeline::guest::{Guest, LabelsWanted, SeriesBatch};
use weir_pipeline::{LogSinks, LogsPipeline, PipelineStats};
use weir_plugin::{PluginSettings, PluginSource, Plugins, Settings};
use weir_telemetry::{Ledger, Metrics, PipelineAccount, Signal};

#[path = "../tests/support/mod.rs"]
mod support;

const ROWS: usize = 1000;

fn main() {
    // `cargo test --benches` and `--test` only want to know that it runs.
    let measured = std::env::args().any(|a| a == "--bench") && !std::env::args().any(|a| a == "--test");
    let time = Duration::from_millis(if measured { 2000 } else { 0 });
    println!("{:<34}{:>12}{:>12}{:>8}{:>8}", "job", "native ns", "plugin ns", "ratio", "goal");
    filter(time);
    relabel(time);
    redact(time);
    one_row(time);
}

/// Both run alternately, so that what else the machine does hits both; the median is printed, per item. Each gets what
/// `fresh` makes, which is not timed.
fn compare<I>(
    job: &str,
    goal: f64,
    time: Duration,
    fresh: impl Fn() -> I,
    mut native: impl FnMut(I) -> usize,
    mut plugin: impl FnMut(I) -> usize,
) {
    assert_eq!(native(fresh()), plugin(fresh()), "{job}: different outcomes");
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    while a.is_empty() || begin.elapsed() < time {
        for (times, run) in [(&mut a, &mut native as &mut dyn FnMut(I) -> usize), (&mut b, &mut plugin)] {
            let input = black_box(fresh());
            let t = Instant::now();
            black_box(run(input));
            times.push(t.elapsed().as_nanos() as f64 / ROWS as f64);
        }
    }
    let (a, b) = (median(a), median(b));
    println!("{job:<34}{a:>12.1}{b:>12.1}{:>8.2}{goal:>8.1}", b / a);
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The guest that does the jobs: Rust's, or the component that `WEIR_BENCH_GUEST` names (`sdk/LANGUAGE/benches/jobs`).
fn guest() -> Vec<u8> {
    let other = std::env::var_os("WEIR_BENCH_GUEST");
    other.map_or_else(|| support::wasm("bench_jobs"), |path| std::fs::read(path).unwrap())
}

fn load(mode: &str) -> (Plugins, Arc<dyn Guest>) {
    let settings = Settings {
        embedded: vec![PluginSource { name: "bench".to_owned(), bytes: guest().into() }],
        plugins: [(
            "bench".to_owned(),
            PluginSettings { config_json: format!("{{\"mode\":\"{mode}\"}}"), ..PluginSettings::default() },
        )]
        .into(),
        ..Settings::default()
    };
    let plugins = Plugins::open(settings, &Metrics::new()).unwrap();
    let guest = plugins.current().guests[0].clone();
    (plugins, guest)
}

fn series() -> Births {
    let mut births = Births::default();
    for i in 0..ROWS {
        let pod = i / 10;
        let env = ["debug", "staging", "prod", "prod", "prod", "prod", "prod", "prod", "prod", "prod"][pod % 10];
        let labels = [
            ("__name__", format!("http_server_requests_metric_{}_total", i % 10 + pod % 40)),
            ("container", format!("container-{}", pod % 10)),
            ("env", env.to_owned()),
            ("instance", format!("10.0.{}.{}:9090", pod / 7, pod % 250)),
            ("job", format!("integrations/app-{}", pod % 10)),
            ("method", ["GET", "POST", "PUT", "DELETE", "PATCH"][i % 5].to_owned()),
            ("namespace", format!("team-namespace-{}", pod % 8)),
            ("node", format!("ip-10-12-{}-77.eu-west-1.compute.internal", pod % 20)),
            ("pod", format!("checkout-service-7d9f8b6c5d-{:05x}", (pod * 2_654_435) & 0xf_ffff)),
            ("region", ["eu-west-1", "us-east-1", "ap-south-1"][(i * 7 / 3) % 3].to_owned()),
        ];
        births.push(i as Slot, labels.iter().collect::<LabelSet>().as_labels());
    }
    births
}

/// The columns of all series; the builder gets its memory back with [`give_back`].
fn columns(builder: &mut ColumnBuilder, series: &Births, wanted: &LabelsWanted) -> SeriesBatch {
    builder.clear();
    for (_, labels) in series.iter() {
        builder.add(labels, wanted);
    }
    SeriesBatch {
        rows: series.len() as u32,
        symbols: std::mem::take(&mut builder.symbols),
        sets: std::mem::take(&mut builder.sets),
    }
}

fn give_back(builder: &mut ColumnBuilder, batch: SeriesBatch) {
    builder.symbols = batch.symbols;
    builder.sets = batch.sets;
}

/// Drops series by one label: which slots go on.
fn filter(time: Duration) {
    let series = series();
    let (_plugins, guest) = load("filter");
    let wanted = guest.wants().series.clone().unwrap();
    assert_eq!(wanted, LabelsWanted::Named(vec!["env".to_owned()]));
    let (mut kept, mut builder) = (Vec::new(), ColumnBuilder::default());
    let native = |()| {
        kept.clear();
        let debug = |l: Labels<'_>| l.raw().find(|l| l.name() == b"env").is_some_and(|l| l.value() == b"debug");
        kept.extend(series.iter().filter(|(_, l)| !debug(*l)).map(|(slot, _)| slot));
        black_box(&kept).len()
    };
    let mut kept = Vec::new();
    let plugin = |()| {
        let batch = columns(&mut builder, &series, &wanted);
        let verdicts = guest.relabel(&batch).unwrap();
        give_back(&mut builder, batch);
        kept.clear();
        let mut dropped = verdicts.dropped.iter().peekable();
        kept.extend(
            (0..)
                .zip(series.iter())
                .filter_map(|(row, (slot, _))| dropped.next_if(|d| **d == row).is_none().then_some(slot)),
        );
        black_box(&kept).len()
    };
    compare("filter by one label", 1.5, time, || (), native, plugin);
}

/// Adds a label and renames another: the new label sets.
fn relabel(time: Duration) {
    let series = series();
    let (_plugins, guest) = load("relabel");
    let wanted = guest.wants().series.clone().unwrap();
    assert_eq!(wanted, LabelsWanted::Everything);
    let (mut labels, mut out) = (LabelsBuilder::default(), Births::default());
    let native = |()| {
        out.clear();
        for (slot, before) in series.iter() {
            labels.reset(before);
            if let Some(pod) = before.get("pod") {
                labels.remove("pod");
                labels.set("pod_name", pod);
            }
            labels.set("cluster", "eu-1");
            out.push(slot, labels.finish());
        }
        fingerprint(&out)
    };
    let (mut labels, mut out, mut builder) = (LabelsBuilder::default(), Births::default(), ColumnBuilder::default());
    let mut sets = Vec::new();
    let plugin = |()| {
        let batch = columns(&mut builder, &series, &wanted);
        let edit = guest.relabel(&batch).unwrap().labels.unwrap();
        out.clear();
        sets.clear();
        sets.extend(series.iter());
        let before = |row: u32| sets[row as usize].1;
        let changed = |row: u32, after: Labels<'_>| out.push(sets[row as usize].0, after);
        apply_label_edit(&edit, &batch.symbols, SetKind::Series, before, |_| false, &mut labels, changed).unwrap();
        give_back(&mut builder, batch);
        fingerprint(&out)
    };
    compare("relabel, all labels", 2.5, time, || (), native, plugin);
}

fn fingerprint(out: &Births) -> usize {
    black_box(out).iter().last().map_or(0, |(_, l)| l.stable_hash() as usize) ^ out.len()
}

/// A call with next to nothing in it.
fn one_row(time: Duration) {
    let (_plugins, guest) = load("filter");
    let mut builder = ColumnBuilder::default();
    let set: LabelSet = [("env", "prod")].iter().collect();
    builder.add(set.as_labels(), &LabelsWanted::Everything);
    let batch = SeriesBatch { rows: 1, symbols: builder.symbols, sets: builder.sets };
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.is_empty() || begin.elapsed() < time / 4 {
        let t = Instant::now();
        black_box(guest.relabel(black_box(&batch)).unwrap());
        times.push(t.elapsed().as_nanos() as f64);
    }
    println!("{:<34}{:>12}{:>12.1}", "a call of one row", "", median(times));
}

fn lines() -> LogBatch {
    let mut batch = LogBatch { streams: vec![[("job", "app")].iter().collect()], ..LogBatch::default() };
    for i in 0..ROWS {
        let level = ["INFO", "INFO", "INFO", "DEBUG", "INFO", "WARN", "INFO", "INFO", "INFO", "INFO"][i % 10];
        let who = if i % 20 == 7 { "jane.doe+test@example-corp.com".to_owned() } else { format!("user-{}", i * 37) };
        let mut line = format!(
            "ts=2026-11-22T16:{:02}:{:02}.{:03}Z level={level} caller=handler.go:{} msg=\"request completed\" \
             method=GET path=/api/v1/items/{} status=200 duration={}ms user={who} trace_id={:032x}",
            i % 60,
            i % 59,
            i % 1000,
            i % 900,
            i * 731,
            i % 500,
            i * 0x9e37_79b9,
        );
        while line.len() < 195 {
            line.push_str(" extra=field");
        }
        batch.push(i as i64, &line);
    }
    batch
}

/// A copy, for each run consumes its batch.
fn copy(batch: &LogBatch) -> LogBatch {
    LogBatch {
        streams: batch.streams.clone(),
        times: batch.times.clone(),
        text: batch.text.clone(),
        ends: batch.ends.clone(),
        ..LogBatch::default()
    }
}

/// Keeps the last batch.
#[derive(Default)]
struct Last(Mutex<LogBatch>);

impl LogSinks for Last {
    fn accept<'a>(
        &'a self,
        batch: LogBatch,
        _: &'a PipelineAccount,
    ) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
        *self.0.lock().unwrap() = batch;
        Box::pin(std::future::ready(1))
    }
}

/// Drops lines and replaces parts of others: a new batch. The plugin's time is that of the whole pipeline.
fn redact(time: Duration) {
    let lines = lines();
    let (_plugins, guest) = load("relabel");
    let debug = memchr::memmem::Finder::new("DEBUG");
    let mut buffer = String::new();
    let native = |batch: LogBatch| {
        let mut out = LogBatch {
            text: String::with_capacity(batch.text.len()),
            ends: Vec::with_capacity(batch.len()),
            times: Vec::with_capacity(batch.len()),
            ..LogBatch::default()
        };
        for row in 0..batch.len() {
            let line = batch.line(row);
            if debug.find(line.as_bytes()).is_none() {
                buffer.clear();
                out.push(batch.times[row], if redacted(line, &mut buffer) { &buffer } else { line });
            }
        }
        out.streams = batch.streams;
        black_box(&out).text.len()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sink = Arc::new(Last::default());
    let ledger = Ledger::new(&Metrics::new());
    let source = ledger.source("bench", Signal::Lines);
    let stats = PipelineStats::new(&Metrics::new(), &ledger);
    let pipeline = LogsPipeline::new("bench", &[guest], sink.clone(), &stats);
    let plugin = |batch: LogBatch| {
        let mut from = source.passage(batch.len() as u64);
        runtime.block_on(pipeline.accept(batch, &mut from));
        from.end();
        sink.0.lock().unwrap().text.len()
    };
    compare("drop and redact lines", 3.0, time, || copy(&lines), native, plugin);
}

fn word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+')
}

/// The guest's job, word for word.
fn redacted(line: &str, out: &mut String) -> bool {
    let bytes = line.as_bytes();
    let (mut from, mut at, mut hit) = (0, 0, false);
    while let Some(i) = memchr::memchr(b'@', &bytes[at..]) {
        let sign = at + i;
        let start = bytes[from..sign].iter().rposition(|c| !word(*c)).map_or(from, |i| from + i + 1);
        let end = bytes[sign + 1..].iter().position(|c| !word(*c)).map_or(bytes.len(), |i| sign + 1 + i);
        if start < sign && bytes[sign + 1..end].contains(&b'.') {
            out.push_str(&line[from..start]);
            out.push_str("<email>");
            from = end;
            hit = true;
        }
        at = end;
    }
    if hit {
        out.push_str(&line[from..]);
    }
    hit
}
