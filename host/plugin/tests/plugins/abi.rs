//! Guests that misbehave where the canonical ABI calls them by itself: while memory is asked for, at the start, behind an answer.

use std::time::{Duration, Instant};

use weir_pipeline::guest::{CallError, SeriesBatch, Symbols};
use weir_plugin::PluginSettings;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{refused, try_load};

/// The parts of a `series` plugin in which it can go wrong; without any it is a good one.
#[derive(Default)]
struct Parts {
    /// Behind the first of its calls, which is for the configuration.
    realloc: &'static str,
    memory: &'static str,
    table: &'static str,
    start: &'static str,
    wants: &'static str,
    /// The address of the answer of `relabel`.
    answer: &'static str,
    post_return: &'static str,
}

impl Parts {
    fn component(&self) -> Vec<u8> {
        let or = |part: &'static str, default: &'static str| if part.is_empty() { default } else { part };
        let text = format!(
            r#"(module
                (import "weir:plugin/host@0.1.0" "log" (func $log (param i32 i32 i32)))
                (memory (export "memory") {memory})
                (table {table} funcref)
                (global $next (mut i32) (i32.const 4096))
                (global $calls (mut i32) (i32.const 0))
                (func $start {start})
                (start $start)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                    (if (i32.gt_u (global.get $calls) (i32.const 1)) (then {realloc}))
                    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                    (global.set $next (i32.add (local.get $at) (local.get 3)))
                    (local.get $at))
                (func (export "weir:plugin/lifecycle@0.1.0#configure") (param i32 i32) (result i32) (i32.const 64))
                (func (export "weir:plugin/series@0.1.0#wants") (result i32) {wants} (i32.const 64))
                (func (export "weir:plugin/series@0.1.0#relabel")
                    (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                    {answer})
                (func (export "cabi_post_weir:plugin/series@0.1.0#relabel") (param i32) {post_return}))"#,
            memory = or(self.memory, "1"),
            table = or(self.table, "1"),
            answer = or(self.answer, "(i32.const 64)"),
            realloc = self.realloc,
            start = self.start,
            wants = self.wants,
            post_return = self.post_return,
        );
        let mut module = wat::parse_str(text).unwrap();
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1.0")).unwrap();
        let world = resolve.select_world(&[package], Some("series-plugin")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }
}

fn settings() -> PluginSettings {
    PluginSettings {
        timeout: Duration::from_millis(200),
        configure_timeout: Duration::from_millis(500),
        ..PluginSettings::default()
    }
}

/// How a call of such a plugin ends.
fn called(parts: &Parts) -> Result<(), CallError> {
    let one = try_load(parts.component(), settings()).unwrap();
    let mut symbols = Symbols::default();
    symbols.push("up");
    let batch = SeriesBatch { rows: 1, symbols, ..SeriesBatch::default() };
    let begin = Instant::now();
    let outcome = one.guest().relabel(&batch).map(|_| ());
    println!("{:?} after {:?}", outcome, begin.elapsed());
    if outcome.is_err() {
        assert_eq!(one.metric("weir_plugin_instances{plugin=\"p\"}"), Some(0.0), "it is not called again");
    }
    outcome
}

#[test]
fn what_happens_while_memory_is_asked_for_is_the_calls() {
    assert_eq!(called(&Parts::default()), Ok(()));
    let realloc = |realloc| called(&Parts { realloc, ..Parts::default() });
    assert_eq!(realloc("(loop $forever (br $forever))"), Err(CallError::Timeout));
    assert!(matches!(realloc("unreachable"), Err(CallError::Trap(_))));
    let Err(CallError::Trap(why)) = realloc("(call $log (i32.const 0) (i32.const 0) (i32.const 8))") else {
        panic!("it calls weir while weir calls it")
    };
    assert!(why.contains("cannot leave component instance"), "{why}");
    for outside in ["(return (i32.const -8))", "(return (i32.const 65535))"] {
        assert!(
            matches!(realloc(outside), Err(CallError::Answer(why)) if why.contains("beyond end of memory")),
            "{outside}"
        );
    }
    // over itself, again and again: only it is wrong
    assert_eq!(realloc("(return (i32.const 4096))"), Ok(()));
    let grows = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    assert_eq!(realloc(grows), Err(CallError::Memory));
}

#[test]
fn what_happens_behind_an_answer_is_the_calls() {
    let post = |post_return| called(&Parts { post_return, ..Parts::default() });
    assert!(matches!(post("unreachable"), Err(CallError::Trap(_))));
    assert_eq!(post("(loop $forever (br $forever))"), Err(CallError::Timeout));
    let Err(CallError::Trap(why)) = post("(call $log (i32.const 0) (i32.const 0) (i32.const 8))") else {
        panic!("it calls weir behind its answer")
    };
    assert!(why.contains("cannot leave component instance"), "{why}");
    let answer = |answer| called(&Parts { answer, ..Parts::default() });
    for nowhere in ["(i32.const -1)", "(i32.const -4)", "(i32.const 65533)", "(i32.const 65)"] {
        assert!(matches!(answer(nowhere), Err(CallError::Answer(_))), "{nowhere}");
    }
}

#[test]
fn a_start_that_goes_wrong_and_a_size_that_nobody_has_are_errors_of_loading() {
    let load = |parts: Parts| refused(parts.component(), settings());
    let e = load(Parts { start: "(loop $forever (br $forever))", ..Parts::default() });
    assert!(e.contains("cannot be instantiated: stopped after its time limit"), "{e}");
    let e = load(Parts { start: "unreachable", ..Parts::default() });
    assert!(e.contains("cannot be instantiated: trapped"), "{e}");
    let e = load(Parts { start: "(call $start)", ..Parts::default() });
    assert!(e.contains("call stack exhausted"), "{e}");
    let e = load(Parts { wants: "(loop $forever (br $forever))", ..Parts::default() });
    assert!(e.contains("failed in wants: stopped after its time limit"), "{e}");
    let e = load(Parts { memory: "65536", ..Parts::default() });
    assert!(e.contains("needed more memory than its limit"), "{e}");
    for table in ["70000", "10000000"] {
        let e = load(Parts { table, ..Parts::default() });
        println!("{e}");
        assert!(e.contains("plugin p: "), "{e}");
    }
}
