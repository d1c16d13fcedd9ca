//! What the plugin contract costs: three jobs of `tests/guests/examples/bench_jobs.rs` against the same jobs native.
//!
//! 1,000 samples of 10 labels, or 1,000 lines of about 206 bytes. A plugin's time is everything: the columns are built, the
//! guest is called, its edit is checked and applied. `cargo bench -p weir-plugin` prints a table; nothing is asserted, for a
//! loaded machine says little. The goals: 1.5, 2.5 and 3.5 times native.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, clippy::expect_used)]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_pipeline::guest::{Guest, LabelSets, LabelsWanted, LogsBatch, SeriesBatch, Symbols};
use weir_plugin::{PluginSettings, PluginSource, Plugins, Settings};
use weir_telemetry::Metrics;

#[path = "../tests/support/mod.rs"]
mod support;

const ROWS: usize = 1000;

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let time = Duration::from_millis(if std::env::args().any(|a| a == "--bench") { 1500 } else { 1 });
    println!("{:<28}{:>12}{:>12}{:>8}{:>8}", "job", "native ns", "plugin ns", "ratio", "goal");
    filter(time);
    relabel(time);
    redact(time);
}

/// Both run alternately, so that what else the machine does hits both.
fn compare(job: &str, goal: f64, time: Duration, mut native: impl FnMut(), mut plugin: impl FnMut()) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    while begin.elapsed() < time || a.len() < 2 {
        for (times, run) in [(&mut a, &mut native as &mut dyn FnMut()), (&mut b, &mut plugin)] {
            let t = Instant::now();
            run();
            times.push(t.elapsed().as_nanos() as f64 / ROWS as f64);
        }
    }
    let (a, b) = (median(a), median(b));
    println!("{job:<28}{a:>12.1}{b:>12.1}{:>8.2}{goal:>8.1}", b / a);
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn load(mode: &str) -> (Plugins, Arc<dyn Guest>) {
    let settings = Settings {
        embedded: vec![PluginSource { name: "bench".to_owned(), bytes: support::wasm("bench_jobs").into() }],
        plugins: [("bench".to_owned(), PluginSettings { config_json: mode.to_owned(), ..PluginSettings::default() })]
            .into(),
        ..Settings::default()
    };
    let plugins = Plugins::open(settings, &Metrics::new()).unwrap();
    let guest = plugins.current().guests[0].clone();
    (plugins, guest)
}

/// Strings by number, for the life of the process.
#[derive(Default)]
struct Interner {
    strings: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Interner {
    fn get(&mut self, s: &str) -> u32 {
        if let Some(n) = self.numbers.get(s) {
            return *n;
        }
        let s: Arc<str> = s.into();
        self.strings.push(s.clone());
        self.numbers.insert(s, self.strings.len() as u32 - 1);
        self.strings.len() as u32 - 1
    }
}

/// (name, value), by ascending name.
type Set = Arc<[[u32; 2]]>;

fn sets(interner: &mut Interner) -> Vec<Set> {
    (0..ROWS)
        .map(|i| {
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
                ("region", ["eu-west-1", "us-east-1", "ap-south-1"][i % 3].to_owned()),
            ];
            labels.iter().map(|(n, v)| [interner.get(n), interner.get(v)]).collect()
        })
        .collect()
}

/// Builds a batch: process-wide numbers become the batch's own, with one look per label.
#[derive(Default)]
struct Builder {
    /// For each process-wide number: the batch that it was last seen in, and its number there.
    local: Vec<(u32, u32)>,
    batch: u32,
    global: Vec<u32>,
    columns: SeriesBatch,
}

impl Builder {
    fn build(&mut self, sets: &[Set], interner: &Interner, wanted: Option<u32>) {
        self.batch += 1;
        self.local.resize(interner.strings.len(), (0, 0));
        self.global.clear();
        let SeriesBatch { rows, symbols, sets: out } = &mut self.columns;
        symbols.clear();
        out.clear();
        *rows = sets.len() as u32;
        for set in sets {
            for pair in set.iter().filter(|p| wanted.is_none_or(|w| w == p[0])) {
                out.pairs.push(pair.map(|number| {
                    let seen = &mut self.local[number as usize];
                    if seen.0 != self.batch {
                        *seen = (self.batch, symbols.push(&interner.strings[number as usize]));
                        self.global.push(number);
                    }
                    seen.1
                }));
            }
            out.ends.push(out.pairs.len() as u32);
        }
    }
}

fn retain(sets: &mut Vec<Set>, dropped: &[u32]) {
    let mut dropped = dropped.iter().peekable();
    let mut row = 0;
    sets.retain(|_| {
        let goes = dropped.next_if(|d| **d == row).is_some();
        row += 1;
        !goes
    });
}

