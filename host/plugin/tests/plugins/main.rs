//! Real components through the public face.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub, missing_docs)]

mod abi;
mod calls;
mod contract;
mod directory;
mod faults;
mod gathering;
mod grants;
mod http;
mod inspect;
mod loading;
mod reach;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod wears;

use std::sync::Arc;
use std::time::Duration;

use weir_pipeline::guest::{Guest, SamplesBatch};
use weir_plugin::{LoadError, PluginSettings, PluginSource, Plugins, Settings};
use weir_telemetry::Metrics;

/// One embedded plugin named `p`, and weir's metrics.
struct One {
    plugins: Plugins,
    metrics: Metrics,
}

impl One {
    fn guest(&self) -> Arc<dyn Guest> {
        self.plugins.current().guests[0].clone()
    }

    /// The value of a metric, by the beginning of its line.
    fn metric(&self, name_and_labels: &str) -> Option<f64> {
        metric(&self.metrics, name_and_labels)
    }
}

fn metric(metrics: &Metrics, name_and_labels: &str) -> Option<f64> {
    let text = metrics.encode().unwrap();
    let value = text.lines().find_map(|l| l.strip_prefix(name_and_labels))?;
    Some(value.trim().parse().unwrap())
}

fn embedded(wasm: Vec<u8>, settings: PluginSettings) -> Settings {
    Settings {
        embedded: vec![PluginSource { name: "p".to_owned(), bytes: wasm.into() }],
        plugins: [("p".to_owned(), settings)].into(),
        max_instances: 16,
        ..Settings::default()
    }
}

/// With a time limit that a busy machine does not reach.
fn config(json: &str) -> PluginSettings {
    PluginSettings { config_json: json.to_owned(), timeout: Duration::from_secs(20), ..PluginSettings::default() }
}

fn try_load(wasm: Vec<u8>, settings: PluginSettings) -> Result<One, Vec<LoadError>> {
    let metrics = Metrics::new();
    let plugins = Plugins::open(embedded(wasm, settings), &metrics)?;
    Ok(One { plugins, metrics })
}

fn load(guest: &str, settings: PluginSettings) -> One {
    try_load(support::wasm(guest), settings).unwrap()
}

/// The one error of loading this.
fn refused(wasm: Vec<u8>, settings: PluginSettings) -> String {
    let errors = try_load(wasm, settings).err().expect("it loads");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

/// Floats without labels.
fn floats(values: &[f64]) -> SamplesBatch {
    SamplesBatch {
        rows: values.len() as u32,
        kinds: vec![0; values.len()],
        values: values.to_vec(),
        ..SamplesBatch::default()
    }
}
