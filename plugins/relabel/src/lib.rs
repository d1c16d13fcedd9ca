//! Prometheus relabel rules as a plugin for series and log streams.

mod matcher;
mod rule;
mod set;
mod template;
#[cfg(test)]
mod tests;

use rule::Rule;
use std::collections::BTreeSet;
use weir_sdk::{Error, Labels, Plugin, Series, SeriesBatch};

/// The rules, checked.
#[derive(Debug)]
pub struct Relabel {
    rules: Vec<Rule>,
}

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The rules, applied in order.
    rules: Vec<rule::AsWritten>,
}

impl Plugin for Relabel {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        let rules = config.rules.into_iter().enumerate();
        let rules = rules.map(|(i, rule)| Rule::new(rule).map_err(|e| format!("config.rules[{i}]: {e}").into()));
        Ok(Self { rules: rules.collect::<Result<_, Error>>()? })
    }
}

impl Series for Relabel {
    /// Every label where a rule goes by the names of labels; else those that the rules read.
    fn wants(&self) -> Labels {
        let mut names = BTreeSet::new();
        for rule in &self.rules {
            let Some(read) = rule.reads() else { return Labels::Everything };
            names.extend(read);
        }
        if names.is_empty() { Labels::Nothing } else { Labels::named(names) }
    }

    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            let mut set = set::Set::new(row.labels());
            if self.rules.iter().all(|rule| rule.apply(&mut set)) {
                set.changes(|name, value| match value {
                    Some(value) => row.set(name, value),
                    None => row.remove(name),
                });
            } else {
                row.drop();
            }
        }
        Ok(())
    }
}

weir_sdk::export!(Relabel: Series);
