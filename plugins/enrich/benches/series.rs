//! What a new series costs, and reading the table, native.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use weir_plugin_enrich::Enrich;
use weir_sdk::testing::{self, labels};

const ROWS: usize = 100_000;

fn main() {
    divan::main();
}

struct Files {
    _dir: tempfile::TempDir,
    config: String,
    bytes: usize,
}

/// A hundred thousand hosts, of 50 bytes a row.
fn files() -> Files {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hosts.csv");
    let mut text = "host,team,site\n".to_owned();
    for i in 0..ROWS {
        writeln!(text, "node-{i:06}.eu-1.example.com:9100,team-{},eu-{}", i % 97, i % 7).unwrap();
    }
    std::fs::write(&path, &text).unwrap();
    let path = path.display();
    let config =
        format!(r#"{{"file":"{path}","key":{{"instance":"host"}},"labels":["team","site"],"max_rows":{ROWS}}}"#);
    Files { _dir: dir, config, bytes: text.len() }
}

#[divan::bench]
fn new_series(bencher: Bencher<'_, '_>) {
    const SERIES: usize = 1_000;
    let files = files();
    let plugin: Enrich = testing::configure(&files.config).unwrap();
    let hosts: Vec<String> = (0..SERIES).map(|i| format!("node-{:06}.eu-1.example.com:9100", i * 89)).collect();
    let sets: Vec<_> = hosts.iter().map(|h| labels([("__name__", "up"), ("instance", h)])).collect();
    // with the test's own building and applying of a batch
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| testing::series(&plugin, sets.clone()).unwrap());
}

#[divan::bench(sample_count = 20)]
fn read_table(bencher: Bencher<'_, '_>) {
    let files = files();
    bencher.counter(BytesCount::new(files.bytes)).bench_local(|| testing::configure::<Enrich>(&files.config).unwrap());
}
