//! What a line costs, native, by what is made of it; and what a tick costs.
#![allow(clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_plugin_log_metrics::LogMetrics;
use weir_sdk::testing::{self, Line, LogLines};
use weir_sdk::{Logs, Moment, Tick};

const ROWS: usize = 1000;

fn main() {
    divan::main();
}

const CONFIGS: [&str; 4] = [
    r#"{"metrics":[{"name":"lines_total","type":"counter","labels":["job"]}]}"#,
    r#"{"metrics":[{"name":"errors_total","type":"counter","pattern":" 50\\d ","labels":["job"]}]}"#,
    r#"{"metrics":[{"name":"requests_total","type":"counter","pattern":"\" (?P<status>\\d{3}) ","labels":["job","status"]}]}"#,
    r#"{"metrics":[{"name":"seconds","type":"histogram","source":"seconds","labels":["status"]}]}"#,
];

#[divan::bench(args = CONFIGS)]
fn line(bencher: Bencher<'_, '_>, config: &str) {
    let mut plugin: LogMetrics = testing::configure(config).unwrap();
    let lines = LogLines::new(&lines(), &plugin.wants());
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| lines.run(&mut plugin).unwrap());
}

/// A tick of a thousand counters, per series.
#[divan::bench]
fn tick(bencher: Bencher<'_, '_>) {
    let config = r#"{"metrics":[{"name":"a_total","type":"counter","pattern":"orders/(?P<order>\\d+)","labels":["order"]}],"expire":"365d"}"#;
    let mut plugin: LogMetrics = testing::configure(config).unwrap();
    LogLines::new(&lines(), &plugin.wants()).run(&mut plugin).unwrap();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        plugin.tick(Moment { now: 0, last: false }).unwrap();
        testing::emitted_samples().len()
    });
}

fn lines() -> Vec<Line> {
    let line = |i: usize| {
        let text = format!(
            "10.0.0.1 - - \"GET /api/v1/orders/{i} HTTP/1.1\" 200 1234 \"-\" \"curl/8\" 0.012 upstream=10.1.2.3"
        );
        Line::new(text).label("job", "app").metadata("seconds", "0.012").metadata("status", "200")
    };
    (0..ROWS).map(line).collect()
}
