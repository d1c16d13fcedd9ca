//! `weir check`: everything that can be found wrong without running.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use weir_config::{Config, FileLog, PipelinePlan, WhenFull};
use weir_plugin::Plugins;

use crate::circles;
use crate::collector::{CollectorError, check_named, validate};
use crate::failure::{Failure, colour};
use crate::translate;

/// Validates the configuration in `path`, loads and configures its plugins, and says what would run.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let (config, warnings) = weir_config::load(path).map_err(|d| Failure::config(&d))?;
    let mut err = std::io::stderr().lock();
    for warning in &warnings {
        write!(err, "{}", warning.render(colour()))?;
    }
    let settings = translate::plugins(&config, &[]);
    let plugins = tokio::task::block_in_place(|| Plugins::check(&settings))
        .map_err(|errors| Failure::new(errors.iter().map(|e| format!("error: {e}")).collect::<Vec<_>>().join("\n")))?;
    let there: Vec<&str> = plugins.iter().map(|p| p.name.as_str()).collect();
    check_named(&config, &there)?;
    circles::check(&config.pipelines, &plugins).map_err(CollectorError::from)?;
    validate(&config)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is valid", path.display())?;
    for plan in &config.pipelines {
        let process = match &plan.process {
            weir_config::Process::All => format!("every plugin ({})", list(&there)),
            weir_config::Process::Named(named) => list(&named.iter().map(String::as_str).collect::<Vec<_>>()),
        };
        writeln!(out, "pipeline {}", plan.name)?;
        writeln!(out, "  from    {}", sources(plan).join(", "))?;
        writeln!(out, "  process {process}")?;
        writeln!(out, "  to      {}", plan.sinks.join(", "))?;
    }
    for plugin in circles::unheard(&config.pipelines, &plugins) {
        writeln!(
            out,
            "note: the plugin {plugin} can emit samples or lines, and no pipeline takes them: they would be dropped (no_route); \
             add \"plugin.{plugin}\" to the `from` of a pipeline"
        )?;
    }
    for note in pauses(&config) {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}

/// What a pipeline takes from, plugins by their pattern.
fn sources(plan: &PipelinePlan) -> Vec<String> {
    plan.sources.iter().cloned().chain(plan.emitted.iter().map(|plugin| format!("plugin.{plugin}"))).collect()
}

/// Which sources stop for the sake of one sink's full queue, and so for others as well.
fn pauses(config: &Config) -> Vec<String> {
    let blocks = |sink: &&str| {
        let of = |name: &str| config.loki.iter().find(|loki| loki.name == name);
        sink.strip_prefix("loki.").and_then(of).is_some_and(|loki| loki.queue.when_full == WhenFull::Block)
    };
    let note = |source: &FileLog| {
        let component = format!("file_logs.{}", source.name);
        let plans = config.pipelines.iter().filter(|plan| plan.sources.contains(&component));
        let sinks: BTreeSet<&str> = plans.flat_map(|plan| &plan.sinks).map(String::as_str).collect();
        let blocking: Vec<&str> = sinks.iter().copied().filter(blocks).collect();
        let others: Vec<&str> = sinks.iter().copied().filter(|sink| blocking != [*sink]).collect();
        if blocking.is_empty() || others.is_empty() {
            return None;
        }
        Some(format!(
            "while the queue of {} is full, {component} is not read, and {} gets none of its lines either; \
             with queue.when_full = \"drop_oldest\" or \"drop_newest\" it would be read on",
            blocking.join(" or "),
            others.join(", ")
        ))
    };
    config.file_logs.iter().filter_map(note).collect()
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(queues: [&str; 2]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.toml");
        let sink = |(name, queue): (&str, &str)| {
            format!("[[loki]]\nname = \"{name}\"\nurl = \"http://{name}/push\"\nqueue = {{ {queue} }}\n")
        };
        let sinks: String = ["a", "b"].into_iter().zip(queues).filter(|(_, q)| *q != "-").map(sink).collect();
        let text = format!(
            "data_dir = \"{}\"\n[[file_logs]]\nname = \"app\"\npaths = [\"/x/*.log\"]\n{sinks}",
            dir.path().display()
        );
        std::fs::write(&path, text).unwrap();
        pauses(&weir_config::load(&path).unwrap().0)
    }

    #[test]
    fn a_source_that_stops_for_one_sink_and_so_for_another_is_told_of() {
        let drops = "when_full = \"drop_oldest\"";
        let [note] = <[String; 1]>::try_from(notes(["", drops])).unwrap();
        assert!(
            note.starts_with("while the queue of loki.a is full, file_logs.app is not read, and loki.b gets"),
            "{note}"
        );
        let [note] = <[String; 1]>::try_from(notes(["", ""])).unwrap();
        assert!(note.contains("loki.a or loki.b is full") && note.contains("loki.a, loki.b gets none"), "{note}");
        assert!(notes([drops, drops]).is_empty() && notes(["", "-"]).is_empty());
    }
}
