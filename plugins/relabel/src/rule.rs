//! One relabel rule: as written, checked, applied. The semantics are those of Prometheus' `relabel_config`.

use crate::matcher::Matcher;
use crate::set::Set;
use crate::template::Template;
use md5::{Digest, Md5};
use weir_sdk::Error;

/// A rule as it stands in the configuration. What is not written has Prometheus' default.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsWritten {
    source_labels: Option<Vec<String>>,
    separator: Option<String>,
    regex: Option<String>,
    modulus: Option<u64>,
    target_label: Option<String>,
    replacement: Option<String>,
    #[serde(default)]
    action: Action,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    #[default]
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

/// A rule, checked.
#[derive(Debug)]
pub(crate) struct Rule {
    source_labels: Vec<String>,
    separator: String,
    matcher: Matcher,
    does: Does,
}

#[derive(Debug)]
enum Does {
    Replace { target: Template, replacement: Template },
    Keep,
    Drop,
    KeepEqual { target: String },
    DropEqual { target: String },
    HashMod { target: String, modulus: u64 },
    LabelMap { replacement: Template },
    LabelDrop,
    LabelKeep,
    Lowercase { target: String },
    Uppercase { target: String },
}

impl Rule {
    pub(crate) fn new(written: AsWritten) -> Result<Self, Error> {
        written.only_what_counts()?;
        let does = written.does()?;
        let regex = written.regex.as_deref().unwrap_or("(.*)");
        let matcher = Matcher::new(regex).map_err(|e| format!("regex: {e}"))?;
        let separator = written.separator.unwrap_or_else(|| ";".into());
        Ok(Self { source_labels: written.source_labels.unwrap_or_default(), separator, matcher, does })
    }

    /// The labels it reads; `None` is all of them.
    pub(crate) fn reads(&self) -> Option<Vec<&str>> {
        let sources = self.source_labels.iter().map(String::as_str);
        match &self.does {
            Does::LabelMap { .. } | Does::LabelKeep => None,
            // labels that can be listed are removed unread
            Does::LabelDrop => self.matcher.literals().map(|_| Vec::new()),
            Does::KeepEqual { target } | Does::DropEqual { target } => Some(sources.chain([target.as_str()]).collect()),
            _ => Some(sources.collect()),
        }
    }

    /// Applies the rule; `false` drops the series.
    pub(crate) fn apply(&self, set: &mut Set<'_>) -> bool {
        match &self.does {
            Does::LabelMap { replacement } => self.map_names(set, replacement),
            Does::LabelDrop => self.drop_names(set),
            Does::LabelKeep => {
                for (name, _) in set.snapshot() {
                    if !self.matcher.is_match(&name) {
                        set.remove(&name);
                    }
                }
            }
            by_value => return self.apply_to(by_value, &self.source(set), set),
        }
        true
    }

    fn apply_to(&self, does: &Does, source: &str, set: &mut Set<'_>) -> bool {
        match does {
            Does::Keep => return self.matcher.is_match(source),
            Does::Drop => return !self.matcher.is_match(source),
            Does::KeepEqual { target } => return set.get(target) == source,
            Does::DropEqual { target } => return set.get(target) != source,
            Does::HashMod { target, modulus } => set.set(target, (hash(source) % modulus).to_string()),
            Does::Lowercase { target } => set.set(target, source.to_lowercase()),
            Does::Uppercase { target } => set.set(target, source.to_uppercase()),
            Does::Replace { target, replacement } => self.replace(set, source, target, replacement),
            Does::LabelMap { .. } | Does::LabelDrop | Does::LabelKeep => {}
        }
        true
    }

    /// The values of the source labels, joined.
    fn source(&self, set: &Set<'_>) -> String {
        let mut joined = String::new();
        for (i, name) in self.source_labels.iter().enumerate() {
            if i > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(set.get(name));
        }
        joined
    }

