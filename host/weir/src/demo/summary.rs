//! The demo's picture of what happens, from weir's own metrics.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// The numbers of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Numbers {
    /// By source: records read, and how many of them are samples rather than lines.
    pub(super) sources: BTreeMap<String, Source>,
    /// By plugin.
    pub(super) plugins: BTreeMap<String, Plugin>,
    /// What arrived.
    pub(super) arrived: Arrived,
}

/// One source.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Source {
    pub(super) unit: &'static str,
    pub(super) read: u64,
}

/// One plugin, over all its pipelines.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plugin {
    pub(super) records_in: u64,
    pub(super) dropped: u64,
    pub(super) changed: u64,
}

/// What the preview receiver has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Arrived {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) samples: u64,
    pub(super) series: usize,
    pub(super) lines: u64,
    pub(super) streams: usize,
    pub(super) last_sample: String,
    pub(super) last_line: String,
}

impl Numbers {
    /// Takes a sample of weir's own metrics into account; what the picture does not show is passed over.
    pub(super) fn add(&mut self, name: &str, label: impl Fn(&str) -> Option<String>, value: f64) {
        let count = value as u64;
        let text = |name: &str| label(name).unwrap_or_default();
        match name {
            "weir_records_total" if text("stage") == "read" => {
                if let Some(source) = label("source") {
                    let unit = if text("signal") == "lines" { "lines" } else { "samples" };
                    let source = self.sources.entry(source).or_default();
                    source.unit = unit;
                    source.read += count;
                }
            }
            "weir_plugin_records_in_total" => self.plugins.entry(text("plugin")).or_default().records_in += count,
            "weir_plugin_records_dropped_total" => self.plugins.entry(text("plugin")).or_default().dropped += count,
            "weir_plugin_records_changed_total" => self.plugins.entry(text("plugin")).or_default().changed += count,
            _ => {}
        }
    }

    /// The picture, at most 80 columns wide.
    pub(super) fn render(&self, elapsed: Duration) -> String {
        let mut out = String::new();
        let seconds = elapsed.as_secs();
        let _ = writeln!(out, "weir demo   {:02}:{:02}", seconds / 60, seconds % 60);
        let _ = writeln!(out, "  read");
        for (name, source) in &self.sources {
            let _ = writeln!(out, "    {name:<24} {:>10} {}", grouped(source.read), source.unit);
        }
        let _ = writeln!(out, "  plugins (WebAssembly)");
        for (name, plugin) in &self.plugins {
            let _ = writeln!(
                out,
                "    {name:<24} {:>10} in {:>10} dropped {:>10} changed",
                grouped(plugin.records_in),
                grouped(plugin.dropped),
                grouped(plugin.changed),
            );
        }
        let a = &self.arrived;
        let _ = writeln!(out, "  arrived ({} requests, {} bytes)", grouped(a.requests), grouped(a.bytes));
        let _ = writeln!(
            out,
            "    {:<24} {:>10} samples in {} series",
            "remote write 1.0",
            grouped(a.samples),
            grouped(a.series as u64)
        );
        let _ = writeln!(
            out,
            "    {:<24} {:>10} lines in {} streams",
            "Loki push",
            grouped(a.lines),
            grouped(a.streams as u64)
        );
        if !a.last_sample.is_empty() {
            let _ = writeln!(out, "    {}", a.last_sample);
        }
        if !a.last_line.is_empty() {
            let _ = writeln!(out, "    {}", a.last_line);
        }
        out
    }
}

/// 1234567 as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture() {
        let mut numbers = Numbers::default();
        let mut add = |name: &str, labels: &[(&str, &str)], value: f64| {
            numbers.add(name, |n| labels.iter().find(|(l, _)| *l == n).map(|(_, v)| (*v).to_string()), value);
        };
        add("weir_records_total", &[("source", "scrape.node"), ("signal", "samples"), ("stage", "read")], 1_234_567.0);
        add("weir_records_total", &[("source", "scrape.node"), ("signal", "samples"), ("stage", "dropped")], 9.0);
        add("weir_records_total", &[("source", "file_logs.system"), ("signal", "lines"), ("stage", "read")], 42.0);
        add("weir_records_total", &[("pipeline", "logs"), ("signal", "lines"), ("stage", "read")], 42.0);
        add("weir_plugin_records_in_total", &[("plugin", "redact"), ("pipeline", "logs")], 42.0);
        add("weir_plugin_records_changed_total", &[("plugin", "redact"), ("pipeline", "logs")], 3.0);
        numbers.arrived = Arrived {
            requests: 3,
            bytes: 4096,
            samples: 1_234_000,
            series: 900,
            lines: 42,
            streams: 2,
            ..Arrived::default()
        };
        numbers.arrived.last_line = "user=<email> logged in".into();
        let picture = numbers.render(Duration::from_secs(75));
        let want = "\
weir demo   01:15
  read
    file_logs.system                 42 lines
    scrape.node               1,234,567 samples
  plugins (WebAssembly)
    redact                           42 in          0 dropped          3 changed
  arrived (3 requests, 4,096 bytes)
    remote write 1.0          1,234,000 samples in 900 series
    Loki push                        42 lines in 2 streams
    user=<email> logged in
";
        assert_eq!(picture, want);
        assert!(picture.lines().all(|l| l.chars().count() <= 80));
    }
}
