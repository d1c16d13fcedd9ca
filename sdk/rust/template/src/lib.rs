//! Drops metrics that nobody reads, and gives all others (and all log streams) a label.

use weir_sdk::{Error, Labels, Plugin, Series, SeriesBatch};

/// What stands in `[plugins.{{name}}] config` of weir's configuration.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct {{pascal}} {
    /// The label's value.
    cluster: String,
    /// Names of metrics that end here.
    #[serde(default)]
    drop: Vec<String>,
}

impl Plugin for {{pascal}} {
    type Config = Self;

    /// Called once for each instance. Its error is what the operator reads.
    fn new(config: Self) -> Result<Self, Error> {
        if config.cluster.is_empty() {
            return Err("config.cluster: give it a name".into());
        }
        Ok(config)
    }
}

impl Series for {{pascal}} {
    /// Only these labels come into the plugin.
    fn wants(&self) -> Labels {
        Labels::named(["__name__"])
    }

    /// weir asks once for each series and keeps the answer.
    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            match row.label("__name__") {
                Some(name) if self.drop.iter().any(|d| d == name) => row.drop(),
                _ => row.set("cluster", &self.cluster),
            }
        }
        Ok(())
    }
}

weir_sdk::export!({{pascal}}: Series);
