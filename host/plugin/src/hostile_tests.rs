//! A guest that misbehaves, and what only this crate can reach: its clock, and instances that are made later.

#![allow(clippy::print_stdout, reason = "the figures that the tests reached")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weir_pipeline::guest::{CallError, Guest, SeriesBatch, Verdicts};
use weir_telemetry::Metrics;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::access::Access;
use crate::custom::CustomMetrics;
use crate::emission::{Budget, EmitLimits, EmitTo};
use crate::engine::{Runtime, Runtimes, STACK};
use crate::guest::WasmGuest;
use crate::guest_log::GuestLog;
use crate::http::HttpFamilies;
use crate::kept::KeptStates;
use crate::metrics::PluginMetrics;
use crate::seat::{Seats, Ticker};
use crate::settings::{PluginSettings, Settings, Ticks};
use crate::state::{Crossing, Services};
use crate::store::{Compiled, Store};
use crate::threads::GuestThreads;

const GOOD: u32 = 1;
const LOOPS: u32 = 2;
const TRAPS: u32 = 3;
const GROWS_TABLES: u32 = 4;
const LEAKS: u32 = 5;

fn component() -> Vec<u8> {
    let mut module = wat::parse_str(include_str!("hostile.wat")).unwrap();
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1.0");
    let (package, _) = resolve.push_path(wit).unwrap();
    let world = resolve.select_world(&[package], Some("series-plugin")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

/// What plugins share.
struct Host {
    runtimes: Runtimes,
    runtime: Arc<Runtime>,
    threads: Arc<GuestThreads>,
    ticker: Arc<Ticker>,
    compiled: Compiled,
    metrics: Metrics,
    all: PluginMetrics,
}

impl Host {
    fn new() -> Self {
        let runtimes = Runtimes::new(16);
        let runtime = runtimes.with(STACK).unwrap();
        let store = Store::open(runtime.engine(), &Settings::default(), Arc::default());
        let metrics = Metrics::new();
        Self {
            compiled: store.load(runtime.engine(), component(), &PluginSettings::default()).unwrap(),
            threads: Arc::new(GuestThreads::new().unwrap()),
            ticker: Arc::new(Ticker::start(Ticks::ByClock).unwrap()),
            all: PluginMetrics::new(&metrics),
            metrics,
            runtimes,
            runtime,
        }
    }

    fn guest(&self, settings: PluginSettings) -> WasmGuest {
        let metrics = self.all.of_guest("p");
        let services = Arc::new(Services {
            plugin: "p".to_owned(),
            log: GuestLog::new("p", metrics.lines_written.clone(), metrics.lines_dropped.clone()),
            custom: CustomMetrics::new(&self.metrics),
            seed: (1, 2),
            emit_to: EmitTo::default(),
            emit_limits: EmitLimits {
                budget: Budget::new(settings.emit_records, settings.emit_bytes),
                ok: self.all.emissions("p", "ok"),
                malformed: self.all.emissions("p", "malformed"),
                over_budget: self.all.emissions("p", "over_budget"),
                not_now: self.all.emissions("p", "not_now"),
            },
            kept: KeptStates::default(),
            not_kept: self.all.not_kept.clone(),
            seats: Seats::default(),
            crossing: Crossing { returned: settings.max_returned_bytes, handed: settings.host_call_bytes },
            access: Access::default(),
            http: HttpFamilies::new(&Metrics::new()).of("p"),
        });
        let (threads, ticker) = (&self.threads, &self.ticker);
        let runtime = self.runtimes.with(settings.stack).unwrap();
        let compiled = self.compiled.on(runtime.engine()).unwrap();
        WasmGuest::load(&runtime, threads, ticker, compiled, settings, services, metrics, 1).unwrap()
    }

    fn metric(&self, line: &str) -> Option<f64> {
        let text = self.metrics.encode().unwrap();
        text.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok())
    }
}

fn batch(rows: u32) -> SeriesBatch {
    SeriesBatch { rows, ..SeriesBatch::default() }
}

fn call(guest: &dyn Guest, rows: u32) -> Result<Verdicts, CallError> {
    guest.relabel(&batch(rows))
}

/// Resident bytes of this process.
pub(crate) fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

#[test]
fn ten_thousand_interrupted_calls_leave_nothing_behind() {
    let host = Host::new();
    let settings = PluginSettings { timeout: Duration::from_micros(100), ..PluginSettings::default() };
    let guest: Box<dyn Guest> = Box::new(host.guest(settings));
    // Time by the engine's clock runs as fast as it can: a call is stopped as soon as it looks at it.
    let (engine, stop) = (host.runtime.engine().clone(), Arc::new(AtomicBool::new(false)));
    let clock = std::thread::spawn({
        let stop = stop.clone();
        move || {
            while !stop.load(Ordering::Acquire) {
                engine.increment_epoch();
                std::thread::yield_now();
            }
        }
    });
    let mut windows = vec![];
    let mut interrupted = 0;
    while interrupted < 10_000 {
        match call(&*guest, LOOPS) {
            Err(CallError::Timeout) => interrupted += 1,
            // stopped already while its instance was made: leaves nothing either
            Err(CallError::Unavailable(why)) if why.ends_with("stopped after its time limit") => {}
            // nothing but time-outs: it rests, and a trial is let through after the rest
            Err(CallError::Resting { .. }) => guest.settled(&served()),
            other => panic!("{other:?}"),
        }
        if interrupted == 1_000 + 3_000 * windows.len() {
            windows.push(resident());
        }
    }
    stop.store(true, Ordering::Release);
    clock.join().unwrap();
    // What other tests of this process take is in one window or the other, what a call leaves behind is in each.
    let grown = windows.windows(2).map(|w| w[1].saturating_sub(w[0])).min().unwrap();
    let instances = host.metric("weir_plugin_instances{plugin=\"p\"}");
    println!("10,000 calls interrupted: {instances:?} instances, {grown} bytes in 3,000 at least");
    assert_eq!(windows.len(), 4);
    assert_eq!(instances, Some(0.0), "each was thrown away with its call");
    assert_eq!(host.metric("weir_plugin_memory_bytes{plugin=\"p\"}"), Some(0.0));
    assert!(grown < 10 << 20, "{grown} bytes in 3,000 calls, three times: a leak of a page a call had 196 MB");
    call(&host.guest(PluginSettings::default()), GOOD).unwrap();
}

/// What a batch that was served says.
fn served() -> weir_pipeline::guest::Outcome<'static> {
    let interface = weir_pipeline::guest::Interface::Series;
    weir_pipeline::guest::Outcome { interface, rows: 1, unserved: 0, error: None }
}

