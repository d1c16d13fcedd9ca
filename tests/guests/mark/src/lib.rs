//! Marks every series with a label and every line with a prefix that say which version of the plugin it passed.

use weir_sdk::{Error, Labels, Logs, LogsBatch, NoConfig, Plugin, Series, SeriesBatch};

/// The version that is built.
pub const VERSION: &str = if cfg!(feature = "two") { "two" } else { "one" };

/// The plugin.
#[derive(Debug)]
pub struct Mark;

impl Plugin for Mark {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Series for Mark {
    fn wants(&self) -> Labels {
        Labels::named(["__name__"])
    }

    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            // a log stream has no name; its lines are marked instead
            if row.label("__name__").is_some() {
                row.set("version", VERSION);
            }
        }
        Ok(())
    }
}

impl Logs for Mark {
    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            row.set_line(&format!("{VERSION} {}", row.line()));
        }
        Ok(())
    }
}

weir_sdk::export!(Mark: Series, Logs);
