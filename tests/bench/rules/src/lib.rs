//! The yardstick's work as a plugin: drop two metrics, add `cluster`, remove `id`.

use weir_sdk::{Error, Labels, NoConfig, Plugin, Series, SeriesBatch};

/// The plugin; it has nothing to configure.
#[derive(Debug)]
pub struct Rules;

impl Plugin for Rules {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Series for Rules {
    fn wants(&self) -> Labels {
        Labels::named(["__name__"])
    }

    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            if let Some("container_memory_failures_total" | "container_tasks_state") = row.label("__name__") {
                row.drop();
            } else {
                row.set("cluster", "bench-eu-1");
                row.remove("id");
            }
        }
        Ok(())
    }
}

weir_sdk::export!(Rules: Series);
