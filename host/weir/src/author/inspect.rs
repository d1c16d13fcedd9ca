//! `weir plugin inspect`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use weir_author::Project;
use weir_pipeline::guest::{LabelsWanted, Wants};
use weir_plugin::{Inspection, LoadReason, PluginSettings, PluginSource, Settings, inspect as look};

use super::{print, shown};
use crate::failure::Failure;

#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// The component's file, or the plugin's folder, of which it is what was built last
    #[arg(default_value = ".")]
    file: PathBuf,
    /// The plugin's configuration, JSON: what it reads may depend on it
    #[arg(long = "with", value_name = "JSON", default_value = "{}")]
    config: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(options: &Inspect) -> Result<(), Failure> {
    if let Err(wrong) = serde_json::from_str::<Value>(&options.config) {
        return Err(Failure::new(format!("error: --with {}: no JSON: {wrong}", options.config)));
    }
    let file = if options.file.is_dir() { Project::open(&options.file)?.component() } else { options.file.clone() };
    if !file.exists() && options.file.is_dir() {
        return Err(Failure::new("error: nothing has been built yet: `weir plugin build` does"));
    }
    let shown = shown(&file);
    let bytes = std::fs::read(&file).map_err(|e| Failure::new(format!("error: {shown}: {e}")))?;
    let name = file.file_stem().and_then(|s| s.to_str()).unwrap_or("plugin").to_owned();
    let plugin = PluginSettings { config_json: options.config.clone(), ..PluginSettings::default() };
    let settings = Settings {
        plugins: BTreeMap::from([(name.clone(), plugin)]),
        compiler: crate::translate::compiler(),
        ..Settings::default()
    };
    let found = look(PluginSource { name, bytes: Cow::Owned(bytes) }, &settings)
        .map_err(|reason| Failure::new(format!("error: {shown}: {reason}")))?;
    if options.json { print(&format!("{:#}\n", json(&found))) } else { print(&text(&found)) }
}

fn text(found: &Inspection) -> String {
    let mut text = String::new();
    let mut row = |what: &str, value: &str| {
        let _ = writeln!(text, "{:<10}{}", what, value.trim_end().replace('\n', "\n          "));
    };
    if let Some(m) = &found.manifest {
        row("name", format!("{} {}", m.name, m.version).trim_end());
        for (what, value) in [("", m.description.as_str()), ("language", m.language.as_deref().unwrap_or_default())] {
            if !value.is_empty() {
                row(what, value);
            }
        }
    }
    row("contract", &format!("weir:plugin {}", found.contract.as_deref().unwrap_or("of no version")));
    row("size", &format!("{} bytes", found.bytes));
    row("sha256", &found.sha256);
    row("exports", &found.exports.join("\n"));
    let imports: Vec<_> = found.imports.iter().filter(|i| !i.is_types_only()).map(|i| i.name.as_str()).collect();
    row("imports", if imports.is_empty() { "nothing".to_owned() } else { imports.join("\n") }.as_str());
    let needs: Vec<String> = found.needs.iter().map(ToString::to_string).collect();
    row("grants", if needs.is_empty() { "none needed".to_owned() } else { needs.join("\n") }.as_str());
    if let Some(line) = &found.grant_line {
        row("", &format!("in [plugins.NAME]: {line}"));
    }
    match &found.outcome {
        Ok(wants) => row("reads", &reads(wants)),
        Err(LoadReason::Refused(why)) => {
            row(
                "reads",
                &format!(
                    "cannot be seen: it refuses the configuration {why:?}\ngive it one: --with '{{\"key\": \"value\"}}'"
                ),
            );
        }
        Err(reason) => row("would run", &format!("no: {reason}")),
    }
    text
}

/// What the interfaces read, a line each.
pub(super) fn reads(wants: &Wants) -> String {
    let mut text = String::new();
    let named = |labels: &LabelsWanted| match labels {
        LabelsWanted::Nothing => "no labels".to_owned(),
        LabelsWanted::Everything => "all labels".to_owned(),
        LabelsWanted::Named(names) => format!("the labels {}", names.join(", ")),
    };
    let also = |wanted: &[(bool, &str)]| -> String {
        wanted.iter().filter(|(wanted, _)| *wanted).flat_map(|(_, what)| [", ", what]).collect()
    };
    if let Some(labels) = &wants.series {
        let _ = writeln!(text, "series: {}", named(labels));
    }
    if let Some(w) = &wants.samples {
        let more = also(&[(w.timestamps, "timestamps"), (w.start_timestamps, "start timestamps")]);
        let _ = writeln!(text, "samples: {}, values{more}", named(&w.labels));
    }
    if let Some(w) = &wants.logs {
        let metadata = match &w.metadata {
            LabelsWanted::Nothing => String::new(),
            LabelsWanted::Everything => ", all metadata".to_owned(),
            LabelsWanted::Named(of) => format!(", the metadata {}", of.join(", ")),
        };
        let more = also(&[(w.timestamps, "timestamps"), (w.lines, "lines")]);
        let _ = writeln!(text, "logs: {}{metadata}{more}", named(&w.labels));
    }
    text
}

fn json(found: &Inspection) -> Value {
    let labels = |labels: &LabelsWanted| match labels {
        LabelsWanted::Nothing => json!([]),
        LabelsWanted::Everything => json!("all"),
        LabelsWanted::Named(names) => json!(names),
    };
    let wants = found.outcome.as_ref().ok().map(|w| {
        json!({
            "series": w.series.as_ref().map(|l| json!({ "labels": labels(l) })),
            "samples": w.samples.as_ref().map(|s| json!({
                "labels": labels(&s.labels), "timestamps": s.timestamps, "startTimestamps": s.start_timestamps,
            })),
            "logs": w.logs.as_ref().map(|l| json!({
                "labels": labels(&l.labels), "metadata": labels(&l.metadata), "timestamps": l.timestamps, "lines": l.lines,
            })),
        })
    });
    json!({
        "manifest": found.manifest.as_ref().and_then(|m| serde_json::to_value(m).ok()),
        "contract": found.contract,
        "bytes": found.bytes,
        "sha256": found.sha256,
        "exports": found.exports,
        "imports": found.imports.iter().map(|i| json!({ "name": i.name, "functions": i.functions })).collect::<Vec<_>>(),
        "needs": found.needs.iter().map(|n| json!({ "kind": n.kind.to_string(), "imports": n.imports })).collect::<Vec<_>>(),
        "grant": found.grant_line,
        "wants": wants,
        "problem": found.outcome.as_ref().err().map(ToString::to_string),
    })
}