#[test]
fn what_a_stopped_call_has_taken_is_shown() {
    let host = Host::new();
    let settings = PluginSettings { timeout: Duration::from_millis(20), ..PluginSettings::default() };
    let guest: Box<dyn Guest> = Box::new(host.guest(settings));
    for _ in 0..10 {
        assert_eq!(call(&*guest, LOOPS), Err(CallError::Timeout));
        call(&*guest, GOOD).unwrap();
        guest.settled(&served());
    }
    let within = |limits: &str| host.metric(&format!("weir_plugin_stopped_call_limits{limits}")).unwrap();
    let [once, twice] = ["1.25", "2.0"].map(|l| within(&format!("_bucket{{le=\"{l}\",plugin=\"p\"}}")));
    println!("of 10 calls stopped at 20 ms: {once} within 1.25 times that of processor time, {twice} within twice");
    assert_eq!(within("_count{plugin=\"p\"}"), 10.0, "only those that were stopped");
}

#[test]
fn a_stack_is_a_plugins_own() {
    let host = Host::new();
    let depth = |stack: usize| {
        let settings = PluginSettings { stack, timeout: Duration::from_secs(20), ..PluginSettings::default() };
        let guest: Box<dyn Guest> = Box::new(host.guest(settings));
        let (mut works, mut fails) = (101_u32, 10_000_000);
        while fails - works > 100 {
            let tried = works.midpoint(fails);
            match call(&*guest, tried) {
                Ok(_) => works = tried,
                Err(CallError::Trap(why)) => {
                    assert!(why.contains("call stack exhausted"), "{why}");
                    guest.settled(&served());
                    fails = tried;
                }
                other => panic!("{other:?}"),
            }
        }
        works
    };
    let depths = [64 << 10, 256 << 10, 512 << 10, 1 << 20].map(depth);
    println!("frames of a recursion in 64, 256, 512 and 1024 KiB: {depths:?}");
    // What lies between the start of the measure and the guest's first frame is the same in all.
    for (shallow, deep, times) in [(0, 1, 4), (1, 2, 2), (2, 3, 2)] {
        let (shallow, deep) = (depths[shallow], depths[deep]);
        assert!(deep > shallow * times / 10 * 9 && deep < shallow * times / 10 * 12, "{depths:?}");
    }
}

