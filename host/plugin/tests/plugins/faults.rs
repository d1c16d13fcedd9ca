//! Guests that fail, each in its own way: the host lives, says what it was, and goes on.

use std::time::Duration;

use weir_pipeline::guest::{CallError, Guest, LabelSets, LogsBatch, SamplesBatch, SeriesBatch, Symbols};
use weir_plugin::{PluginSettings, PluginState, Plugins};
use weir_telemetry::Metrics;

use super::{One, config, embedded, floats, load, refused, support};

const GOOD: &[f64] = &[1.0];
const BAD: &[f64] = &[-1.0];

fn misbehaving(mode: &str) -> One {
    load("misbehaves", config(&format!(r#"{{"mode": "{mode}"}}"#)))
}

/// The error of a bad batch; the next good one must work.
fn fails(one: &One) -> CallError {
    let guest = one.guest();
    guest.samples(&floats(GOOD)).unwrap();
    let error = guest.samples(&floats(BAD)).unwrap_err();
    guest.samples(&floats(GOOD)).unwrap();
    let failed = format!("weir_plugin_calls_total{{plugin=\"p\",interface=\"samples\",result=\"{}\"}}", error.reason());
    assert_eq!(one.metric(&failed), Some(1.0));
    if !matches!(error, CallError::Refused(_)) {
        let restarts = format!("weir_plugin_restarts_total{{plugin=\"p\",reason=\"{}\"}}", error.reason());
        assert_eq!(one.metric(&restarts), Some(1.0));
    }
    assert_eq!(one.metric("weir_plugin_instances{plugin=\"p\"}"), Some(1.0));
    error
}

#[test]
fn an_endless_loop_is_stopped() {
    let settings = PluginSettings { timeout: Duration::from_millis(50), ..config(r#"{"mode": "loops"}"#) };
    let one = load("misbehaves", settings);
    assert_eq!(one.guest().samples(&floats(BAD)), Err(CallError::Timeout));
    assert_eq!(one.metric("weir_plugin_restarts_total{plugin=\"p\",reason=\"timeout\"}"), Some(1.0));
}

#[test]
fn a_panic_is_told_with_its_message() {
    let CallError::Trap(why) = fails(&misbehaving("panics")) else { panic!("no trap") };
    assert!(why.contains("unreachable") && why.ends_with(": the cause"), "{why}");
}

#[test]
fn memory_ends_at_its_limit() {
    let one = misbehaving("eats memory");
    assert_eq!(fails(&one), CallError::Memory);
    assert!(one.metric("weir_plugin_memory_bytes{plugin=\"p\"}") < Some(10e6));
}

#[test]
fn a_leak_leads_to_a_new_instance_between_calls() {
    let one = misbehaving("leaks");
    let guest = one.guest();
    for _ in 0..100 {
        guest.samples(&floats(BAD)).unwrap();
    }
    assert!(one.metric("weir_plugin_restarts_total{plugin=\"p\",reason=\"worn\"}") >= Some(3.0));
    assert!(one.metric("weir_plugin_memory_bytes{plugin=\"p\"}") <= Some(f64::from(64 << 20)));
}

#[test]
fn recursion_ends_in_a_trap() {
    let CallError::Trap(why) = fails(&misbehaving("recurses")) else { panic!("no trap") };
    assert!(why.contains("stack"), "{why}");
}

#[test]
fn exit_is_a_trap() {
    let CallError::Trap(why) = fails(&misbehaving("exits")) else { panic!("no trap") };
    assert!(why.contains("exit"), "{why}");
}

#[test]
fn an_error_of_its_own_keeps_the_instance() {
    assert_eq!(fails(&misbehaving("errs")), CallError::Refused("cannot do that".to_owned()));
}

#[test]
fn huge_answers_are_not_read() {
    for mode in ["huge", "huge error", "huge log"] {
        let CallError::Answer(why) = fails(&misbehaving(mode)) else { panic!("{mode} passes") };
        assert!(why.contains("too much data"), "{why}");
    }
}

#[test]
fn an_answer_and_what_is_handed_over_have_each_a_limit() {
    let with = |mode: &str, returned, handed| {
        let settings = config(&format!(r#"{{"mode": "{mode}"}}"#));
        load("misbehaves", PluginSettings { max_returned_bytes: returned, host_call_bytes: handed, ..settings })
    };
    // 40 MiB each; the other limit is no help and no hindrance.
    let (much, little) = (64 << 20, 1 << 20);
    for (mode, returned, handed, says) in [
        ("huge", little, much, "41943040 bytes are more than its limit of 1048576 (limits.returned_bytes)"),
        (
            "huge log",
            much,
            little,
            "41943040 bytes it handed over to a function of weir's, more than its limit of 1048576 (limits.host_call_bytes)",
        ),
        ("huge", little, little, "too much data"),
        ("huge log", little, little, "too much data"),
    ] {
        let CallError::Answer(why) = fails(&with(mode, returned, handed)) else { panic!("{mode} passes") };
        assert!(why.contains(says), "{mode}: {why}");
    }
    let passes = with("huge log", little, much).guest().samples(&floats(BAD));
    assert!(passes.is_ok(), "{passes:?}");
    // It is read; that it names rows that do not exist is another matter.
    let CallError::Answer(why) = fails(&with("huge", much, little)) else { panic!("huge passes") };
    assert!(!why.contains("limit"), "{why}");
}

#[test]
fn floods_of_logs_and_metrics_are_capped() {
    let one = misbehaving("floods");
    one.guest().samples(&floats(BAD)).unwrap();
    assert!(one.metric("weir_plugin_log_lines_total{plugin=\"p\",result=\"written\"}") < Some(100.0));
    assert!(one.metric("weir_plugin_log_lines_total{plugin=\"p\",result=\"dropped\"}") > Some(1800.0));
    assert_eq!(one.metric("weir_plugin_custom_flood_total{plugin=\"p\",i=\"99\"}"), Some(1.0));
    assert_eq!(one.metric("weir_plugin_custom_flood_total{plugin=\"p\",i=\"100\"}"), None);
    assert_eq!(one.metric("weir_plugin_custom_metrics_ignored_total{plugin=\"p\"}"), Some(900.0));
}

#[test]
fn failing_in_configure() {
    let load = |mode: &str| {
        let settings = PluginSettings {
            configure_timeout: Duration::from_millis(20),
            ..config(&format!(r#"{{"mode": "{mode}"}}"#))
        };
        refused(support::wasm("misbehaves"), settings)
    };
    assert_eq!(load("refuses"), "plugin p: refused its configuration: no such thing as a mode");
    assert_eq!(load("stalls"), "plugin p: failed in configure: stopped after its time limit");
    let panic = load("panics early");
    assert!(panic.starts_with("plugin p: failed in configure: trapped: ") && panic.ends_with("early"), "{panic}");
}

/// What is wrong with rows.
const ROWS: &[(&str, &str)] = &[
    ("row", "row 7000000, and there are 2"),
    ("last row", "row 4294967295, and there are 2"),
    ("order", "row 0 after row 1"),
    ("twice", "row 0 after row 0"),
    ("bytes", "3 bytes are no multiple of 4"),
];

/// What is wrong with edits of labels.
const LABELS: &[(&str, &str)] = &[
    ("symbol", "symbol 4000000000, and there are 3"),
    ("value", "symbol 3, and there are 3"),
    ("removed symbol", "symbol 3, and there are 3"),
    ("name", "\"not a name\" is no label name"),
    ("assigned row", "row 2, and there are 2"),
    ("assigned order", "row 0 after row 1"),
    ("assigned bytes", "11 bytes are no multiple of 12"),
    ("removed row", "row 2, and there are 2"),
    ("removed order", "row 0 after row 1"),
    ("removed bytes", "9 bytes are no multiple of 8"),
    ("ends", "the last end is 2, and the text has 3 bytes"),
    ("ends order", "end 1 after 2"),
    ("inside a character", "end 1 after 0"),
    ("utf-8", "invalid utf-8"),
];

const SAMPLES: &[(&str, &str)] = &[
    ("kind", "row 1 is not of kind 0"),
    ("count", "changed has 1 rows, and values 0"),
    ("half a value", "7 bytes are no multiple of 8"),
    ("changed row", "row 2, and there are 2"),
    ("changed order", "row 0 after row 1"),
];

const LOGS: &[(&str, &str)] = &[
    ("count", "changed has 1 rows, and lines 0"),
    ("lines without rows", "changed has 0 rows, and lines 1"),
    ("changed row", "row 2, and there are 2"),
    ("changed order", "row 0 after row 1"),
    ("line ends", "end 4 after 0"),
    ("time row", "row 2, and there are 2"),
    ("time order", "row 0 after row 1"),
    ("time count", "times.rows has 1 rows, and times.timestamps 0"),
    ("half a time", "7 bytes are no multiple of 8"),
];

/// Every mode of these through `call` with a guest of its own configuration, all of one engine.
fn rejected(cases: &[&[(&str, &str)]], prefix: &str, call: impl Fn(&dyn Guest) -> Option<CallError>) {
    let wasm = support::wasm("nonsense");
    let mode = |mode: &str| embedded(wasm.clone(), config(&format!(r#"{{"mode": "{mode}"}}"#)));
    let plugins = Plugins::open(mode("none"), &Metrics::new()).unwrap();
    assert_eq!(call(&*plugins.current().guests[0]), None, "nothing is wrong with an empty answer");
    for (case, says) in cases.iter().copied().flatten() {
        let set = plugins.apply(mode(&format!("{prefix}{case}"))).unwrap();
        let Some(CallError::Answer(why)) = call(&*set.guests[0]) else { panic!("{prefix}{case} passes") };
        assert!(why.contains(says), "{case}: {why}");
    }
}

fn two_symbols() -> Symbols {
    let mut s = Symbols::default();
    s.push("a");
    s.push("b");
    s
}

fn two_sets() -> LabelSets {
    LabelSets { pairs: vec![[0, 1]; 2], ends: vec![1, 2] }
}

#[test]
fn nonsense_of_a_series_plugin_is_rejected() {
    let batch = SeriesBatch { rows: 2, symbols: two_symbols(), sets: two_sets() };
    rejected(&[ROWS, LABELS], "", |guest| guest.relabel(&batch).err());
}

#[test]
fn nonsense_of_a_samples_plugin_is_rejected() {
    let batch = SamplesBatch { kinds: vec![0, 1], symbols: two_symbols(), sets: two_sets(), ..floats(&[1.0, 2.0]) };
    rejected(&[ROWS, LABELS, SAMPLES], "", |guest| guest.samples(&batch).err());
}

#[test]
fn nonsense_of_a_logs_plugin_is_rejected() {
    let (symbols, sets) = (two_symbols(), two_sets());
    let batch = LogsBatch {
        rows: 2,
        symbols: &symbols,
        sets: &sets,
        set_of_row: &[],
        metadata: &LabelSets::default(),
        timestamps: &[],
        lines: "ab",
        line_ends: &[1, 2],
    };
    rejected(&[ROWS, LABELS, LOGS], "", |guest| guest.logs(&batch).err());
    rejected(&[LABELS], "metadata ", |guest| guest.logs(&batch).err());
}

#[test]
fn who_fails_again_and_again_rests() {
    let one = misbehaving("panics");
    let guest = one.guest();
    for _ in 0..5 {
        assert!(matches!(guest.samples(&floats(BAD)), Err(CallError::Trap(_))));
    }
    let resting = guest.samples(&floats(GOOD)).unwrap_err();
    assert_eq!(resting, CallError::Resting { seconds: 1 });
    assert_eq!(resting.to_string(), "unavailable: it failed too often and rests for 1 s");
    assert_eq!(one.plugins.status()[0].state, PluginState::Resting);
    // The rest ends by itself, with one good call.
    while guest.samples(&floats(GOOD)).is_err() {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(one.plugins.status()[0].state, PluginState::Running);
}

#[test]
fn plugins_that_are_replaced_under_their_calls_leave_nothing_behind() {
    let wasm = support::wasm("misbehaves");
    let version = |n: u32| embedded(wasm.clone(), config(&format!(r#"{{"mode": "panics", "version": "{n}"}}"#)));
    let metrics = Metrics::new();
    let plugins = Plugins::open(version(0), &metrics).unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Acquire) {
                    let guest = plugins.current().guests[0].clone();
                    guest.samples(&floats(GOOD)).unwrap();
                    assert!(matches!(guest.samples(&floats(BAD)), Err(CallError::Trap(_))));
                    guest.samples(&floats(GOOD)).unwrap();
                }
            });
        }
        for n in 1..=100 {
            plugins.apply(version(n)).unwrap();
        }
        over.store(true, std::sync::atomic::Ordering::Release);
    });
    let instances = super::metric(&metrics, "weir_plugin_instances{plugin=\"p\"}").unwrap();
    let kept = std::thread::available_parallelism().unwrap().get() as f64;
    println!("100 versions under the calls of 4 threads: {instances} instances are left");
    assert!((1.0..=kept).contains(&instances), "{instances}");
}
