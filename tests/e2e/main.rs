//! weir against real programs: Debian's Prometheus, node exporter and VictoriaMetrics.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backends;
mod commands;
mod hostile;
mod logs;
mod reference;
mod swap;
