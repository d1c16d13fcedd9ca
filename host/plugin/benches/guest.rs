//! What guests cost by themselves, from columns that are ready to an answer that is checked: the job of `sdk/benches`, on the data that
//! the bars of the SDKs were measured with.
//!
//! 2,000 label sets, of which `__name__` is sent or all ten labels; 10,000 samples of 500 sets, or of a set each; 1,000 lines of 129
//! bytes on average, ASCII, or one in five with accents. The processor time of all threads for a call, the median of many: building the
//! columns and applying the answer, which `weir plugin bench` counts in, are not in it; every answer is held against what it must be.
//! Components come from `WEIR_BENCH_GUEST`, several as a `PATH` has them; without it, Rust's is built.
//!
//! `cargo bench -p weir-plugin --bench guest` prints a table; with `-- --test` every job runs once. Nothing is asserted about time.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod component;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use weir_model::LabelSet;
use weir_pipeline::columns::ColumnBuilder;
use weir_pipeline::guest::{Guest, LabelEdit, LabelSets, LabelsWanted, LogsBatch, SamplesBatch, SeriesBatch, Symbols};
use weir_plugin::{PluginSettings, PluginSource, Plugins, Settings};
use weir_telemetry::Metrics;

const SETS: usize = 2_000;
const SAMPLES: usize = 10_000;
const LINES: usize = 1_000;
const CLUSTER: &str = "bench-eu";

fn main() {
    // `cargo test --benches` and `--test` only want to know that it runs.
    let measured = std::env::args().any(|a| a == "--bench") && !std::env::args().any(|a| a == "--test");
    let time = Duration::from_millis(if measured { 1500 } else { 0 });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let _entered = runtime.enter();
    let columns = ["set, its name", "set, 10 labels", "sample", "sample, own set", "line, ASCII", "line, accents"];
    print!("{:<34}", "nanoseconds of a call for each");
    println!("{}", columns.map(|column| format!("{column:>16}")).concat());
    for path in components() {
        let (_plugins, guest) = load(&path);
        // `sdk/js/benches/cost/build/cost.wasm` by its folders
        let whole: Vec<char> = path.to_string_lossy().chars().collect();
        print!("{:<34}", whole[whole.len().saturating_sub(33)..].iter().collect::<String>());
        let wanted = guest.wants().series.clone().unwrap();
        for wanted in [&wanted, &LabelsWanted::Everything] {
            print!("{:>16.1}", series(guest.as_ref(), wanted, time));
        }
        for own_sets in [false, true] {
            print!("{:>16.1}", samples(guest.as_ref(), own_sets, time));
        }
        for accents in [false, true] {
            print!("{:>16.1}", lines(guest.as_ref(), accents, time));
        }
        println!();
    }
}

/// The components to be measured.
fn components() -> Vec<PathBuf> {
    if let Some(paths) = std::env::var_os("WEIR_BENCH_GUEST") {
        return std::env::split_paths(&paths).collect();
    }
    vec![component::built("weir-bench-cost")]
}

fn load(path: &Path) -> (Plugins, Arc<dyn Guest>) {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let plugin = PluginSettings { config_json: format!("{{\"cluster\":\"{CLUSTER}\"}}"), ..PluginSettings::default() };
    let settings = Settings {
        embedded: vec![PluginSource { name: "bench".to_owned(), bytes: bytes.into() }],
        plugins: [("bench".to_owned(), plugin)].into(),
        ..Settings::default()
    };
    let plugins = Plugins::open(settings, &Metrics::new()).unwrap();
    let guest = plugins.current().guests[0].clone();
    (plugins, guest)
}

/// Nanoseconds an item of the processor time of a call, the median.
fn each(items: usize, time: Duration, mut call: impl FnMut()) -> f64 {
    let (mut times, begin) = (vec![], Instant::now());
    while times.is_empty() || begin.elapsed() < time {
        let before = computed();
        call();
        times.push(computed().saturating_sub(before));
    }
    times.sort();
    times[times.len() / 2].as_nanos() as f64 / items as f64
}

