//! Emits as many records as each line asks for: `samples 2000` or `lines 2000`.

use weir_sdk::{Error, Labels, Logs, LogsBatch, LogsWanted, NoConfig, Plugin, emit};

/// The plugin.
#[derive(Debug)]
pub struct Emits {
    hosts: Vec<String>,
    line: String,
}

/// Values of one label: 200 hosts with ten series each are what 2,000 samples are of.
const HOSTS: usize = 200;
const LEVELS: [&str; 10] =
    ["trace", "debug", "info", "notice", "warn", "error", "critical", "alert", "emergency", "fatal"];

impl Plugin for Emits {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self, Error> {
        let hosts = (0..HOSTS).map(|i| format!("web-{i:04}.eu-west-1.internal")).collect();
        let line =
            "ts=2026-01-14T10:22:31.123Z level=info msg=\"request done\" method=GET path=/api/v1/orders status=200";
        Ok(Self { hosts, line: line.to_owned() })
    }
}

impl Logs for Emits {
    fn wants(&self) -> LogsWanted {
        LogsWanted { labels: Labels::Nothing, lines: true, ..LogsWanted::default() }
    }

    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            let (what, count) = row.line().split_once(' ').ok_or("what, and how many?")?;
            let count: usize = count.parse()?;
            match what {
                "samples" => self.samples(count)?,
                _ => self.lines(count)?,
            }
            row.drop();
        }
        Ok(())
    }
}

impl Emits {
    fn samples(&self, count: usize) -> Result<(), Error> {
        let series = self.hosts.iter().flat_map(|host| LEVELS.map(|level| (host.as_str(), level)));
        emit::samples(|samples| {
            for (i, (host, level)) in series.cycle().take(count).enumerate() {
                let labels = [("app", "checkout"), ("host", host), ("level", level)];
                samples.add("log_lines_total", &labels, i as f64);
            }
        })?;
        Ok(())
    }

    fn lines(&self, count: usize) -> Result<(), Error> {
        emit::lines(|lines| {
            for host in self.hosts.iter().cycle().take(count) {
                lines.add(&[("app", "checkout"), ("host", host)], &self.line);
            }
        })?;
        Ok(())
    }
}

weir_sdk::export!(Emits: Logs);

#[cfg(test)]
mod tests {
    use super::*;
    use weir_sdk::testing;

    #[test]
    fn as_many_as_asked_for() {
        let mut plugin: Emits = testing::configure("{}").unwrap();
        testing::logs(&mut plugin, ["samples 2000", "lines 7"]).unwrap();
        assert_eq!((testing::emitted_samples().len(), testing::emitted_lines().len()), (2000, 7));
    }
}
