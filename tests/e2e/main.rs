//! weir against real programs: Debian's Prometheus, node exporter and VictoriaMetrics.

mod backends;
mod reference;
