//! weir against real programs: Debian's Prometheus, node exporter and VictoriaMetrics.

mod backends;
mod commands;
mod hostile;
mod logs;
mod reference;
mod swap;
