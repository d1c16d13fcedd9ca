//! The plugin that `sdk/conformance/README.md` describes.

mod words;

use std::time::Duration;

use memchr::memmem;
use weir_sdk::{
    Error, Kind, Labels, Logs, LogsBatch, LogsWanted, Moment, Plugin, Samples, SamplesBatch, SamplesWanted, Series,
    SeriesBatch, Tick, counter, emit, export, log, state, verdicts,
};

/// The plugin.
#[derive(Debug)]
pub struct Conformance {
    config: Config,
    /// Lines that this instance has been called with.
    seen: u64,
}

/// The configuration.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    cluster: String,
    #[serde(default)]
    drop: Vec<String>,
    #[serde(default = "thousand")]
    factor: f64,
}

fn thousand() -> f64 {
    1000.0
}

impl Plugin for Conformance {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        if config.cluster.is_empty() {
            return Err("config.cluster: must not be empty".into());
        }
        if emit::samples(|s| s.add("early", &[], 1.0)) != Err(emit::Refusal::NotNow) {
            return Err("emitting is possible before the first call".into());
        }
        log::info!("configured");
        Ok(Self { config, seen: 0 })
    }
}

impl Series for Conformance {
    fn wants(&self) -> Labels {
        Labels::named(["__name__", "city", "instance", "mode"])
    }

    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            let mode = row.label("mode").unwrap_or_default();
            let name = row.label("__name__").unwrap_or_default();
            match mode {
                "error" => return Err(format!("asked to fail by {}", row.label("instance").unwrap_or_default()).into()),
                "panic" => asked_to_panic(),
                _ if self.config.drop.iter().any(|d| d == name) => {
                    row.drop();
                    counter("dropped", &[("kind", "series")], 1.0);
                    continue;
                }
                "rename" => row.set("__name__", &format!("{name}_renamed")),
                "remove" => row.remove("instance"),
                "empty" => row.set("instance", ""),
                _ => {}
            }
            row.set("cluster", &self.config.cluster);
            if let Some(city) = row.label("city") {
                row.set("greeting", &format!("grüezi {city}"));
            }
        }
        Ok(())
    }
}

impl Samples for Conformance {
    fn wants(&self) -> SamplesWanted {
        SamplesWanted { labels: Labels::named(["__name__", "unit"]), timestamps: true, ..SamplesWanted::default() }
    }

    fn process(&mut self, batch: &SamplesBatch<'_>) -> Result<(), Error> {
        let (unit, seconds) = (batch.symbol("unit"), batch.symbol("s"));
        for row in batch.rows() {
            let Some(value) = row.value() else {
                row.set("kind", if row.kind() == Kind::Histogram { "histogram" } else { "stale" });
                continue;
            };
            match row.label(unit) {
                Some("fail") => {
                    return Err(format!("asked to fail by {}", row.label("__name__").unwrap_or_default()).into());
                }
                _ if value < 0.0 => row.drop(),
                Some("ms") => {
                    row.set_value(value / self.config.factor);
                    row.set(unit, seconds);
                }
                Some("time") => row.set_value((row.timestamp() % 1000) as f64),
                Some("nan") => row.set_value(f64::NAN),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Logs for Conformance {
    fn wants(&self) -> LogsWanted {
        LogsWanted { labels: Labels::named(["job"]), metadata: Labels::named(["trace"]), timestamps: true, lines: true }
    }

    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        let [debug, error, password] = ["DEBUG", "ERROR", "password="].map(memmem::Finder::new);
        let mut redacted = String::new();
        for row in batch.rows() {
            let line = row.line();
            self.seen += 1;
            match line {
                "FAIL" => return Err(format!("asked to fail by {}", row.label("job").unwrap_or_default()).into()),
                "PANIC" => asked_to_panic(),
                _ if debug.find(line.as_bytes()).is_some() => {
                    row.drop();
                    continue;
                }
                _ => {}
            }
            if error.find(line.as_bytes()).is_some() {
                row.set_metadata("level", "error");
            }
            if redact(line, &password, &mut redacted) {
                row.set_line(&redacted);
            }
            if row.metadata("trace").is_some() {
                row.remove_metadata("trace");
                row.set("traced", "yes");
            }
            if let Some(time) = stamp(line) {
                row.set_timestamp(time);
            }
            if let Some(words) = line.strip_prefix("do ") {
                row.set_metadata("answer", &words::done(words, row.label("job").unwrap_or_default())?);
            }
        }
        Ok(())
    }
}

impl Tick for Conformance {
    fn interval(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn tick(&mut self, moment: Moment) -> Result<(), Error> {
        let before = state::get("ticks").and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok()).unwrap_or(0);
        let ticks: u32 = before + 1;
        state::set("ticks", ticks.to_string().as_bytes())?;
        let last = if moment.last { "yes" } else { "no" };
        let emitted = emit::samples(|samples| {
            samples.add("ticks", &[("last", last)], f64::from(ticks));
            samples.add("tick_seconds", &[], (moment.now / 1000) as f64);
            samples.add("lines_seen", &[], self.seen as f64);
        });
        match state::get("tick").as_deref() {
            Some(b"fail") => return Err("asked to fail in tick".into()),
            Some(b"anew") => verdicts::forget(),
            _ => {}
        }
        match emitted {
            // the next tick says the sum
            Ok(()) | Err(emit::Refusal::OverBudget) => Ok(()),
            Err(refused) => Err(refused.into()),
        }
    }
}

#[allow(clippy::panic, reason = "it is what the suite asks for")]
fn asked_to_panic() -> ! {
    panic!("asked to panic")
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

/// The nanoseconds of a line that begins with `at ` and digits.
fn stamp(line: &str) -> Option<i64> {
    let rest = line.strip_prefix("at ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

export!(Conformance: Series, Samples, Logs, Tick);
