//! Masks e-mail addresses, payment cards, IP addresses, bearer tokens and patterns of one's own in log lines.

mod bearer;
mod card;
mod custom;
mod email;
mod found;
mod ip;
#[cfg(test)]
mod tests;
mod text;

use custom::Custom;
use found::Found;
use text::Lines;
use weir_sdk::{Error, Logs, LogsBatch, Plugin};

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Patterns that are built in.
    patterns: Vec<BuiltIn>,
    /// Patterns of one's own.
    custom: Vec<custom::AsWritten>,
    /// What stands in the place of what was found; `{name}` is the pattern's name.
    replacement: String,
}

impl Default for Config {
    /// What is a secret or a person in nearly every log. Addresses of machines are masked only when asked for: operators
    /// live by them.
    fn default() -> Self {
        let patterns = vec![BuiltIn::Email, BuiltIn::Pan, BuiltIn::Bearer];
        Self { patterns, custom: Vec::new(), replacement: "<{name}>".into() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum BuiltIn {
    Email,
    Pan,
    Ipv4,
    Ipv6,
    Bearer,
}

impl BuiltIn {
    fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Pan => "pan",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Bearer => "bearer",
        }
    }

    /// Finds all of its kind in all lines.
    fn search(self, lines: &mut Lines<'_>, hit: impl FnMut(usize, usize)) {
        match self {
            Self::Email => email::search(lines, hit),
            Self::Pan => card::search(lines, hit),
            Self::Ipv4 => ip::search_v4(lines, hit),
            Self::Ipv6 => ip::search_v6(lines, hit),
            Self::Bearer => bearer::search(lines, hit),
        }
    }
}

/// The patterns, and memory that is kept from call to call.
#[derive(Debug)]
pub struct Redact {
    built_in: Vec<BuiltIn>,
    custom: Custom,
    /// For each pattern, those built in first: its name and what takes the place of what it finds.
    names: Vec<String>,
    masks: Vec<String>,
    ends: Vec<usize>,
    found: Found,
}

impl Plugin for Redact {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        let mut built_in = config.patterns;
        let mut seen = Vec::new();
        built_in.retain(|p| {
            !seen.contains(p) && {
                seen.push(*p);
                true
            }
        });
        let custom = Custom::new(&config.custom)?;
        let names: Vec<String> =
            built_in.iter().map(|p| p.name().to_owned()).chain(config.custom.iter().map(|c| c.name.clone())).collect();
        if names.is_empty() {
            return Err("config: there is no pattern to look for".into());
        }
        let masks = names.iter().map(|name| config.replacement.replace("{name}", name)).collect();
        Ok(Self { built_in, custom, names, masks, ends: Vec::new(), found: Found::default() })
    }
}

impl Logs for Redact {
    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        self.ends.clear();
        self.ends.extend(batch.rows().map(|row| row.range().end));
        self.found.clear();
        for (pattern, built_in) in self.built_in.iter().enumerate() {
            let mut lines = Lines::new(batch.text(), &self.ends);
            built_in.search(&mut lines, |start, end| self.found.add(start, end, pattern));
        }
        self.custom.search(batch, self.built_in.len(), &mut self.found);
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.resolve();
        self.found.replace(batch, &self.ends, &self.masks);
        for (name, count) in self.names.iter().zip(self.found.counts(self.names.len())) {
            if count > 0 {
                weir_sdk::counter("redacted", &[("pattern", name)], f64::from(count));
            }
        }
        Ok(())
    }
}

weir_sdk::export!(Redact: Logs);
