//! How long a start waits for its plugins: twenty different ones, found compiled. `cargo bench -p weir-plugin --bench load` prints the
//! median; the goal is 100 ms. Nothing is asserted about time: a loaded machine says little.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::time::{Duration, Instant};

use weir_plugin::{PluginSettings, PluginSource, Plugins, Settings};
use weir_telemetry::Metrics;

#[path = "../tests/support/mod.rs"]
mod support;

const PLUGINS: usize = 20;

fn main() {
    let measured = std::env::args().any(|a| a == "--bench") && !std::env::args().any(|a| a == "--test");
    let cache = tempfile::tempdir().unwrap();
    let wasm = support::wasm("add_cluster");
    // Different components: a custom section with a number at the end of each.
    let source = |i: usize| {
        let mut bytes = wasm.clone();
        bytes.extend([0, 3, 1, b'n', u8::try_from(i).unwrap()]);
        PluginSource { name: format!("p{i:02}"), bytes: bytes.into() }
    };
    let config = PluginSettings { config_json: r#"{"cluster": "c"}"#.to_owned(), ..PluginSettings::default() };
    let settings = Settings {
        embedded: (0..PLUGINS).map(source).collect(),
        plugins: (0..PLUGINS).map(|i| (format!("p{i:02}"), config.clone())).collect(),
        cache_dir: Some(cache.path().to_owned()),
        ..Settings::default()
    };
    drop(Plugins::open(settings.clone(), &Metrics::new()).unwrap());
    let mut times: Vec<Duration> = (0..if measured { 21 } else { 1 })
        .map(|_| {
            let begin = Instant::now();
            let plugins = Plugins::open(settings.clone(), &Metrics::new()).unwrap();
            let took = begin.elapsed();
            assert_eq!(plugins.current().guests.len(), PLUGINS);
            took
        })
        .collect();
    times.sort();
    println!("load of {PLUGINS} cached plugins: {:?} (goal 100 ms)", times[times.len() / 2]);
}