#[test]
fn tables_end_at_their_limit() {
    let host = Host::new();
    for (limit, interface) in [(1_000, "first"), (50_000, "second")] {
        let guest: Box<dyn Guest> =
            Box::new(host.guest(PluginSettings { table_elements: limit, ..PluginSettings::default() }));
        let before = resident();
        assert_eq!(call(&*guest, GROWS_TABLES), Err(CallError::Memory), "{interface}");
        let grown = resident().saturating_sub(before);
        println!("a table of {limit} elements: {grown} bytes more");
        call(&*guest, GOOD).unwrap();
    }
}

#[test]
fn a_guest_that_leaks_runs_for_ever_without_a_failed_call() {
    let host = Host::new();
    // 160 pages, and one is lost in each call
    let guest: Box<dyn Guest> =
        Box::new(host.guest(PluginSettings { memory_limit: 160 << 16, ..PluginSettings::default() }));
    for _ in 0..5_000 {
        call(&*guest, LEAKS).unwrap();
    }
    let worn = host.metric("weir_plugin_restarts_total{plugin=\"p\",reason=\"worn\"}").unwrap();
    println!("5,000 calls that leak: {worn} instances replaced");
    assert!((40.0..=50.0).contains(&worn), "{worn}: one in 119 calls");
    assert_eq!(host.metric("weir_plugin_instances{plugin=\"p\"}"), Some(1.0));
}

#[test]
fn an_instance_that_cannot_be_configured_takes_the_plugin_out_at_once() {
    for (config, says) in [("bad", "trapped: "), ("loop", "stopped after its time limit")] {
        let host = Host::new();
        let settings = PluginSettings { configure_timeout: Duration::from_millis(50), ..PluginSettings::default() };
        let mut guest = host.guest(settings);
        guest.configure_later_instances_with(config);
        let begin = Instant::now();
        let guest: &dyn Guest = &guest;
        assert!(matches!(call(guest, TRAPS), Err(CallError::Trap(_))));
        let Err(CallError::Unavailable(why)) = call(guest, GOOD) else { panic!("it is configured") };
        assert!(why.starts_with("configuring a new instance: ") && why.contains(says), "{why}");
        assert_eq!(call(guest, GOOD), Err(CallError::Resting { seconds: 1 }), "after {:?}", begin.elapsed());
        assert_eq!(host.metric("weir_plugin_resting{plugin=\"p\"}"), Some(1.0));
        assert_eq!(host.metric("weir_plugin_rests_total{plugin=\"p\"}"), Some(1.0));
    }
}

#[test]
fn a_plugin_that_ran_out_of_time_is_called_on_threads_of_its_own() {
    let host = Host::new();
    let guest: Box<dyn Guest> =
        Box::new(host.guest(PluginSettings { timeout: Duration::from_millis(20), ..PluginSettings::default() }));
    let long = || host.metric("weir_plugin_long_calls_total{plugin=\"p\"}").unwrap();
    for _ in 0..100 {
        call(&*guest, GOOD).unwrap();
    }
    let at_first = long();
    assert!(at_first < 100.0, "the first is not known to be short, and others are");
    assert_eq!(call(&*guest, LOOPS), Err(CallError::Timeout));
    assert_eq!(long(), at_first + 1.0, "it was no long one at its beginning");
    let before = long();
    for _ in 0..500 {
        call(&*guest, GOOD).unwrap();
    }
    assert_eq!(long(), before + 500.0);
}

#[test]
fn a_call_that_turns_out_long_leaves_its_thread_to_others() {
    let host = Host::new();
    let settings = PluginSettings { timeout: Duration::from_millis(500), ..PluginSettings::default() };
    let guest: Arc<dyn Guest> = Arc::new(host.guest(settings));
    for _ in 0..100 {
        call(&*guest, GOOD).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (told, heard) = std::sync::mpsc::channel();
    runtime.block_on(async {
        let looping = tokio::spawn(async move {
            let other = told.clone();
            // it waits for this very thread, where nobody can take it from
            tokio::spawn(async move { other.send("another task").unwrap() });
            let outcome = call(&*guest, LOOPS);
            told.send("the call that loops").unwrap();
            outcome
        });
        assert_eq!(looping.await.unwrap(), Err(CallError::Timeout));
    });
    assert_eq!(heard.into_iter().collect::<Vec<_>>(), ["another task", "the call that loops"]);
}
