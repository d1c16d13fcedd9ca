//! Finds a log line's severity and sets it as a label or as structured metadata.

mod json;
mod logfmt;
mod plain;
mod severity;
#[cfg(test)]
mod tests;

use severity::Severity;
use weir_sdk::{Error, Logs, LogsBatch, Plugin};

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The name of the label.
    label: String,
    /// What kind of label.
    r#as: As,
    /// The value where no severity is found; without it such a line gets no label.
    unknown: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum As {
    /// A label of the stream: each severity is a stream of its own, and fast to select.
    #[default]
    Label,
    /// Structured metadata: the streams stay as they are.
    Metadata,
}

impl Default for Config {
    fn default() -> Self {
        Self { label: "level".into(), r#as: As::Label, unknown: None }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Level {
    config: Config,
}

impl Plugin for Level {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        let mut chars = config.label.chars();
        let starts_well = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !starts_well || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("config.label: {:?} is not a label name", config.label).into());
        }
        Ok(Self { config })
    }
}

impl Logs for Level {
    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            let level = severity_of(row.line()).map(Severity::name).or(self.config.unknown.as_deref());
            match (level, self.config.r#as) {
                (Some(level), As::Label) => row.set(&self.config.label, level),
                (Some(level), As::Metadata) => row.set_metadata(&self.config.label, level),
                (None, _) => {}
            }
        }
        Ok(())
    }
}

/// The severity that a line names: a JSON document by its keys, any other line by logfmt's or by its first words.
fn severity_of(line: &str) -> Option<Severity> {
    let line = line.trim_start();
    if line.starts_with('{') {
        return json::find(line.as_bytes());
    }
    logfmt::find(line.as_bytes()).or_else(|| plain::find(line.as_bytes()))
}

weir_sdk::export!(Level: Logs);
