//! Applying compiled rules to one label set.

use std::cell::RefCell;
use std::fmt::Write;
use std::ops::Range;

use md5::{Digest, Md5};
use weir_model::LabelsBuilder;

use crate::matcher::{Matcher, Slots, group};
use crate::settings::{Action, RuleSettings};
use crate::template::{Template, has_variable};
use crate::validate::{RuleErrorKind, is_label_name};

/// One rule, ready to run.
pub(crate) struct Rule {
    source_labels: Vec<String>,
    separator: String,
    matcher: Matcher,
    modulus: u64,
    target: Target,
    replacement: Template,
    /// The highest group that either template names: the matcher need not find more.
    last_group: usize,
    action: Action,
}

enum Target {
    Name(String),
    Template(Template),
}

/// Buffers that live as long as their thread, so that applying rules allocates nothing once they are warm.
#[derive(Default)]
struct Scratch {
    value: String,
    name: String,
    result: String,
    slots: Slots,
    renames: Renames,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Applies rules in order; `false` when one dropped the set.
pub(crate) fn all(rules: &[Rule], labels: &mut LabelsBuilder) -> bool {
    SCRATCH.with_borrow_mut(|scratch| rules.iter().all(|rule| rule.apply(labels, scratch)))
}

impl Rule {
    pub(crate) fn new(settings: &RuleSettings) -> Result<Self, RuleErrorKind> {
        let (matcher, groups) = Matcher::new(&settings.regex)?;
        let replacement = Template::new(&settings.replacement, &groups);
        let mut last_group = replacement.last_group().unwrap_or(0);
        let target = if settings.action == Action::Replace && has_variable(&settings.target_label) {
            let template = Template::new(&settings.target_label, &groups);
            last_group = last_group.max(template.last_group().unwrap_or(0));
            Target::Template(template)
        } else {
            Target::Name(settings.target_label.clone())
        };
        Ok(Self {
            source_labels: settings.source_labels.clone(),
            separator: settings.separator.clone(),
            matcher,
            modulus: settings.modulus,
            target,
            replacement,
            last_group,
            action: settings.action,
        })
    }

    /// Applies the rule; `false` when it drops the set.
    fn apply(&self, labels: &mut LabelsBuilder, scratch: &mut Scratch) -> bool {
        match self.action {
            Action::LabelMap => self.map_names(labels, scratch),
            Action::LabelDrop => labels.retain(|name, _| !self.matcher.is_match(name)),
            Action::LabelKeep => labels.retain(|name, _| self.matcher.is_match(name)),
            _ => return self.apply_to_value(labels, scratch),
        }
        true
    }

    fn apply_to_value(&self, labels: &mut LabelsBuilder, scratch: &mut Scratch) -> bool {
        self.join(labels, &mut scratch.value);
        let value = scratch.value.as_str();
        let target = match &self.target {
            Target::Name(name) => name.as_str(),
            Target::Template(_) => "",
        };
        scratch.result.clear();
        match self.action {
            Action::Keep => return self.matcher.is_match(value),
            Action::Drop => return !self.matcher.is_match(value),
            Action::KeepEqual => return labels.get(target).unwrap_or_default() == value,
            Action::DropEqual => return labels.get(target).unwrap_or_default() != value,
            Action::HashMod => {
                // Writing to a String cannot fail.
                let _ = write!(scratch.result, "{}", hash(value) % self.modulus.max(1));
                labels.set(target, &scratch.result);
            }
            Action::Lowercase => {
                scratch.result.extend(value.chars().map(|c| single(c, c.to_lowercase())));
                labels.set(target, &scratch.result);
            }
            Action::Uppercase => {
                scratch.result.extend(value.chars().map(|c| single(c, c.to_uppercase())));
                labels.set(target, &scratch.result);
            }
            _ => self.replace(labels, scratch),
        }
        true
    }

    fn join(&self, labels: &LabelsBuilder, out: &mut String) {
        out.clear();
        for (i, name) in self.source_labels.iter().enumerate() {
            if i > 0 {
                out.push_str(&self.separator);
            }
            out.push_str(labels.get(name).unwrap_or_default());
        }
    }

    fn replace(&self, labels: &mut LabelsBuilder, scratch: &mut Scratch) {
        let Scratch { value, name, result, slots, .. } = scratch;
        if !self.matcher.find(value, self.last_group, slots) {
            return;
        }
        let target = match &self.target {
            Target::Name(name) => name,
            Target::Template(template) => {
                name.clear();
                template.expand(value, |g| group(slots, g), name);
                if !is_label_name(name) {
                    return;
                }
                name
            }
        };
        self.replacement.expand(value, |g| group(slots, g), result);
        labels.set(target, result);
    }

    fn map_names(&self, labels: &mut LabelsBuilder, scratch: &mut Scratch) {
        let Scratch { name: to, slots, renames, .. } = scratch;
        renames.clear();
        for (name, value) in labels.iter() {
            if self.matcher.find(name, self.last_group, slots) {
                to.clear();
                self.replacement.expand(name, |g| group(slots, g), to);
                if is_label_name(to) {
                    renames.push(name, to, value);
                }
            }
        }
        renames.apply(labels);
    }
}

/// Labels to set, noted while the ones they come from are being walked.
#[derive(Default)]
struct Renames {
    text: String,
    entries: Vec<[Range<usize>; 3]>,
}

impl Renames {
    fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
    }

    fn push(&mut self, from: &str, to: &str, value: &str) {
        let entry = [from, to, value].map(|s| {
            let start = self.text.len();
            self.text.push_str(s);
            start..self.text.len()
        });
        self.entries.push(entry);
    }

    /// Sets the labels in the order of the names they come from: of two with one new name the later wins, always the same.
    fn apply(&mut self, labels: &mut LabelsBuilder) {
        let text = |r: &Range<usize>| self.text.get(r.clone()).unwrap_or_default();
        self.entries.sort_unstable_by(|[a, ..], [b, ..]| text(a).cmp(text(b)));
        for [_, to, value] in &self.entries {
            labels.set(text(to), text(value));
        }
    }
}

/// The hash of `hashmod`: the last eight bytes of the MD5 digest, big-endian, as all shards of a fleet must agree on.
fn hash(value: &str) -> u64 {
    u128::from_be_bytes(Md5::digest(value.as_bytes()).into()) as u64
}

/// One character for one, as Go's `strings.ToUpper` and `ToLower` map: where Unicode's full mapping is longer
/// (`ß` to `SS`), the character stays.
fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ if c == 'İ' => 'i',
        _ => c,
    }
}
