//! weir against real programs: Debian's Prometheus, node exporter and VictoriaMetrics.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backends;
mod commands;
mod examples;
mod hostile;
mod logs;
mod pages;
mod reference;
mod swap;
