//! What discovery yields.

use std::collections::BTreeMap;

/// Targets that share labels.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TargetGroup {
    /// Where the group comes from, unique among a scrape pool's groups: `static/0`, or `path/of/file.json:0`.
    /// [`start`](crate::start) fills it for static groups whose source is empty.
    pub source: String,
    /// The targets' addresses, each to become a target's `__address__`.
    pub targets: Vec<String>,
    /// Labels for all of them, with those that discovery adds (`__meta_filepath`).
    pub labels: BTreeMap<String, String>,
}
