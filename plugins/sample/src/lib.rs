//! Thins log lines out: repeats go, then a share of the rest is kept, then no more than a rate.

mod rate;
mod recent;
mod repeats;
mod share;
mod tally;
#[cfg(test)]
mod tests;

use rate::Rate;
use regex::Regex;
use repeats::{Repeats, Seen};
use share::Share;
use tally::{Reason, Tally};
use weir_sdk::{Error, Labels, LogRow, Logs, LogsBatch, LogsWanted, Plugin};

/// What the operator writes.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Lines with a match of this are kept, whatever else is said.
    always: Option<String>,
    /// Drops lines that repeat.
    dedup: Option<repeats::AsWritten>,
    /// Keeps a share of the lines.
    keep: Option<share::AsWritten>,
    /// Keeps no more than so many lines a time.
    rate: Option<rate::AsWritten>,
}

/// The plugin.
#[derive(Debug)]
pub struct Sample {
    always: Option<Regex>,
    repeats: Option<Repeats>,
    share: Option<Share>,
    rate: Option<Rate>,
}

impl Plugin for Sample {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        if config.dedup.is_none() && config.keep.is_none() && config.rate.is_none() {
            return Err("config: needs dedup, keep or rate, else nothing would be dropped".into());
        }
        let always = config.always.as_deref().map(Regex::new).transpose();
        Ok(Self {
            always: always.map_err(|e| format!("config.always: {e}"))?,
            repeats: config.dedup.as_ref().map(Repeats::new).transpose()?,
            share: config.keep.map(Share::new).transpose()?,
            rate: config.rate.map(Rate::new).transpose()?,
        })
    }
}

impl Logs for Sample {
    fn wants(&self) -> LogsWanted {
        // a line repeats within its stream, so what makes the stream counts
        let labels = if self.repeats.is_some() {
            Labels::Everything
        } else {
            named(self.share.iter().flat_map(Share::labels).chain(self.rate.iter().flat_map(Rate::labels)))
        };
        let metadata = named(self.share.iter().flat_map(Share::metadata));
        LogsWanted { labels, metadata, timestamps: true, lines: true }
    }

    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        let mut tally = Tally::default();
        for row in batch.rows() {
            if self.always.as_ref().is_some_and(|always| always.is_match(row.line())) {
                continue;
            }
            if let Some(reason) = self.judge(&row) {
                row.drop();
                tally.count(reason);
            }
        }
        tally.report();
        Ok(())
    }
}

impl Sample {
    /// Why a line goes; `None` where it stays.
    fn judge(&mut self, row: &LogRow<'_, '_>) -> Option<Reason> {
        if let Some(repeats) = &mut self.repeats {
            match repeats.see(row) {
                Seen::Lately => return Some(Reason::Repeat),
                Seen::Before(times) => row.set_metadata("repeated", times.to_string().as_str()),
                Seen::Never => {}
            }
        }
        if self.share.as_ref().is_some_and(|share| !share.keeps(row)) {
            return Some(Reason::Share);
        }
        if self.rate.as_mut().is_some_and(|rate| !rate.admits(row)) {
            return Some(Reason::Rate);
        }
        None
    }
}

fn named<'a>(names: impl Iterator<Item = &'a str>) -> Labels {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { Labels::Nothing } else { Labels::named(names) }
}

weir_sdk::export!(Sample: Logs);
