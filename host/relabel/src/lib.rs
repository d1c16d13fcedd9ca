//! Prometheus relabel rules: `relabel_configs`, `metric_relabel_configs` and `write_relabel_configs`.
//!
//! The semantics are those of Prometheus' `model/relabel` with its classic label names (`[a-zA-Z_][a-zA-Z0-9_]*`,
//! the ones remote write 1.0 carries): expressions are anchored at both ends and `.` matches a line feed too, classes
//! such as `\w` are ASCII as in RE2, and `$1`, `${1}`, `${name}` in a template follow Go's `regexp.Expand`.
//!
//! ```
//! use weir_model::LabelsBuilder;
//! use weir_relabel::{RuleSettings, Rules};
//!
//! let rules = Rules::compile(&[RuleSettings {
//!     source_labels: vec!["__address__".into()],
//!     regex: "([^:]+):[0-9]+".into(),
//!     target_label: "host".into(),
//!     ..RuleSettings::default()
//! }])?;
//! let mut labels = LabelsBuilder::default();
//! labels.set("__address__", "db-7:9100");
//! assert!(rules.apply(&mut labels));
//! assert_eq!(labels.get("host"), Some("db-7"));
//! # Ok::<(), weir_relabel::RuleError>(())
//! ```

mod apply;
mod dialect;
mod matcher;
mod settings;
mod template;
#[cfg(test)]
mod tests;
mod validate;

use std::fmt;
use std::sync::Arc;

use weir_model::LabelsBuilder;

pub use settings::{Action, RuleSettings, UnknownAction};
pub use validate::{RuleError, RuleErrorKind};

/// A list of rules, compiled; clones share it.
///
/// Two are equal when they were compiled from equal settings, which is how a reload sees what changed.
#[derive(Clone, Default)]
pub struct Rules(Arc<Compiled>);

#[derive(Default)]
struct Compiled {
    settings: Vec<RuleSettings>,
    rules: Vec<apply::Rule>,
}

impl Rules {
    /// Checks and compiles rules. The first one that cannot work is the error.
    pub fn compile(settings: &[RuleSettings]) -> Result<Self, RuleError> {
        let rules = settings
            .iter()
            .enumerate()
            .map(|(index, s)| {
                validate::check(s).and_then(|()| apply::Rule::new(s)).map_err(|kind| RuleError { index, kind })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Compiled { settings: settings.to_vec(), rules })))
    }

    /// Applies the rules in order. `false` says that a rule dropped the set: what `labels` then holds means nothing.
    #[must_use]
    pub fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        self.0.rules.is_empty() || apply::all(&self.0.rules, labels)
    }

    /// Whether there is no rule, so that [`apply`](Self::apply) changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.rules.is_empty()
    }

    /// What the rules were compiled from.
    pub fn settings(&self) -> &[RuleSettings] {
        &self.0.settings
    }
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.settings == other.0.settings
    }
}

impl Eq for Rules {}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rules").field(&self.0.settings).finish()
    }
}
