//! weir against real programs: Debian's Prometheus, node exporter and VictoriaMetrics.
