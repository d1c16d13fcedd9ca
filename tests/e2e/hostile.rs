//! Plugins that loop, trap, eat memory or answer nonsense: the other pipeline's data keep flowing, and counters tell.

use tempfile::TempDir;
use weir_rig::build::{hostile, put};
use weir_rig::config::{job, plugin_dir, remote_write};
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, eventually, until};

/// Runs `guest` (of host/plugin/tests/guests: it does what its `mode` says when it sees a negative value) in one pipeline beside another without plugins, and expects `result` in its calls' counter.
async fn beside(guest: &str, config: &str, result: &str) {
    let dir = TempDir::new().unwrap();
    let preview = Receiver::start().await;
    let recorder = preview.judge();
    let plugins = dir.path().join("plugins");
    put(&hostile(guest), &plugins, guest);
    let (bad, good) = (Target::start(|n| format!("bad -{n}\n")).await, Target::start(|n| format!("good {n}\n")).await);
    let pipelines = format!(
        r#"
        [plugins.{guest}]
        config = {config}
        limits = {{ memory = "16MiB", timeout = "50ms" }}
        [pipelines.bad]
        from = ["scrape.bad"]
        process = ["{guest}"]
        to = ["remote_write.preview"]
        [pipelines.good]
        from = ["scrape.good"]
        process = []
        to = ["remote_write.preview"]
        "#
    );
    let mut weir = Weir::start_in(
        dir.path(),
        &[
            plugin_dir(&plugins),
            job("bad", &bad.address, ""),
            job("good", &good.address, ""),
            remote_write("preview", &preview.remote_write_url()),
            pipelines,
        ]
        .concat(),
    )
    .await;
    eventually("the fault is counted", async || {
        let metrics = weir.metrics().await;
        let calls = metrics.sum("weir_plugin_calls_total", &[("plugin", guest), ("result", result)]);
        let dropped = metrics.sum("weir_plugin_records_dropped_total", &[("plugin", guest), ("pipeline", "bad")]);
        if calls > 0.0 && dropped > 0.0 { Ok(()) } else { Err(format!("{calls} calls, {dropped} dropped")) }
    })
    .await;
    let name = format!("good{{instance=\"{}\", job=\"good\"}}", good.address);
    let before = recorder.samples(&name).len();
    until("the other pipeline's data", async || recorder.samples(&name).len() > before + 5).await;
    weir.program().assert_runs();
    assert_eq!(weir.program().terminate().await, Some(0));
    let values: Vec<f64> = recorder.samples(&name).iter().map(|p| p.value).collect();
    assert!(values.windows(2).all(|w| w[1] == w[0] + 1.0), "no sample of the other pipeline is lost: {values:?}");
    assert!(!recorder.series().iter().any(|s| s.starts_with("bad{")), "a failed verdict lets nothing through");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_loops() {
    beside("misbehaves", r#"{ mode = "loops" }"#, "timeout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_traps() {
    beside("misbehaves", r#"{ mode = "panics" }"#, "trap").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_recurses_without_end() {
    beside("misbehaves", r#"{ mode = "recurses" }"#, "trap").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_eats_memory() {
    beside("misbehaves", r#"{ mode = "eats memory" }"#, "memory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_answers_with_a_row_that_is_none() {
    beside("nonsense", r#"{ mode = "row" }"#, "bad_answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_answers_with_a_symbol_that_is_none() {
    beside("nonsense", r#"{ mode = "symbol" }"#, "bad_answer").await;
}