    fn replace(&self, set: &mut Set<'_>, source: &str, target: &Template, replacement: &Template) {
        let Some(found) = self.matcher.find(source) else { return };
        let (mut name, mut value) = (String::new(), String::new());
        target.expand(|group| found.group(group), &mut name);
        if is_name(&name) {
            replacement.expand(|group| found.group(group), &mut value);
            set.set(&name, value);
        }
    }

    fn map_names(&self, set: &mut Set<'_>, replacement: &Template) {
        for (name, value) in set.snapshot() {
            if let Some(found) = self.matcher.find(&name) {
                let mut mapped = String::new();
                replacement.expand(|group| found.group(group), &mut mapped);
                if is_name(&mapped) {
                    set.set(&mapped, value);
                }
            }
        }
    }

    fn drop_names(&self, set: &mut Set<'_>) {
        if let Some(names) = self.matcher.literals() {
            for name in names.iter().filter(|name| is_name(name)) {
                set.remove(name);
            }
            return;
        }
        for (name, _) in set.snapshot() {
            if self.matcher.is_match(&name) {
                set.remove(&name);
            }
        }
    }
}

impl AsWritten {
    fn does(&self) -> Result<Does, Error> {
        let replacement = || Template::new(self.replacement.as_deref().unwrap_or("$1"));
        Ok(match self.action {
            Action::Keep => Does::Keep,
            Action::Drop => Does::Drop,
            Action::LabelDrop => Does::LabelDrop,
            Action::LabelKeep => Does::LabelKeep,
            Action::KeepEqual => Does::KeepEqual { target: self.target()? },
            Action::DropEqual => Does::DropEqual { target: self.target()? },
            Action::Lowercase => Does::Lowercase { target: self.target()? },
            Action::Uppercase => Does::Uppercase { target: self.target()? },
            Action::HashMod => match self.modulus {
                None | Some(0) => return Err("hashmod needs a modulus of at least 1".into()),
                Some(modulus) => Does::HashMod { target: self.target()?, modulus },
            },
            Action::LabelMap => match replacement() {
                template if template.can_be_a_name() => Does::LabelMap { replacement: template },
                _ => return Err("replacement: labelmap makes label names of it, and this is none".into()),
            },
            Action::Replace => {
                let target = Template::new(self.target_label.as_deref().ok_or("replace needs a target_label")?);
                if !target.can_be_a_name() {
                    return Err(format!("target_label: {:?} is not a label name", self.target_label).into());
                }
                Does::Replace { target, replacement: replacement() }
            }
        })
    }

    fn target(&self) -> Result<String, Error> {
        let target = self.target_label.as_deref().ok_or("this action needs a target_label")?;
        if is_name(target) {
            Ok(target.into())
        } else {
            Err(format!("target_label: {target:?} is not a label name").into())
        }
    }

    /// Refuses keys that the action would ignore, as Prometheus does for these actions.
    fn only_what_counts(&self) -> Result<(), Error> {
        let beside_names = [
            ("source_labels", self.source_labels.is_some()),
            ("separator", self.separator.is_some()),
            ("modulus", self.modulus.is_some()),
            ("target_label", self.target_label.is_some()),
            ("replacement", self.replacement.is_some()),
        ];
        let beside_equality = [
            ("separator", self.separator.is_some()),
            ("regex", self.regex.is_some()),
            ("modulus", self.modulus.is_some()),
            ("replacement", self.replacement.is_some()),
        ];
        let ignored = match self.action {
            Action::LabelDrop | Action::LabelKeep => beside_names.as_slice(),
            Action::KeepEqual | Action::DropEqual => beside_equality.as_slice(),
            _ => &[],
        };
        match ignored.iter().find(|(_, written)| *written) {
            Some((key, _)) => Err(format!("{key}: means nothing with this action").into()),
            None => Ok(()),
        }
    }
}

fn is_name(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !name.is_empty() && name.bytes().all(word) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The second half of the MD5 sum, big-endian: what Prometheus shards by.
fn hash(source: &str) -> u64 {
    let sum: [u8; 16] = Md5::digest(source.as_bytes()).into();
    sum.last_chunk().map_or(0, |half| u64::from_be_bytes(*half))
}