/// The processor time of all threads so far.
fn computed() -> Duration {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

/// Sets of ten labels; one in twenty has the name that is dropped, and some have it elsewhere, or parts of it.
fn sets(count: usize) -> Vec<Vec<(&'static str, String)>> {
    let set = |i: usize| {
        if i == 5 {
            return vec![];
        }
        let name = match i {
            _ if i % 20 == 7 => "container_tasks_state".to_owned(),
            8 => "container_tasks_state_total".to_owned(),
            9 => "my_container_tasks_state".to_owned(),
            10 => "container_tasks".to_owned(),
            11 => "_state".to_owned(),
            _ => format!("metric_{}_total", i % 97),
        };
        let job = if i.is_multiple_of(50) { "container_tasks_state" } else { "kubernetes-pods" };
        let place =
            if i.is_multiple_of(3) { ("cluster", "old".to_owned()) } else { ("region", "eu-west-1".to_owned()) };
        vec![
            ("__name__", name),
            ("code", format!("{}", 200 + i % 5)),
            ("container", "app".to_owned()),
            ("instance", format!("10.0.{}.{}:9090", i / 250, i % 250)),
            ("job", job.to_owned()),
            ("method", "GET".to_owned()),
            ("namespace", format!("team-{}", i % 17)),
            ("node", format!("ip-10-12-{}-77", i % 20)),
            ("pod", format!("frontend-7c9d8f5b6-{i:05}")),
            place,
        ]
    };
    (0..count).map(set).collect()
}

fn value<'a>(set: &'a [(&str, String)], name: &str) -> Option<&'a str> {
    set.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
}

