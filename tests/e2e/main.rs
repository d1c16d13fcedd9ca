//! weir against real programs: Debian's Prometheus, node exporter and VictoriaMetrics.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "tests say what counts they reached")]

mod author;
mod backends;
mod cardinality_guard;
mod client_auth;
mod clock;
mod commands;
mod connections;
mod crash;
mod disk;
mod emit;
mod examples;
mod giant_pages;
mod hostile;
mod hostile_files;
mod hostile_targets;
mod judge;
mod ledger;
mod log_metrics;
mod logs;
mod many_files;
mod outage;
mod pages;
mod plugin_files;
mod policies;
mod queue_commands;
mod reference;
mod reload;
mod remote_write_2;
mod same_as_prometheus;
mod staleness;
mod swap;
mod tables_and_pieces;
