//! What a line costs, native, by what is asked.
#![allow(clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_plugin_sample::Sample;
use weir_sdk::Logs;
use weir_sdk::testing::{self, Line, LogLines};

const ROWS: usize = 1000;

fn main() {
    divan::main();
}

const CONFIGS: [&str; 4] = [
    r#"{"keep":{"share":0.1}}"#,
    r#"{"rate":{"lines":100,"by":["job"]}}"#,
    r#"{"dedup":{"window":"10s"}}"#,
    r#"{"always":"ERROR|panic","keep":{"share":0.1}}"#,
];

#[divan::bench(args = CONFIGS)]
fn sample(bencher: Bencher<'_, '_>, config: &str) {
    let mut plugin: Sample = testing::configure(config).unwrap();
    let line = |i: usize| {
        let text = format!(
            "10.0.0.1 - - \"GET /api/v1/orders/{i} HTTP/1.1\" 200 1234 \"-\" \"curl/8\" 0.012 upstream=10.1.2.3"
        );
        Line::new(text).label("job", "app").at(i as i64)
    };
    let lines: Vec<Line> = (0..ROWS).map(line).collect();
    let lines = LogLines::new(&lines, &plugin.wants());
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| lines.run(&mut plugin).unwrap());
}
