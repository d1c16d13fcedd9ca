//! `weir plugin bench`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use weir_author::language::Mode;
use weir_author::measure::{Cost, Costs, LINES, SAMPLES, measure};

use super::print;
use super::test::{component, documents};
use crate::failure::Failure;

#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// The plugin's folder, which is built first, or a component's file
    #[arg(default_value = ".")]
    plugin: PathBuf,
    /// Fixture files or folders of them, for the configuration and the records; otherwise `tests` in the plugin's folder
    #[arg(long = "fixtures", value_name = "PATH")]
    fixtures: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn bench(options: &Bench) -> Result<(), Failure> {
    let (name, component, dir) = component(&options.plugin, Mode::Release)?;
    let mut paths = options.fixtures.clone();
    let own = dir.join("tests");
    if paths.is_empty() && own.is_dir() {
        paths.push(own);
    }
    let documents = if paths.is_empty() { vec![] } else { documents(&paths)? };
    let costs = crate::runtime()?.block_on(measure(&name, &component, &documents))?;
    if options.json {
        return print(&format!("{:#}\n", json(&name, component.len(), &costs)));
    }
    print(&text(&name, component.len(), &costs))
}

fn text(name: &str, size: usize, costs: &Costs) -> String {
    let mut text = format!("{name}  {} KB\n\n", size.div_ceil(1000));
    let mut row = |what: &str, value: String, note: &str| {
        let _ = writeln!(text, "{what:<14}{value:>10}  {note}");
    };
    row("compile", duration(costs.compile), "once for each version; kept on disk");
    row("load", duration(costs.load), "from the disk to ready, at each start");
    row("instantiate", duration(costs.instantiate), "with configure, once for each instance");
    row("memory", format!("{:.1} MB", costs.memory as f64 / 1e6), "of an instance, after all of this");
    let _ = writeln!(text, "\n{:<14}{:>10}{:>12}{:>12}", "ns a record", "with it", "without", "it costs");
    let mut cost = |what: &str, cost: Option<Cost>, note: &str| {
        if let Some(Cost { with, without }) = cost {
            let _ = writeln!(text, "{what:<14}{with:>10.1}{without:>12.1}{:>12.1}  {note}", with - without);
        }
    };
    cost("a new series", costs.new_series, "once, when it appears, beside its sample");
    cost("a sample", costs.samples, "of a series that is known");
    cost("a line", costs.lines, &format!("{} bytes on average", costs.line_bytes));
    let _ = writeln!(text, "\nPages of {SAMPLES} samples, batches of {LINES} lines, one thread, medians.");
    let input = |own: bool| if own { "your fixtures', repeated" } else { "ordinary ones" };
    if costs.samples.is_some() {
        let _ = writeln!(text, "The series are {}.", input(costs.own_input.0));
    }
    if costs.lines.is_some() {
        let _ = writeln!(text, "The lines are {}.", input(costs.own_input.1));
    }
    if cfg!(debug_assertions) {
        text.push_str("This weir is a debug build: all of it is several times slower than a release.\n");
    }
    text
}

fn duration(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1000.0 { format!("{micros:.0} µs") } else { format!("{:.1} ms", micros / 1000.0) }
}

fn json(name: &str, size: usize, costs: &Costs) -> Value {
    let cost = |cost: Option<Cost>| cost.map(|c| json!({ "with": c.with, "without": c.without }));
    json!({
        "name": name,
        "bytes": size,
        "compileSeconds": costs.compile.as_secs_f64(),
        "loadSeconds": costs.load.as_secs_f64(),
        "instantiateSeconds": costs.instantiate.as_secs_f64(),
        "memoryBytes": costs.memory,
        "nanosecondsNewSeries": cost(costs.new_series),
        "nanosecondsSample": cost(costs.samples),
        "nanosecondsLine": cost(costs.lines),
        "fixturesUsed": { "samples": costs.own_input.0, "lines": costs.own_input.1 },
    })
}
