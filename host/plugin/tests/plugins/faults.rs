//! Guests that fail, each in its own way: the host lives, says what it was, and goes on.

use std::time::Duration;

use weir_pipeline::guest::{CallError, LabelSets, SamplesBatch, Symbols};
use weir_plugin::{PluginSettings, PluginState};

use super::{One, config, floats, load, refused, support};

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
    assert!(one.guest().is_slow());
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

#[test]
fn nonsense_is_rejected() {
    let batch = SamplesBatch {
        kinds: vec![0, 1],
        symbols: {
            let mut s = Symbols::default();
            s.push("a");
            s.push("not a name");
            s
        },
        sets: LabelSets { pairs: vec![[0, 1]; 2], ends: vec![1, 2] },
        ..floats(&[1.0, 2.0])
    };
    for (mode, says) in [
        ("row", "row 7000000, and there are 2"),
        ("order", "row 0 after row 1"),
        ("bytes", "3 bytes are no multiple of 4"),
        ("kind", "row 1 is not of kind 0"),
        ("count", "changed has 1 rows, and values 0"),
        ("symbol", "symbol 4000000000, and there are 3"),
        ("name", "labels: \"not a name\" is no label name"),
        ("ends", "the last end is 2, and the text has 3 bytes"),
        ("utf-8", "invalid utf-8"),
    ] {
        let one = load("nonsense", config(&format!(r#"{{"mode": "{mode}"}}"#)));
        // "a" is symbol 0, and what is added begins at 2.
        let batch = if mode == "name" { swapped(&batch) } else { batch.clone() };
        let CallError::Answer(why) = one.guest().samples(&batch).unwrap_err() else { panic!("{mode}") };
        assert!(why.contains(says), "{mode}: {why}");
    }
    load("nonsense", config("{}")).guest().samples(&batch).unwrap();
}

/// With the symbol that is no name first.
fn swapped(batch: &SamplesBatch) -> SamplesBatch {
    let mut symbols = Symbols::default();
    symbols.push("not a name");
    symbols.push("a");
    SamplesBatch { symbols, ..batch.clone() }
}

#[test]
fn who_fails_again_and_again_rests() {
    let one = misbehaving("panics");
    let guest = one.guest();
    for _ in 0..5 {
        assert!(matches!(guest.samples(&floats(BAD)), Err(CallError::Trap(_))));
    }
    let Err(CallError::Unavailable(why)) = guest.samples(&floats(GOOD)) else { panic!("it does not rest") };
    assert_eq!(why, "it failed too often and rests for 1 s");
    assert_eq!(one.plugins.status()[0].state, PluginState::Resting);
    // The rest ends by itself, with one good call.
    while guest.samples(&floats(GOOD)).is_err() {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(one.plugins.status()[0].state, PluginState::Running);
}

#[test]
fn hundreds_of_interrupted_calls_leave_nothing_behind() {
    let settings = PluginSettings { timeout: Duration::from_micros(1), ..config(r#"{"mode": "loops"}"#) };
    let one = load("misbehaves", settings);
    let guest = one.guest();
    for _ in 0..200 {
        // A good call in between keeps the circuit closed.
        assert_eq!(guest.samples(&floats(BAD)), Err(CallError::Timeout));
        while guest.samples(&floats(GOOD)).is_err() {}
    }
    assert_eq!(one.metric("weir_plugin_instances{plugin=\"p\"}"), Some(1.0));
}
