//! Drops series, log streams and lines by matchers.

mod selector;
#[cfg(test)]
mod tests;

use regex::Regex;
use selector::Selector;
use weir_sdk::{Error, Labels, Logs, LogsBatch, LogsWanted, Plugin, Series, SeriesBatch};

/// What the operator writes.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Series and streams that any of these selects are dropped.
    matchers: Vec<String>,
    /// Which lines are dropped.
    lines: Option<LineConfig>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LineConfig {
    /// Lines with any of these texts in them.
    contains: Vec<String>,
    /// Lines with a match of this in them.
    regex: Option<String>,
    /// Only lines of streams that any of these selects; of all streams where there is none.
    matchers: Vec<String>,
}

/// What is dropped, checked.
#[derive(Debug)]
pub struct Drop {
    series: Vec<Selector>,
    lines: Option<Lines>,
}

#[derive(Debug)]
struct Lines {
    /// One expression for all texts and the pattern: the engine looks for them in one pass.
    any: Regex,
    streams: Vec<Selector>,
}

impl Plugin for Drop {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        if config.matchers.is_empty() && config.lines.is_none() {
            return Err("config: there are neither matchers nor lines, so nothing would be dropped".into());
        }
        let series = selectors(&config.matchers, "config.matchers")?;
        Ok(Self { series, lines: config.lines.as_ref().map(Lines::new).transpose()? })
    }
}

impl Lines {
    fn new(config: &LineConfig) -> Result<Self, Error> {
        if config.contains.iter().any(String::is_empty) {
            return Err("config.lines.contains: the empty text is in every line".into());
        }
        let texts = config.contains.iter().map(|text| regex::escape(text));
        let pattern = config.regex.iter().map(|pattern| format!("(?:{pattern})"));
        let all: Vec<String> = texts.chain(pattern).collect();
        if all.is_empty() {
            return Err("config.lines: needs contains or regex".into());
        }
        let any = Regex::new(&all.join("|")).map_err(|e| format!("config.lines.regex: {e}"))?;
        Ok(Self { any, streams: selectors(&config.matchers, "config.lines.matchers")? })
    }
}

fn selectors(written: &[String], key: &str) -> Result<Vec<Selector>, Error> {
    let parse = |(i, text): (usize, &String)| Selector::parse(text).map_err(|e| format!("{key}[{i}]: {e}").into());
    written.iter().enumerate().map(parse).collect()
}

fn names(selectors: &[Selector]) -> Labels {
    let mut names: Vec<&str> = selectors.iter().flat_map(Selector::names).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { Labels::Nothing } else { Labels::named(names) }
}

impl Series for Drop {
    fn wants(&self) -> Labels {
        names(&self.series)
    }

    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        for selector in &self.series {
            let mut met = vec![0; batch.len()];
            for matcher in selector.matchers() {
                for row in batch.having(matcher.name(), |value| matcher.matches(value)) {
                    if let Some(met) = met.get_mut(row.index()) {
                        *met += 1;
                    }
                }
            }
            batch.rows().zip(met).filter(|(_, met)| *met == selector.len()).for_each(|(row, _)| row.drop());
        }
        Ok(())
    }
}

impl Logs for Drop {
    fn wants(&self) -> LogsWanted {
        let Some(lines) = &self.lines else { return LogsWanted::default() };
        LogsWanted { labels: names(&lines.streams), lines: true, ..LogsWanted::default() }
    }

    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        let Some(Lines { any, streams }) = &self.lines else { return Ok(()) };
        for row in batch.rows().filter(|row| any.is_match(row.line())) {
            let label = |name: &str| row.label(name).unwrap_or_default();
            if streams.is_empty() || streams.iter().any(|stream| stream.selects(label)) {
                row.drop();
            }
        }
        Ok(())
    }
}

weir_sdk::export!(Drop: Series, Logs);
