//! What weir offers a plugin: its log, and metrics of the plugin's own.

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something is lost or broken.
    Error,
    /// Something is degraded.
    Warn,
    /// Something that an operator wants to know.
    Info,
    /// Something for the plugin's author.
    Debug,
}

/// Adds to a counter, shown on weir's `/metrics` as `weir_plugin_custom_<name>_total`. A negative or non-finite value is
/// ignored by the host, and so are series beyond its cap: keep the label values few.
pub fn counter(name: &str, labels: &[(&str, &str)], add: f64) {
    backend::counter(name, labels, add);
}

/// Sets a gauge, shown on weir's `/metrics` as `weir_plugin_custom_<name>`; capped in number like the counters.
pub fn gauge(name: &str, labels: &[(&str, &str)], value: f64) {
    backend::gauge(name, labels, value);
}

/// Writes a line to weir's log, under the plugin's name. The macros of [`crate::log`] are shorter.
pub fn write_log(level: Level, message: &str) {
    backend::log(level, message);
}

#[cfg(target_family = "wasm")]
use crate::component::host as backend;
#[cfg(not(target_family = "wasm"))]
use crate::testing::host as backend;
