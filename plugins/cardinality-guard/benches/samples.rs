//! What a sample of a series that passes costs, native, and one of a series without a place.
#![allow(clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_plugin_cardinality_guard::CardinalityGuard;
use weir_sdk::testing::{self, Sample, labels};

const ROWS: usize = 1000;

fn main() {
    divan::main();
}

const CONFIGS: [&str; 4] = [
    r#"{"series":1000}"#,
    r#"{"series":1000,"values":{"path":1000}}"#,
    r#"{"series":10}"#,
    r#"{"series":10,"aggregate":["path"]}"#,
];

#[divan::bench(args = CONFIGS)]
fn sample(bencher: Bencher<'_, '_>, config: &str) {
    let mut plugin: CardinalityGuard = testing::configure(config).unwrap();
    let page = page();
    let page = testing::SampleRows::new(&page, &weir_sdk::Samples::wants(&plugin));
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| page.run(&mut plugin).unwrap());
}

/// A page of a thousand series of ten labels.
fn page() -> Vec<Sample> {
    let sample = |i: usize| {
        let path = format!("/api/v1/orders/{i}");
        let labels = labels([
            ("__name__", "http_requests_total"),
            ("cluster", "eu-central-1"),
            ("code", "200"),
            ("container", "orders"),
            ("instance", "10.24.1.17:8080"),
            ("job", "orders"),
            ("method", "GET"),
            ("namespace", "shop"),
            ("path", &path),
            ("pod", "orders-7d4b9c6f5-x2x7k"),
        ]);
        Sample::new(labels, i as f64)
    };
    (0..ROWS).map(sample).collect()
}