fn filter(time: Duration) {
    let mut interner = Interner::default();
    let sets = sets(&mut interner);
    let (env, debug) = (interner.get("env"), interner.get("debug"));
    let (_plugins, guest) = load("filter");
    assert_eq!(guest.wants().series, Some(LabelsWanted::Named(vec!["env".to_owned()])));
    let mut builder = Builder::default();
    let native = || {
        let mut sets = sets.clone();
        sets.retain(|s| !s.contains(&[env, debug]));
        assert_eq!(black_box(sets).len(), 900);
    };
    let plugin = || {
        let mut sets = sets.clone();
        builder.build(&sets, &interner, Some(env));
        retain(&mut sets, &guest.relabel(&builder.columns).unwrap().dropped);
        assert_eq!(black_box(sets).len(), 900);
    };
    compare("filter, one label", 1.5, time, native, plugin);
}

fn relabel(time: Duration) {
    let mut interner = Interner::default();
    let sets = sets(&mut interner);
    let (cluster, eu, pod) = (interner.get("cluster"), interner.get("eu-1"), interner.get("pod"));
    let (_plugins, guest) = load("relabel");
    let mut builder = Builder::default();
    let name = |n: u32, interner: &Interner| interner.strings[n as usize].clone();
    // Names are compared by their place in the order of all names, as an interner with sorted names would.
    let place: Vec<bool> = (0..interner.strings.len() as u32).map(|n| *name(n, &interner) > *"cluster").collect();
    let set = |set: &Set, scratch: &mut Vec<[u32; 2]>, removed: u32, assigned: [u32; 2]| -> Set {
        scratch.clear();
        scratch.extend(set.iter().filter(|p| p[0] != removed));
        let at = scratch.iter().position(|p| place[p[0] as usize]).unwrap_or(scratch.len());
        scratch.insert(at, assigned);
        Arc::from(&scratch[..])
    };
    let mut scratch = Vec::new();
    let native = || {
        let mut sets = sets.clone();
        for s in &mut sets {
            *s = set(s, &mut scratch, pod, [cluster, eu]);
        }
        assert_eq!(black_box(sets)[7].len(), 10);
    };
    let mut scratch = Vec::new();
    let mut names = Interner::default();
    names.strings.clone_from(&interner.strings);
    names.numbers.clone_from(&interner.numbers);
    let plugin = || {
        let mut sets = sets.clone();
        builder.build(&sets, &interner, None);
        let edit = guest.relabel(&builder.columns).unwrap().labels.unwrap();
        for i in 0..edit.added.len() {
            builder.global.push(names.get(edit.added.get(i).unwrap()));
        }
        let global = |symbol: u32| builder.global[symbol as usize];
        let mut removed = edit.removed.iter().peekable();
        for [row, n, v] in &edit.assigned {
            let gone = removed.next_if(|r| r[0] == *row).map_or(u32::MAX, |r| global(r[1]));
            let s = &mut sets[*row as usize];
            *s = set(s, &mut scratch, gone, [global(*n), global(*v)]);
        }
        assert_eq!(black_box(sets)[7].len(), 10);
    };
    compare("relabel, all labels", 2.5, time, native, plugin);
}

fn lines() -> Vec<Arc<str>> {
    (0..ROWS)
        .map(|i| {
            let level = ["INFO", "INFO", "INFO", "DEBUG", "INFO", "WARN", "INFO", "INFO", "INFO", "INFO"][i % 10];
            let who =
                if i % 20 == 7 { "jane.doe+test@example-corp.com".to_owned() } else { format!("user-{}", i * 37) };
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
            line.into()
        })
        .collect()
}

fn redact(time: Duration) {
    let lines = lines();
    let (_plugins, guest) = load("relabel");
    let debug = memchr::memmem::Finder::new("DEBUG");
    let native = || {
        let mut lines = lines.clone();
        let mut buffer = String::new();
        lines.retain_mut(|line| {
            if debug.find(line.as_bytes()).is_some() {
                return false;
            }
            buffer.clear();
            if redacted(line, &mut buffer) {
                *line = buffer.as_str().into();
            }
            true
        });
        assert_eq!(black_box(lines).len(), 900);
    };
    let (mut text, mut ends) = (String::new(), Vec::new());
    let (symbols, none) = (Symbols::default(), LabelSets::default());
    let plugin = || {
        let mut lines = lines.clone();
        text.clear();
        ends.clear();
        for line in &lines {
            text.push_str(line);
            ends.push(text.len() as u32);
        }
        let batch = LogsBatch {
            rows: lines.len() as u32,
            symbols: &symbols,
            sets: &none,
            set_of_row: &[],
            metadata: &none,
            timestamps: &[],
            lines: &text,
            line_ends: &ends,
        };
        let edit = guest.logs(&batch).unwrap();
        for (i, row) in edit.changed.iter().enumerate() {
            lines[*row as usize] = edit.lines.get(i).unwrap().into();
        }
        let mut dropped = edit.dropped.iter().peekable();
        let mut row = 0;
        lines.retain(|_| {
            let goes = dropped.next_if(|d| **d == row).is_some();
            row += 1;
            !goes
        });
        assert_eq!(black_box(lines).len(), 900);
    };
    compare("drop and redact lines", 3.5, time, native, plugin);
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
