//! What a line costs, native, by the form of the line.
#![allow(clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_plugin_level::Level;
use weir_sdk::Logs;
use weir_sdk::testing::{self, Line, LogLines};

const ROWS: usize = 1000;

fn main() {
    divan::main();
}

const FORMS: [&str; 4] = [
    r#"{"ts":"2026-11-23T07:33:29.123456Z","level":"info","method":"GET","path":"/api/v1/orders","status":200}"#,
    "ts=2026-11-23T07:33:29.123456Z caller=main.go:12 level=info method=GET path=/api/v1/orders status=200",
    "2026-11-23 07:33:29,123 [worker-7] INFO  com.example.orders.Service - took 12 ms for order 77",
    "10.0.0.1 - - [23/Nov/2026:07:33:29 +0000] \"GET /api/v1/orders HTTP/1.1\" 200 1234 \"-\" \"curl/8\"",
];

#[divan::bench(args = FORMS)]
fn form(bencher: Bencher<'_, '_>, text: &str) {
    let mut plugin: Level = testing::configure("{}").unwrap();
    let lines = LogLines::new(&vec![Line::new(text); ROWS], &plugin.wants());
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| lines.run(&mut plugin).unwrap());
}
