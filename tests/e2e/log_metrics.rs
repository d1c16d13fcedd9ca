//! The shipped plugin `log-metrics`: lines of a tailed file become metrics that a real Prometheus answers queries for.

use std::fmt::Write as _;
use std::io::Write as _;

use tempfile::TempDir;
use weir_rig::build::{put, shipped};
use weir_rig::config::{file_logs, loki, plugin_dir, remote_write};
use weir_rig::ledger::balanced;
use weir_rig::prometheus::{Prometheus, query};
use weir_rig::{Receiver, Weir, eventually};

const METRICS: &str = r#"
[plugins.log-metrics.config]
interval = "1s"
[[plugins.log-metrics.config.metrics]]
name = "http_requests_total"
type = "counter"
streams = { job = "access" }
pattern = '" (?P<status>\d{3}) (?P<seconds>[0-9.]+)$'
labels = ["job", "status"]
[[plugins.log-metrics.config.metrics]]
name = "http_request_seconds"
type = "histogram"
pattern = '" (?P<status>\d{3}) (?P<seconds>[0-9.]+)$'
source = "seconds"
buckets = [0.125, 1]
"#;

const BATCHES: u32 = 20;
const LINES: u32 = 500;

/// Of each ten lines two are errors, and of each four one is slow; one in a hundred is no request.
fn lines(batch: u32) -> String {
    (0..LINES).fold(String::new(), |mut text, i| {
        if i % 100 == 99 {
            writeln!(text, "batch {batch} reloaded").unwrap();
        } else {
            let (status, seconds) = (if i % 10 < 2 { 503 } else { 200 }, if i % 4 == 0 { "0.5" } else { "0.0625" });
            writeln!(text, "{batch}-{i} \"GET /cart\" {status} {seconds}").unwrap();
        }
        text
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_file_become_a_counter_and_a_histogram_that_prometheus_answers_for() {
    let dir = TempDir::new().unwrap();
    let prometheus = Prometheus::start(&dir.path().join("prometheus"), "global: { scrape_interval: 1h }\n").await;
    let preview = Receiver::start().await;
    let (plugins, logs) = (dir.path().join("plugins"), dir.path().join("logs"));
    std::fs::create_dir(&logs).unwrap();
    put(&shipped("log-metrics"), &plugins, "log-metrics");
    let config = [
        plugin_dir(&plugins),
        METRICS.to_owned(),
        file_logs("access", &logs),
        remote_write("prometheus", &prometheus.write_url()),
        loki("preview", &preview.loki_url()),
    ]
    .concat();
    let weir = Weir::start_in(dir.path(), &config).await;

    let mut file = std::fs::File::create(logs.join("access.log")).unwrap();
    for batch in 0..BATCHES {
        file.write_all(lines(batch).as_bytes()).unwrap();
    }
    let requests = |status: u32| (0..LINES).filter(|i| i % 100 != 99 && (i % 10 < 2) == (status == 503)).count() as f64;
    let slow = (0..LINES).filter(|i| i % 100 != 99 && i % 4 == 0).count() as f64;
    let all = requests(200) + requests(503);
    let batches = f64::from(BATCHES);
    for (promql, wanted) in [
        ("http_requests_total{job=\"access\",status=\"200\"}", requests(200) * batches),
        ("http_requests_total{status=\"503\"}", requests(503) * batches),
        ("http_request_seconds_bucket{le=\"0.125\"}", (all - slow) * batches),
        ("http_request_seconds_bucket{le=\"1\"}", all * batches),
        ("http_request_seconds_bucket{le=\"+Inf\"}", all * batches),
        ("http_request_seconds_count", all * batches),
        ("http_request_seconds_sum", (slow * 0.5 + (all - slow) * 0.0625) * batches),
        ("histogram_quantile(0.9, http_request_seconds_bucket)", 0.125 + 0.875 * (0.9 * all - (all - slow)) / slow),
    ] {
        eventually(promql, async || match query(&prometheus.url(""), promql, None).await?.as_slice() {
            [(_, value)] if (value - wanted).abs() < 1e-9 * wanted => Ok(()),
            other => Err(format!("{wanted} wanted: {other:?}")),
        })
        .await;
    }
    let ledger = balanced(&weir).await;
    let source = ledger.source("plugin.log-metrics");
    assert!(source.generated > 0 && source.dropped_in_all() == 0, "{source:?}");
    let read = ledger.source("file_logs.access");
    assert_eq!((read.read, read.dropped_in_all()), (u64::from(BATCHES * LINES), 0), "lines go on as they are");
    println!("{} lines, {} samples emitted", read.read, source.generated);
}
