//! A plugin that counts lines into a counter: emitted on ticks, kept over reloads of the plugin, in the ledger.

use tempfile::TempDir;
use weir_rig::build::put_count;
use weir_rig::config::{file_logs, loki, plugin_dir, remote_write};
use weir_rig::ledger::balanced;
use weir_rig::lines::{Writer, complete};
use weir_rig::{Receiver, Weir, until};

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