fn columns(sets: &[Vec<(&'static str, String)>], wanted: &LabelsWanted) -> (Symbols, LabelSets) {
    let mut builder = ColumnBuilder::default();
    for set in sets {
        builder.add(set.iter().collect::<LabelSet>().as_labels(), wanted);
    }
    (builder.symbols, builder.sets)
}

/// The (row, name, value) that an edit assigns.
fn assigned<'a>(edit: Option<&'a LabelEdit>, symbols: &'a Symbols) -> Vec<(u32, &'a str, &'a str)> {
    let Some(edit) = edit else { return vec![] };
    let text = |i: u32| {
        let i = i as usize;
        i.checked_sub(symbols.len()).map_or_else(|| symbols.get(i), |i| edit.added.get(i)).unwrap()
    };
    edit.assigned.iter().map(|&[row, name, value]| (row, text(name), text(value))).collect()
}

/// Drops by name, and gives the others a label.
fn series(guest: &dyn Guest, wanted: &LabelsWanted, time: Duration) -> f64 {
    let sets = sets(SETS);
    let (symbols, columns) = columns(&sets, wanted);
    let batch = SeriesBatch { rows: SETS as u32, symbols, sets: columns };
    let answer = guest.relabel(&batch).unwrap();
    let (gone, kept): (Vec<u32>, Vec<u32>) =
        (0..SETS as u32).partition(|i| value(&sets[*i as usize], "__name__") == Some("container_tasks_state"));
    assert!(answer.dropped == gone, "other series are dropped");
    let kept: Vec<_> = kept.into_iter().map(|row| (row, "cluster", CLUSTER)).collect();
    assert!(assigned(answer.labels.as_ref(), &batch.symbols) == kept, "other series get the label");
    each(SETS, time, || drop(black_box(guest.relabel(black_box(&batch)).unwrap())))
}

/// The bits of a number; of all that are none, the same.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// Drops by value, and scales what has a unit.
fn samples(guest: &dyn Guest, own_sets: bool, time: Duration) -> f64 {
    let mut sets = sets(if own_sets { SAMPLES } else { 500 });
    for (i, set) in sets.iter_mut().enumerate() {
        match i % 10 {
            2 => set.push(("unit", "s".to_owned())),
            3 => set.push(("unit", "ms".to_owned())),
            4 => set.push(("other", "s".to_owned())),
            _ => {}
        }
    }
    let set_of = |i: usize| if own_sets { i } else { i * 7 % 500 };
    let (symbols, columns) = columns(&sets, &guest.wants().samples.as_ref().unwrap().labels);
    let value_of = |i: usize| match i {
        _ if i % 40 == 1 => -1.5 - i as f64,
        106 => f64::NAN,
        116 => -0.0,
        126 => f64::NEG_INFINITY,
        136 => f64::INFINITY,
        146 => -f64::NAN,
        53 | 103 | 203 => -7.0,
        _ => i as f64 / 8.0,
    };
    let batch = SamplesBatch {
        rows: SAMPLES as u32,
        symbols,
        sets: columns,
        set_of_row: if own_sets { vec![] } else { (0..SAMPLES).map(|i| set_of(i) as u32).collect() },
        kinds: (0..SAMPLES).map(|i| u8::from(i % 50 == 3)).collect(),
        values: (0..SAMPLES).map(value_of).collect(),
        ..SamplesBatch::default()
    };
    let answer = guest.samples(&batch).unwrap();
    let floats = (0..SAMPLES).filter(|i| batch.kinds[*i] == 0);
    let (gone, kept): (Vec<usize>, Vec<usize>) = floats.partition(|i| batch.values[*i] < 0.0);
    assert!(answer.dropped.iter().map(|row| *row as usize).eq(gone), "other samples are dropped");
    let scaled = kept.into_iter().filter(|i| value(&sets[set_of(*i)], "unit") == Some("s"));
    let scaled: Vec<(u32, u64)> = scaled.map(|i| (i as u32, bits(batch.values[i] * 1000.0))).collect();
    let changed: Vec<_> = answer.changed.iter().copied().zip(answer.values.iter().map(|v| bits(*v))).collect();
    assert!(changed == scaled, "samples change as they should not");
    each(SAMPLES, time, || drop(black_box(guest.samples(black_box(&batch)).unwrap())))
}

fn line(i: usize) -> String {
    match i % 10 {
        _ if i == 20 => String::new(),
        // one text over the ends of two lines
        _ if i == 30 => "ends with DEB".to_owned(),
        _ if i == 31 => "UG begins password=".to_owned(),
        _ if i == 40 => "password=password=x y \u{1f600}ERR".to_owned(),
        _ if i == 41 => "OR \u{1f600}\u{1f600} password=\u{1f600}".to_owned(),
        _ if i == 43 => "DEBUG ERROR password=x".to_owned(),
        3 => format!("2026-01-01T00:00:00Z level=DEBUG request {i} took 12ms path=/api/v1/items"),
        5 | 6 => format!(
            "2026-01-01T00:00:00Z level=INFO login user=bob{i} password=hunter{i} from=10.0.0.{} caf\u{e9}",
            i % 250
        ),
        8 => format!(
            "2026-01-01T00:00:00Z level=ERROR request {i} took 12ms path=/api/v1/items \
             trace_id=00f067aa0ba902b7{i:016x} status=500 user=user-{i}"
        ),
        _ => format!(
            "2026-01-01T00:00:00Z level=INFO request {i} took 12ms path=/api/v1/items \
             trace_id=00f067aa0ba902b7{i:016x} status=200 user=user-{i} method=GET"
        ),
    }
}

fn redacted(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some((before, secret)) = rest.split_once("password=") {
        out = out + before + "password=***";
        rest = &secret[secret.find(' ').unwrap_or(secret.len())..];
    }
    out + rest
}

/// Searches for three texts: drops by one, sets metadata by another, redacts by the third.
fn lines(guest: &dyn Guest, accents: bool, time: Duration) -> f64 {
    let mut lines: Vec<String> = (0..LINES).map(line).collect();
    if !accents {
        for line in &mut lines {
            line.retain(|c| c.is_ascii());
        }
    }
    let mut text = String::new();
    let mut ends = vec![];
    for line in &lines {
        text.push_str(line);
        ends.push(text.len() as u32);
    }
    let (symbols, sets) = (Symbols::default(), LabelSets::default());
    let batch = LogsBatch {
        rows: LINES as u32,
        symbols: &symbols,
        sets: &sets,
        set_of_row: &[],
        metadata: &sets,
        timestamps: &[],
        lines: &text,
        line_ends: &ends,
    };
    let answer = guest.logs(&batch).unwrap();
    let (gone, kept): (Vec<u32>, Vec<u32>) = (0..LINES as u32).partition(|i| lines[*i as usize].contains("DEBUG"));
    assert!(answer.dropped == gone, "other lines are dropped");
    let kept = || kept.iter().map(|i| (*i, lines[*i as usize].as_str()));
    let errors: Vec<_> = kept().filter(|(_, l)| l.contains("ERROR")).map(|(i, _)| (i, "level", "error")).collect();
    assert!(assigned(answer.metadata.as_ref(), &symbols) == errors, "other lines get metadata");
    let changed: Vec<_> = kept().filter(|(_, l)| l.contains("password=")).map(|(i, l)| (i, redacted(l))).collect();
    let given = answer.changed.iter().enumerate().map(|(i, row)| (*row, answer.lines.get(i).unwrap().to_owned()));
    assert!(given.eq(changed), "lines change as they should not");
    each(LINES, time, || drop(black_box(guest.logs(black_box(&batch)).unwrap())))
}
