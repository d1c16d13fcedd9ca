//! A rule as the configuration states it.

use std::fmt;
use std::str::FromStr;

/// One rule, with Prometheus' defaults for what is not set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleSettings {
    /// The labels whose values, joined by `separator`, the rule looks at; a missing label counts as empty.
    pub source_labels: Vec<String>,
    /// What stands between the joined values; `;` by default.
    pub separator: String,
    /// The expression for the joined values (or, for the `label…` actions, for label names), anchored at both ends;
    /// `(.*)` by default.
    pub regex: String,
    /// The modulus of `hashmod`; 0, which means unset, by default.
    pub modulus: u64,
    /// The label to set or to compare with; a template for `replace`. Empty, which means unset, by default.
    pub target_label: String,
    /// The template of the new value (`replace`) or of the new name (`labelmap`); `$1` by default.
    pub replacement: String,
    /// What to do; `replace` by default.
    pub action: Action,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: ";".into(),
            regex: "(.*)".into(),
            modulus: 0,
            target_label: String::new(),
            replacement: "$1".into(),
            action: Action::Replace,
        }
    }
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Action {
    /// Where the expression matches, set the target label to the expanded replacement.
    #[default]
    Replace,
    /// Drop the set unless the expression matches.
    Keep,
    /// Drop the set if the expression matches.
    Drop,
    /// Drop the set unless the joined values equal the target label's value.
    KeepEqual,
    /// Drop the set if the joined values equal the target label's value.
    DropEqual,
    /// Set the target label to a hash of the joined values, modulo the modulus.
    HashMod,
    /// For each label whose name matches, set one named by the expanded replacement to the same value.
    LabelMap,
    /// Remove the labels whose name matches.
    LabelDrop,
    /// Remove the labels whose name does not match.
    LabelKeep,
    /// Set the target label to the joined values in lower case.
    Lowercase,
    /// Set the target label to the joined values in upper case.
    Uppercase,
}

impl Action {
    /// All actions, in the order of Prometheus' documentation.
    pub const ALL: [Self; 11] = [
        Self::Replace,
        Self::Lowercase,
        Self::Uppercase,
        Self::Keep,
        Self::Drop,
        Self::KeepEqual,
        Self::DropEqual,
        Self::HashMod,
        Self::LabelMap,
        Self::LabelDrop,
        Self::LabelKeep,
    ];

    /// The name as configuration files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
            Self::HashMod => "hashmod",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no action. Fatal for the configuration that holds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a relabel action; there are replace, lowercase, uppercase, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop and labelkeep"
)]
pub struct UnknownAction(pub String);

impl FromStr for Action {
    type Err = UnknownAction;

    /// Reads an action's name in any case, as Prometheus does.
    fn from_str(word: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(word)).ok_or_else(|| UnknownAction(word.into()))
    }
}
