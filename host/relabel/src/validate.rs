//! What a rule must and must not state for its action.

use crate::settings::{Action, RuleSettings};
use crate::template::has_variable;

/// A rule that cannot work. Fatal for the configuration that holds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("relabel rule {}: `{}`: {kind}", .index + 1, .kind.key())]
pub struct RuleError {
    /// Which rule of the list, counted from 0 (the message counts from 1).
    pub index: usize,
    /// What is wrong with it.
    pub kind: RuleErrorKind,
}

/// What is wrong with a rule. Every variant is fatal for the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleErrorKind {
    /// The action works on a label, and none is named.
    #[error("the action {action} needs a label to work on; name one")]
    TargetLabelMissing {
        /// The rule's action.
        action: Action,
    },
    /// The target label is no label name, and no template that could become one.
    #[error("{name:?} is not a label name; use letters, digits and _ (not a digit first){}", .action.template_hint())]
    TargetLabelInvalid {
        /// The rule's action.
        action: Action,
        /// What was given.
        name: String,
    },
    /// A source label is no label name.
    #[error("{name:?} is not a label name; use letters, digits and _ (not a digit first)")]
    SourceLabelInvalid {
        /// What was given.
        name: String,
    },
    /// `hashmod` without a modulus, or with 0.
    #[error("the action hashmod needs a modulus of at least 1, usually the number of collectors")]
    ModulusMissing,
    /// The replacement of `labelmap` can never be a label name.
    #[error("{replacement:?} makes no label names; the action labelmap needs a template such as $1 or prefix_$1")]
    ReplacementInvalid {
        /// What was given.
        replacement: String,
    },
    /// The action knows nothing of a key that was given.
    #[error("the action {action} does not use this key; remove it")]
    KeyUnused {
        /// The rule's action.
        action: Action,
        /// The key, as configuration files write it.
        key: &'static str,
    },
    /// The expression is not valid.
    #[error("{reason}, at character {} of {regex:?}", .at + 1)]
    RegexInvalid {
        /// The expression.
        regex: String,
        /// Where in it, in characters from 0.
        at: usize,
        /// What the parser says.
        reason: String,
    },
    /// The expression compiles to more memory than one rule may take.
    #[error("the expression is too large once compiled; simplify its repetitions or split the rule")]
    RegexTooLarge,
}

impl RuleErrorKind {
    /// The key of the rule that has to change.
    pub fn key(&self) -> &'static str {
        match self {
            Self::TargetLabelMissing { .. } | Self::TargetLabelInvalid { .. } => "target_label",
            Self::SourceLabelInvalid { .. } => "source_labels",
            Self::ModulusMissing => "modulus",
            Self::ReplacementInvalid { .. } => "replacement",
            Self::KeyUnused { key, .. } => key,
            Self::RegexInvalid { .. } | Self::RegexTooLarge => "regex",
        }
    }
}

impl Action {
    fn template_hint(self) -> &'static str {
        if self == Self::Replace { ", or a template such as ${1}_total" } else { "" }
    }
}

/// Checks everything but the expression, which is checked by compiling it.
pub(crate) fn check(rule: &RuleSettings) -> Result<(), RuleErrorKind> {
    let action = rule.action;
    if let Some(name) = rule.source_labels.iter().find(|n| !is_label_name(n)) {
        return Err(RuleErrorKind::SourceLabelInvalid { name: name.clone() });
    }
    if let Some(key) = unused_key(rule) {
        return Err(RuleErrorKind::KeyUnused { action, key });
    }
    match action {
        Action::Keep | Action::Drop | Action::LabelDrop | Action::LabelKeep => return Ok(()),
        Action::LabelMap if could_become_label_name(&rule.replacement) => return Ok(()),
        Action::LabelMap => {
            return Err(RuleErrorKind::ReplacementInvalid { replacement: rule.replacement.clone() });
        }
        Action::HashMod if rule.modulus == 0 => return Err(RuleErrorKind::ModulusMissing),
        _ => {}
    }
    let name = &rule.target_label;
    if name.is_empty() {
        return Err(RuleErrorKind::TargetLabelMissing { action });
    }
    if is_label_name(name) || (action == Action::Replace && has_variable(name) && could_become_label_name(name)) {
        return Ok(());
    }
    Err(RuleErrorKind::TargetLabelInvalid { action, name: name.clone() })
}

/// A key that is set, not to its default, and that the action has no use for where Prometheus refuses it too.
fn unused_key(rule: &RuleSettings) -> Option<&'static str> {
    let default = RuleSettings::default();
    let set = [
        ("source_labels", rule.source_labels != default.source_labels),
        ("target_label", rule.target_label != default.target_label),
        ("regex", rule.regex != default.regex),
        ("modulus", rule.modulus != default.modulus),
        ("separator", rule.separator != default.separator),
        ("replacement", rule.replacement != default.replacement),
    ];
    let refused: &[&str] = match rule.action {
        Action::LabelDrop | Action::LabelKeep => {
            &["source_labels", "target_label", "modulus", "separator", "replacement"]
        }
        Action::KeepEqual | Action::DropEqual => &["regex", "modulus", "separator", "replacement"],
        Action::Lowercase | Action::Uppercase => &["replacement"],
        _ => &[],
    };
    set.into_iter().find(|(key, is_set)| *is_set && refused.contains(key)).map(|(key, _)| key)
}

/// Whether text is a classic label name (Prometheus data model, "Metric names and labels").
pub(crate) fn is_label_name(text: &str) -> bool {
    !text.is_empty()
        && !text.as_bytes()[0].is_ascii_digit()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a template, with names for its variables, could give a label name.
fn could_become_label_name(template: &str) -> bool {
    let mut rest = template;
    let mut at_start = true;
    while let Some(first) = rest.chars().next() {
        if first == '$' {
            let body = &rest[1..];
            let (braced, body) = body.strip_prefix('{').map_or((false, body), |b| (true, b));
            let end = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
            let after = &body[end..];
            let after = if braced { after.strip_prefix('}') } else { Some(after) };
            match after {
                Some(after) if end > 0 => rest = after,
                _ => return false,
            }
        } else if first.is_ascii_alphanumeric() || first == '_' {
            if at_start && first.is_ascii_digit() {
                return false;
            }
            rest = &rest[1..];
        } else {
            return false;
        }
        at_start = false;
    }
    !at_start
}
