//! The job of `sdk/benches`.

use memchr::memmem;
use weir_sdk::{
    Error, Labels, Logs, LogsBatch, LogsWanted, Plugin, Samples, SamplesBatch, SamplesWanted, Series, SeriesBatch,
    export,
};

/// The configuration, and all that there is of the plugin.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    cluster: String,
}

impl Plugin for Cost {
    type Config = Self;

    fn new(config: Self) -> Result<Self, Error> {
        Ok(config)
    }
}

impl Series for Cost {
    fn wants(&self) -> Labels {
        Labels::named(["__name__"])
    }

    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            match row.label("__name__") {
                Some("container_tasks_state") => row.drop(),
                _ => row.set("cluster", &self.cluster),
            }
        }
        Ok(())
    }
}

impl Samples for Cost {
    fn wants(&self) -> SamplesWanted {
        SamplesWanted { labels: Labels::named(["unit"]), ..SamplesWanted::default() }
    }

    fn process(&mut self, batch: &SamplesBatch<'_>) -> Result<(), Error> {
        let unit = batch.symbol("unit");
        for row in batch.rows() {
            match row.value() {
                Some(value) if value < 0.0 => row.drop(),
                Some(value) if row.label(unit) == Some("s") => row.set_value(value * 1000.0),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Logs for Cost {
    fn wants(&self) -> LogsWanted {
        LogsWanted { lines: true, ..LogsWanted::default() }
    }

    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        let [debug, error, password] = ["DEBUG", "ERROR", "password="].map(memmem::Finder::new);
        let mut redacted = String::new();
        for row in batch.rows() {
            let line = row.line();
            if debug.find(line.as_bytes()).is_some() {
                row.drop();
                continue;
            }
            if error.find(line.as_bytes()).is_some() {
                row.set_metadata("level", "error");
            }
            if redact(line, &password, &mut redacted) {
                row.set_line(&redacted);
            }
        }
        Ok(())
    }
}

/// Puts stars behind every `password=`; whether there was one.
fn redact(line: &str, password: &memmem::Finder<'_>, out: &mut String) -> bool {
    out.clear();
    let mut rest = line;
    while let Some(at) = password.find(rest.as_bytes()) {
        let (before, value) = rest.split_at(at + password.needle().len());
        out.push_str(before);
        out.push_str("***");
        rest = &value[value.find(' ').unwrap_or(value.len())..];
    }
    let found = !out.is_empty();
    out.push_str(rest);
    found
}

export!(Cost: Series, Samples, Logs);
