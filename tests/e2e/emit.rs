//! A plugin that counts lines into a counter: emitted on ticks, kept over reloads of the plugin, in the ledger. And what comes of
//! emitting where nobody listens, or where all do.

use std::process::Command;

use tempfile::TempDir;
use weir_rig::build::put_count;
use weir_rig::config::{file_logs, loki, plugin_dir, remote_write};
use weir_rig::ledger::balanced;
use weir_rig::lines::{Writer, complete};
use weir_rig::{Receiver, Weir, build, eventually, until};

const COUNTER: &str = "counted_lines_total";

#[tokio::test(flavor = "multi_thread")]
async fn lines_counted_into_a_metric_survive_reloads_and_the_ledger_balances() {
    let dir = TempDir::new().unwrap();
    let preview = Receiver::start().await.tolerating_repeats();
    let recorder = preview.judge();
    let (plugins, logs) = (dir.path().join("plugins"), dir.path().join("logs"));
    std::fs::create_dir(&logs).unwrap();
    put_count(&plugins, "one");
    let config = [
        plugin_dir(&plugins),
        file_logs("app", &logs),
        remote_write("preview", &preview.remote_write_url()),
        loki("preview", &preview.loki_url()),
    ]
    .concat();
    let mut weir = Weir::start_in(dir.path(), &config).await;
    let mut writer = Writer::new(&logs, "app");
    let counter = || -> Vec<f64> {
        let series = recorder.series().into_iter().find(|s| s.starts_with(COUNTER));
        series.map_or(vec![], |s| recorder.samples(&s).iter().map(|p| p.value).filter(|v| !v.is_nan()).collect())
    };
    let counting = |version: &str| recorder.series().iter().any(|s| s.contains(&format!("version=\"{version}\"")));

    writer.write(1000);
    until("the first count", async || counter().last() == Some(&1000.0)).await;
    // while lines come, the plugin is replaced: nothing is counted twice, nothing is forgotten
    let mut put = "one";
    for _ in 0..3 {
        put = if put == "one" { "two" } else { "one" };
        writer.write(300);
        put_count(&plugins, put);
        writer.write(300);
        until("the other version at work", async || counting(put)).await;
    }
    until("all lines are counted", async || counter().last() == Some(&2800.0)).await;
    let counts = counter();
    assert!(counts.windows(2).all(|w| w[0] <= w[1]), "the counter never goes back: {counts:?}");
    complete(&preview, std::slice::from_ref(&writer)).await;
    let ledger = balanced(&weir).await;
    let source = ledger.source("plugin.count");
    assert!(source.generated > 0, "{source:?}");
    assert_eq!(source.dropped_in_all(), 0, "{source:?}");
    assert_eq!(source.generated, ledger.pipeline("metrics").read, "all of it went to the default pipeline of metrics");

    // killed, it counts anew; the ledger of the new process balances as well
    weir.program().kill().await;
    writer.write(100);
    weir.restart().await;
    until("a new count", async || counter().last().is_some_and(|count| (100.0..2800.0).contains(count))).await;
    complete(&preview, std::slice::from_ref(&writer)).await;
    balanced(&weir).await;
    // what was gathered since the last tick is emitted at the end
    writer.write(50);
    complete(&preview, std::slice::from_ref(&writer)).await;
    let read = balanced(&weir).await.source("file_logs.app").read;
    assert_eq!(weir.program().terminate().await, Some(0));
    assert_eq!(counter().last(), Some(&(read as f64)));
}

/// Runs `weir check` and gives its exit status and all that it says.
fn check(config: &std::path::Path) -> (bool, String) {
    let output = Command::new(build::weir()).args(["check", "--config"]).arg(config).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_pipeline_takes_from_a_plugin_is_told_once_and_counted() {
    let dir = TempDir::new().unwrap();
    let preview = Receiver::start().await;
    let (plugins, logs) = (dir.path().join("plugins"), dir.path().join("logs"));
    std::fs::create_dir(&logs).unwrap();
    put_count(&plugins, "one");
    let pipeline =
        |from: &str| format!("[pipelines.logs]\nfrom = [{from}]\nprocess = [\"count\"]\nto = [\"loki.preview\"]\n");
    let head = [plugin_dir(&plugins), file_logs("app", &logs), loki("preview", &preview.loki_url())].concat();
    let path = dir.path().join("weir.toml");
    std::fs::write(&path, head.clone() + &pipeline("\"file_logs.app\", \"plugin.count\"")).unwrap();
    let (fits, said) = check(&path);
    assert!(fits && !said.contains("note: the plugin count"), "{said}");

    let config = head + &pipeline("\"file_logs.app\"");
    std::fs::write(&path, &config).unwrap();
    let (fits, said) = check(&path);
    assert!(fits && said.contains("note: the plugin count can emit"), "{said}");
    let mut weir = Weir::start_in(dir.path(), &config).await;
    let mut writer = Writer::new(&logs, "app");
    writer.write(10);
    // two samples a tick
    eventually("three ticks", async || {
        let source = balanced(&weir).await.source("plugin.count");
        if source.dropped("no_route") >= 6 { Ok(()) } else { Err(format!("{source:?}")) }
    })
    .await;
    complete(&preview, std::slice::from_ref(&writer)).await;
    let warned = weir.program().output().matches("emits samples, and no pipeline takes them").count();
    assert_eq!(warned, 1, "{}", weir.program().output());
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_that_would_feed_each_other_are_refused() {
    let dir = TempDir::new().unwrap();
    let (plugins, logs) = (dir.path().join("plugins"), dir.path().join("logs"));
    std::fs::create_dir(&logs).unwrap();
    put_count(&plugins, "one");
    build::put(&build::component(&build::root(), "weir-guest-emits", &[]), &plugins, "emits");
    let pipeline = |name: &str, from: &str, process: &str| {
        format!("[pipelines.{name}]\nfrom = [{from}]\nprocess = [{process}]\nto = [\"loki.main\"]\n")
    };
    let head =
        [plugin_dir(&plugins), file_logs("app", &logs), loki("main", "http://127.0.0.1:9/loki/api/v1/push")].concat();
    let path = dir.path().join("weir.toml");
    let with = |second: &str| {
        let first = pipeline("first", "\"file_logs.app\", \"plugin.count\"", "\"count\", \"emits\"");
        std::fs::write(&path, [head.as_str(), &first, second].concat()).unwrap();
        check(&path)
    };
    let (fits, said) = with("");
    assert!(fits, "one sees what the other emits, and not the other way round: {said}");
    let (fits, said) = with(&pipeline("second", "\"plugin.emits\"", "\"count\""));
    assert!(!fits, "{said}");
    for part in [
        "in a circle",
        "what \"count\" emits comes to \"emits\" in pipeline \"first\"",
        "what \"emits\" emits comes to \"count\" in pipeline \"second\"",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
}
