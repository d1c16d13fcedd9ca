//! A whole plugin: drops a metric nobody reads, and tells all others where they come from.
//!
//! `cargo build -p weir-sdk --example tidy --target wasm32-wasip2 --profile plugin`

use weir_sdk::{Error, Labels, Plugin, Series, SeriesBatch, export};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Tidy {
    cluster: String,
}

impl Plugin for Tidy {
    type Config = Self;
    fn new(config: Self) -> Result<Self, Error> {
        Ok(config)
    }
}

impl Series for Tidy {
    fn wants(&self) -> Labels {
        Labels::named(["__name__"])
    }
    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        batch.rows().for_each(|row| row.set("cluster", &self.cluster));
        batch.having("__name__", |name| name == "container_tasks_state").for_each(|row| row.drop());
        Ok(())
    }
}

export!(Tidy: Series);
