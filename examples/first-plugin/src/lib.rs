//! Drops the lines that load balancers cause by asking whether we are well, and counts them.

use weir_sdk::{Error, Logs, LogsBatch, Plugin, counter};

/// What stands in `[plugins.quiet] config` of weir's configuration.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Quiet {
    /// Paths that health checks ask for.
    paths: Vec<String>,
}

impl Plugin for Quiet {
    type Config = Self;

    fn new(config: Self) -> Result<Self, Error> {
        if config.paths.is_empty() {
            return Err("paths: name at least one path".into());
        }
        Ok(config)
    }
}

impl Logs for Quiet {
    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        let mut dropped = 0;
        for row in batch.rows() {
            let asked = self.paths.iter().any(|path| row.line().contains(path.as_str()));
            if asked && row.line().contains(" 200 ") {
                row.drop();
                dropped += 1;
            }
        }
        counter("health_checks", &[], f64::from(dropped));
        Ok(())
    }
}

weir_sdk::export!(Quiet: Logs);

#[cfg(test)]
mod tests {
    use super::*;
    use weir_sdk::testing::{self, Line};

    #[test]
    fn good_health_checks_are_dropped_and_bad_ones_kept() {
        let mut quiet: Quiet = testing::configure(r#"{"paths": ["/healthz"]}"#).unwrap();
        let lines = ["GET /healthz 200 2ms", "GET /healthz 503 9ms", "GET /cart 200 7ms"].map(Line::new);
        let out = testing::logs(&mut quiet, lines).unwrap();
        let kept: Vec<bool> = out.iter().map(Option::is_some).collect();
        assert_eq!(kept, [false, true, true]);
    }
}
