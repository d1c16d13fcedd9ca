//! One label set while rules are applied to it.

use std::borrow::Cow;

/// The labels as they came and what the rules did to them. A label that was not asked for is not among them, but can
/// still be set or removed.
#[derive(Debug)]
pub(crate) struct Set<'a> {
    came: Vec<(&'a str, &'a str)>,
    /// Each name at most once; `None` is removed.
    touched: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>,
}

impl<'a> Set<'a> {
    pub(crate) fn new(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self { came: labels.collect(), touched: Vec::new() }
    }

    /// A label's value; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        match self.touched.iter().find(|(n, _)| n == name) {
            Some((_, value)) => value.as_deref().unwrap_or_default(),
            None => self.before(name).unwrap_or_default(),
        }
    }

    fn before(&self, name: &str) -> Option<&'a str> {
        self.came.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    /// Sets a label; an empty value removes it.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        let value = (!value.is_empty()).then_some(Cow::Owned(value));
        match self.touched.iter_mut().find(|(n, _)| n == name) {
            Some(touched) => touched.1 = value,
            None => self.touched.push((Cow::Owned(name.into()), value)),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.set(name, String::new());
    }

    /// Every label as it stands, copied, so that a rule may change the set while it looks at each.
    pub(crate) fn snapshot(&self) -> Vec<(String, String)> {
        let untouched = self.came.iter().filter(|(name, _)| self.touched.iter().all(|(n, _)| n != name));
        let untouched = untouched.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let touched = self.touched.iter().filter_map(|(n, v)| Some((n.to_string(), v.as_ref()?.to_string())));
        untouched.chain(touched).collect()
    }

    /// Hands on what differs from what came: a new value, or `None` for a label to remove.
    pub(crate) fn changes(&self, mut change: impl FnMut(&str, Option<&str>)) {
        for (name, value) in &self.touched {
            let same = value.is_some() && self.before(name) == value.as_deref();
            if !same {
                change(name, value.as_deref());
            }
        }
    }
}
