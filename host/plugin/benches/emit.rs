//! What an emitted record costs, whole: a guest made with the SDK (`tests/guests/emits`) builds the columns, the host checks them
//! and books them, and the plugin's source takes them through a pipeline up to its sinks. The goal is 200 ns a record.
//!
//! 2,000 samples of 2,000 series with a name and three labels, or 2,000 lines of 100 bytes of 200 streams, in one call. `call` is the part that
//! holds up whoever called the plugin, `all` the processor time of all threads until the sinks have everything. The sinks do nothing.
//! `cargo bench -p weir-plugin --bench emit` prints a table of medians; with `-- --test` every job runs once. Nothing is asserted about
//! time.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod component;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use weir_model::{LogBatch, Page, PageSink, Slot, TargetSink};
use weir_pipeline::guest::{Guest, LabelSets, LogsBatch, Symbols};
use weir_pipeline::{
    EmitRoutes, EmitSources, LogSinks, LogsPipeline, LogsRoute, MetricsPipeline, PipelineStats, SampleSinks, Writers,
};
use weir_plugin::{EmitTo, PluginSettings, PluginSource, Plugins, Settings};
use weir_telemetry::{Ledger, Metrics, PipelineAccount};

const ROWS: usize = 2000;

fn main() {
    // `cargo test --benches` and `--test` only want to know that it runs.
    let measured = std::env::args().any(|a| a == "--bench") && !std::env::args().any(|a| a == "--test");
    let time = Duration::from_millis(if measured { 2000 } else { 0 });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let _entered = runtime.enter();
    let rig = Rig::new();
    println!("{:<10}{:>14}{:>14}{:>8}   ns a record", "emitted", "call", "all", "goal");
    for what in ["samples", "lines"] {
        let (mut calls, mut alls) = (vec![], vec![]);
        let begin = Instant::now();
        while calls.is_empty() || begin.elapsed() < time {
            // a series has one sample a millisecond
            let now = millis();
            while millis() == now {
                std::hint::spin_loop();
            }
            let before = rig.arrived.load(Ordering::Acquire);
            let (start, computed) = (Instant::now(), computed());
            rig.emit(what);
            calls.push(start.elapsed());
            runtime.block_on(rig.sources.settled(Duration::from_mins(1)));
            alls.push(self::computed().saturating_sub(computed));
            assert_eq!(rig.arrived.load(Ordering::Acquire) - before, ROWS, "{what} arrive");
        }
        println!("{what:<10}{:>14.1}{:>14.1}{:>8}", each(calls), each(alls), 200);
    }
}

/// The processor time of all threads so far.
fn computed() -> Duration {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

fn millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// Nanoseconds a record, the median.
fn each(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_nanos() as f64 / ROWS as f64
}

struct Rig {
    guest: Arc<dyn Guest>,
    sources: Arc<EmitSources>,
    arrived: Arc<AtomicUsize>,
    _plugins: Plugins,
}

impl Rig {
    fn new() -> Self {
        let metrics = Metrics::new();
        let ledger = Ledger::new(&metrics);
        let stats = PipelineStats::new(&metrics, &ledger);
        let sink = Sink::default();
        let arrived = sink.0.clone();
        let writers = Arc::new(Writers::default());
        let routes = Arc::new(Routes {
            samples: MetricsPipeline::new("bench", &[], Arc::new(sink.clone()), &writers, &stats),
            lines: LogsPipeline::new("bench", &[], Arc::new(sink), &stats),
        });
        let sources = Arc::new(EmitSources::new(&ledger, routes));
        let bytes = std::fs::read(component::built("weir-guest-emits")).unwrap();
        let settings = Settings {
            embedded: vec![PluginSource { name: "emits".to_owned(), bytes: bytes.into() }],
            plugins: [("emits".to_owned(), unbounded())].into(),
            emit_to: EmitTo(Some(sources.clone())),
            ..Settings::default()
        };
        let plugins = Plugins::open(settings, &metrics).unwrap();
        let guest = plugins.current().guests[0].clone();
        Self { guest, sources, arrived, _plugins: plugins }
    }

    /// One call, and what it emitted handed on as a pipeline does.
    fn emit(&self, what: &str) {
        let (text, none) = (format!("{what} {ROWS}"), Symbols::default());
        let batch = LogsBatch {
            rows: 1,
            symbols: &none,
            sets: &LabelSets::default(),
            set_of_row: &[],
            metadata: &LabelSets::default(),
            timestamps: &[],
            lines: &text,
            line_ends: &[text.len() as u32],
        };
        let edit = self.guest.logs(&batch).unwrap();
        self.guest.emit(edit.emitted);
    }
}

fn unbounded() -> PluginSettings {
    PluginSettings { emit_records: u32::MAX, emit_bytes: 1 << 40, ..PluginSettings::default() }
}

struct Routes {
    samples: Arc<MetricsPipeline>,
    lines: Arc<LogsPipeline>,
}

impl EmitRoutes for Routes {
    fn generation(&self) -> u64 {
        1
    }

    fn samples(&self, _: &str) -> Vec<Arc<MetricsPipeline>> {
        vec![self.samples.clone()]
    }

    fn lines(&self, _: &str) -> LogsRoute {
        LogsRoute::new(vec![self.lines.clone()])
    }
}

/// Counts what arrives.
#[derive(Clone, Default)]
struct Sink(Arc<AtomicUsize>);

impl SampleSinks for Sink {
    fn generation(&self) -> u64 {
        1
    }

    fn open(&self, _: u64, _: &PipelineAccount) -> Box<dyn TargetSink> {
        Box::new(self.clone())
    }
}

impl TargetSink for Sink {
    fn renew(&mut self, page: &Page<'_>, _: &dyn Fn(Slot) -> bool) -> usize {
        self.accept(page)
    }

    fn sent(&self, _: &[Slot], _: &mut dyn FnMut(Slot, &str, u64)) {}

    fn end(&mut self, _: i64, _: &[Slot], _: &str) {}

    fn sinks(&self) -> Arc<[String]> {
        Arc::default()
    }
}

impl PageSink for Sink {
    fn accept(&mut self, page: &Page<'_>) -> usize {
        self.0.fetch_add(page.samples.len(), Ordering::Release);
        1
    }
}

impl LogSinks for Sink {
    fn accept<'a>(
        &'a self,
        batch: LogBatch,
        _: &'a PipelineAccount,
    ) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
        self.0.fetch_add(batch.len(), Ordering::Release);
        Box::pin(async { 1 })
    }
}
