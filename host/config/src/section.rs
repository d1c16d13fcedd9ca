//! Reading one table of the document: each key by name, then whatever is left is unknown.

use std::collections::BTreeMap;

use crate::check::Check;
use crate::setting::{At, Setting};
use crate::source::Place;
use crate::suggest;
use crate::tree::{Node, Table, Value};

/// A table being read. The keys that were asked for are the keys that exist: [`Section::finish`] reports all others.
pub(crate) struct Section<'t> {
    table: &'t Table,
    /// As the operator writes it, for messages: `[[scrape_configs]]`.
    title: String,
    pub(crate) place: Place,
    asked: Vec<&'static str>,
    /// Needed and not there.
    missing: Vec<&'static str>,
    /// Keys that Prometheus or a later weir has and this one does not.
    later: &'static [&'static str],
}

impl<'t> Section<'t> {
    pub(crate) fn new(table: &'t Table, title: impl Into<String>, place: Place) -> Self {
        Self { table, title: title.into(), place, asked: Vec::new(), missing: Vec::new(), later: &[] }
    }

    /// Opens a node as a table, or reports that it is none.
    pub(crate) fn open(node: &'t Node, title: impl Into<String>, check: &mut Check<'_>) -> Option<Self> {
        if let Value::Table(table) = &node.value {
            return Some(Self::new(table, title, node.place));
        }
        wrong_type(node, "a table", check);
        None
    }

    /// Names keys that are known and not supported yet, for a better message than "unknown".
    pub(crate) fn later(mut self, keys: &'static [&'static str]) -> Self {
        self.later = keys;
        self
    }

    /// The value of a key, as it stands.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<&'t Node> {
        self.asked.push(key);
        self.table.0.get(key).map(|entry| &entry.node)
    }

    /// Where a key stands, or the table when it is not there.
    pub(crate) fn key_place(&self, key: &str) -> Place {
        self.table.0.get(key).map_or(self.place, |entry| entry.key)
    }

    /// Where a key's value stands, or the table when there is none.
    pub(crate) fn value_place(&self, key: &str) -> Place {
        self.table.0.get(key).map_or(self.place, |entry| entry.node.place)
    }

    /// Whether a key stands here, whatever its value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.0.contains_key(key)
    }

    /// Whether a key stands here that is known and not supported yet.
    pub(crate) fn has_later(&self) -> bool {
        self.later.iter().any(|key| self.table.0.contains_key(*key))
    }

    /// A checked value and its place; nothing when the key is missing or was reported as wrong.
    pub(crate) fn get<T: Setting>(&mut self, key: &'static str, check: &mut Check<'_>) -> Option<At<T>> {
        let node = self.node(key)?;
        Some(At { value: T::read(node, check)?, place: node.place })
    }

    /// A checked value without its place.
    pub(crate) fn value<T: Setting>(&mut self, key: &'static str, check: &mut Check<'_>) -> Option<T> {
        self.get(key, check).map(|at| at.value)
    }

    /// A checked value, or the default.
    pub(crate) fn or<T: Setting>(&mut self, key: &'static str, default: T, check: &mut Check<'_>) -> T {
        self.value(key, check).unwrap_or(default)
    }

    /// A checked value that must be there; [`Section::finish`] reports its absence.
    pub(crate) fn need<T: Setting>(&mut self, key: &'static str, check: &mut Check<'_>) -> Option<At<T>> {
        if !self.table.0.contains_key(key) {
            self.missing.push(key);
        }
        self.get(key, check)
    }

    /// A table within this one.
    pub(crate) fn section(&mut self, key: &'static str, check: &mut Check<'_>) -> Option<Section<'t>> {
        let node = self.node(key)?;
        Section::open(node, format!("`{key}`"), check)
    }

    /// An array of tables within this one.
    pub(crate) fn sections(&mut self, key: &'static str, title: &str, check: &mut Check<'_>) -> Vec<Section<'t>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        match &node.value {
            Value::Array(items) => items.iter().filter_map(|item| Section::open(item, title, check)).collect(),
            Value::Table(_) => {
                let help = format!("write `[[{key}]]`, with double brackets: there can be several");
                check.error(node.place, format!("`{key}` is a list of tables"), "one table", help);
                Vec::new()
            }
            _ => {
                wrong_type(node, "an array of tables", check);
                Vec::new()
            }
        }
    }

    /// A table whose keys are names that the operator chooses.
    pub(crate) fn named(&mut self, key: &'static str, check: &mut Check<'_>) -> Vec<(&'t str, Place, &'t Node)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Value::Table(table) = &node.value else {
            wrong_type(node, "a table", check);
            return Vec::new();
        };
        table.0.iter().map(|(name, entry)| (name.as_str(), entry.key, &entry.node)).collect()
    }

    /// A table of names to strings, each checked by the caller's rule.
    pub(crate) fn map<T: Setting>(
        &mut self,
        key: &'static str,
        check: &mut Check<'_>,
        rule: impl Fn(&str, Place, &mut Check<'_>),
    ) -> BTreeMap<String, T> {
        let mut map = BTreeMap::new();
        for (name, place, node) in self.named(key, check) {
            rule(name, place, check);
            if let Some(value) = T::read(node, check) {
                map.insert(name.to_owned(), value);
            }
        }
        map
    }

    /// Reports every key that nothing asked for, and what is missing.
    pub(crate) fn finish(mut self, check: &mut Check<'_>) {
        for (name, entry) in &self.table.0 {
            if self.asked.contains(&name.as_str()) {
                continue;
            }
            if self.later.contains(&name.as_str()) {
                let help = "remove it; it comes with a later version";
                check.error(entry.key, format!("weir does not support `{name}` yet"), "", help);
                continue;
            }
            let near =
                suggest::nearest(name, self.asked.iter().copied().filter(|key| !self.table.0.contains_key(*key)));
            // a misspelt key is not missing
            self.missing.retain(|key| Some(*key) != near);
            let help = near
                .map_or_else(|| suggest::list(self.asked.iter().copied()), |near| format!("did you mean `{near}`?"));
            let label = "there is no such key";
            check.error(entry.key, format!("unknown key `{name}` in {}", self.title), label, help);
        }
        for key in &self.missing {
            let help = format!("add `{key} = …`");
            check.error(self.place, format!("`{key}` is missing in {}", self.title), "", help);
        }
    }
}

/// Reports a value of another type than it must have.
pub(crate) fn wrong_type(node: &Node, expected: &str, check: &mut Check<'_>) {
    if !matches!(node.value, Value::Broken) {
        let label = format!("this is {}", node.value.kind());
        let help = match &node.value {
            Value::String { .. } if expected == "an array" => "put it into brackets: [\"…\"]",
            _ => "",
        };
        check.error(node.place, format!("expected {expected}, found {}", node.value.kind()), &label, help);
    }
}
