//! Patterns of the operator's own.

use crate::found::Found;
use regex::{Regex, RegexSet};
use weir_sdk::{Error, LogsBatch};

/// A pattern as it stands in the configuration.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsWritten {
    /// Its name, in masks and in the counter.
    pub(crate) name: String,
    regex: String,
    /// In place of the mask; may refer to groups of the match (`$1`, `${name}`).
    replacement: Option<String>,
}

/// The patterns, and all of them as one to tell quickly which a line may have.
#[derive(Debug)]
pub(crate) struct Custom {
    patterns: Vec<(Regex, Option<String>)>,
    any: RegexSet,
}

impl Custom {
    pub(crate) fn new(written: &[AsWritten]) -> Result<Self, Error> {
        let mut patterns = Vec::new();
        for (i, pattern) in written.iter().enumerate() {
            let regex = Regex::new(&pattern.regex).map_err(|e| format!("config.custom[{i}].regex: {e}"))?;
            if regex.is_match("") {
                return Err(format!("config.custom[{i}].regex: it matches the empty text, so everywhere").into());
            }
            patterns.push((regex, pattern.replacement.clone()));
        }
        let any = RegexSet::new(written.iter().map(|pattern| &pattern.regex))?;
        Ok(Self { patterns, any })
    }

    /// Finds all in all lines. The first of the patterns has the index `first`.
    pub(crate) fn search(&self, batch: &LogsBatch<'_>, first: usize, found: &mut Found) {
        if self.patterns.is_empty() {
            return;
        }
        for row in batch.rows() {
            let (line, start) = (row.line(), row.range().start);
            if !self.any.is_match(line) {
                continue;
            }
            for (i, (regex, replacement)) in self.patterns.iter().enumerate() {
                match replacement {
                    None => regex.find_iter(line).for_each(|m| {
                        found.add(start + m.start(), start + m.end(), first + i);
                    }),
                    Some(replacement) => regex.captures_iter(line).for_each(|captures| {
                        let whole = captures.get_match().range();
                        let place = start + whole.start..start + whole.end;
                        found.add_with(place, first + i, |own| captures.expand(replacement, own));
                    }),
                }
            }
        }
    }
}
