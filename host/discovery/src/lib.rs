//! Service discovery: from static lists and watched files to target groups.
//!
//! [`start`] reads every source once before it returns and then keeps the groups current in a watch channel; who
//! scrapes them is not known here.

mod files;
mod groups;
mod metrics;
mod parse;
mod pattern;
mod run;
#[cfg(test)]
mod tests;
mod watch;

use std::time::Duration;

pub use groups::TargetGroup;
pub use metrics::DiscoveryMetrics;
pub use pattern::{PatternError, check_pattern};
pub use run::{Running, start};

/// How often files are read again although nothing was heard of them, where the settings do not say otherwise: network
/// file systems and bind mounts give no notice. It is Prometheus' default.
pub const DEFAULT_REFRESH: Duration = Duration::from_mins(5);

/// One source of targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoverySettings {
    /// Groups that the configuration lists itself (`static_configs`).
    Static(Vec<TargetGroup>),
    /// Groups from files (`file_sd_configs`).
    File {
        /// Paths that [`check_pattern`] accepts.
        patterns: Vec<String>,
        /// How often to read the files even without notice of a change; [`DEFAULT_REFRESH`] by default.
        refresh: Duration,
    },
}
