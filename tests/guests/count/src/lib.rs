//! Counts lines: `counted_lines_total`, emitted on every tick, and taken up by the next version where this one leaves it.

use std::time::Duration;

use weir_sdk::{Error, Logs, LogsBatch, Moment, NoConfig, Plugin, Tick, emit, state};

/// The version that is built.
pub const VERSION: &str = if cfg!(feature = "two") { "two" } else { "one" };

/// The plugin.
#[derive(Debug)]
pub struct Count {
    lines: u64,
}

impl Plugin for Count {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self, Error> {
        let kept = state::get("lines").and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
        Ok(Self { lines: kept })
    }
}

impl Logs for Count {
    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        self.lines += batch.rows().count() as u64;
        Ok(())
    }
}

impl Tick for Count {
    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn tick(&mut self, _: Moment) -> Result<(), Error> {
        state::set("lines", &self.lines.to_le_bytes())?;
        emit::samples(|samples| {
            samples.add("counted_lines_total", &[], self.lines as f64);
            // says which version is at work
            samples.add("counting", &[("version", VERSION)], 1.0);
        })?;
        Ok(())
    }
}

weir_sdk::export!(Count: Logs, Tick);

#[cfg(test)]
mod tests {
    use super::*;
    use weir_sdk::testing::{self, labels};

    #[test]
    fn lines_are_counted_and_taken_up_again() {
        let mut one: Count = testing::configure("{}").unwrap();
        testing::logs(&mut one, ["a", "b"]).unwrap();
        one.tick(Moment { now: 0, last: true }).unwrap();
        let emitted = testing::emitted_samples();
        assert_eq!(emitted[0].labels, labels([("__name__", "counted_lines_total")]));
        assert_eq!(emitted[0].value, 2.0);
        let two: Count = testing::configure("{}").unwrap();
        assert_eq!(two.lines, 2);
    }
}
