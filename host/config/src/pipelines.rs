//! Who sends to whom: `[pipelines.NAME]` resolved against the names that exist, or the defaults.

use std::collections::BTreeSet;

use crate::check::Check;
use crate::names::component;
use crate::section::Section;
use crate::setting::At;
use crate::settings::{PipelinePlan, Process, Signal};
use crate::source::Place;
use crate::suggest;

/// Every name that a pipeline can speak of.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) scrape: Vec<At<String>>,
    pub(crate) file_logs: Vec<At<String>>,
    pub(crate) remote_write: Vec<At<String>>,
    pub(crate) loki: Vec<At<String>>,
    /// Plugins that are present, sorted.
    pub(crate) plugins: Vec<String>,
    /// The plugins could not be listed, which was reported: no name is wrong then.
    pub(crate) plugins_unknown: bool,
    /// Plugins that have a table.
    pub(crate) configured: Vec<At<String>>,
    /// Sinks, as `loki.main`, whose queue blocks when it is full.
    pub(crate) blocking: BTreeSet<String>,
}

/// Something a pipeline begins or ends with.
#[derive(Clone)]
struct End {
    /// `scrape.node`.
    name: String,
    signal: Signal,
    place: Place,
}

impl Names {
    fn sources(&self) -> Vec<End> {
        ends("scrape", Signal::Metrics, &self.scrape).chain(ends("file_logs", Signal::Logs, &self.file_logs)).collect()
    }

    fn sinks(&self) -> Vec<End> {
        ends("remote_write", Signal::Metrics, &self.remote_write)
            .chain(ends("loki", Signal::Logs, &self.loki))
            .collect()
    }
}

fn ends(kind: &str, signal: Signal, names: &[At<String>]) -> impl Iterator<Item = End> {
    names.iter().map(move |at| End { name: format!("{kind}.{}", at.value), signal, place: at.place })
}

pub(crate) fn read(top: &mut Section<'_>, names: &Names, check: &mut Check<'_>) -> Vec<PipelinePlan> {
    let (sources, sinks) = (names.sources(), names.sinks());
    if sources.is_empty() {
        let help = "add [[scrape_configs]] for metrics or [[file_logs]] for logs";
        check.warn(top.place, "there is nothing to collect", "", help);
    }
    let explicit = top.node("pipelines").is_some();
    let errors = check.errors();
    let plans = if explicit {
        let tables = top.named("pipelines", check);
        tables.into_iter().filter_map(|table| plan(table, names, &sources, &sinks, check)).collect()
    } else {
        defaults(top, &sources, &sinks, check)
    };
    // what a wrong pattern leaves out is not worth a message of its own
    if explicit && check.errors() == errors {
        unused(&plans, names, &sources, &sinks, check);
    }
    warn_of_blocking(&plans, names, &sources, check);
    plans
}

/// Every source of a signal, through every plugin, to every sink of it.
fn defaults(top: &Section<'_>, sources: &[End], sinks: &[End], check: &mut Check<'_>) -> Vec<PipelinePlan> {
    let mut plans = Vec::new();
    for (signal, name, sink_key) in [(Signal::Metrics, "metrics", "remote_write"), (Signal::Logs, "logs", "loki")] {
        let sources: Vec<_> = sources.iter().filter(|end| end.signal == signal).collect();
        let sinks: Vec<_> = sinks.iter().filter(|end| end.signal == signal).collect();
        // plugins that lie there, or that come to lie there, may emit
        let emitted = if top.has("plugin_dir") { vec!["*".to_owned()] } else { vec![] };
        if sources.is_empty() && emitted.is_empty() {
            for sink in &sinks {
                check.warn(sink.place, format!("`{}` receives nothing: it has no source", sink.name), "", "");
            }
        } else if !sinks.is_empty() {
            let names = |ends: Vec<&End>| ends.into_iter().map(|end| end.name.clone()).collect();
            let (sources, sinks) = (names(sources), names(sinks));
            plans.push(PipelinePlan { name: name.to_owned(), signal, sources, emitted, process: Process::All, sinks });
        } else if !top.has(sink_key) {
            // with the key there, what is wrong with the sinks was reported
            for source in sources {
                let help = format!("add [[{sink_key}]], or remove the source");
                check.error(source.place, format!("`{}` has no sink to go to", source.name), "", help);
            }
        }
    }
    plans
}

/// Reads one table of `[pipelines]`.
fn plan(
    (name, place, node): (&str, Place, &crate::tree::Node),
    names: &Names,
    sources: &[End],
    sinks: &[End],
    check: &mut Check<'_>,
) -> Option<PipelinePlan> {
    let mut section = Section::open(node, format!("[pipelines.{name}]"), check)?;
    component(&At { value: name.to_owned(), place }, check);
    let from: Option<At<Vec<At<String>>>> = section.need("from", check);
    let to: Option<At<Vec<At<String>>>> = section.need("to", check);
    let process: Option<Vec<At<String>>> = section.value("process", check);
    section.finish(check);
    let (from, to) = (from?, to?);
    let (from, emitted) = emitted(from, names, check);
    let from_ends = if from.value.is_empty() && !emitted.is_empty() {
        vec![]
    } else {
        resolve(&from, "source", sources, sinks, check)
    };
    let to_ends = resolve(&to, "sink", sinks, sources, check);
    let process = match process {
        None => Process::All,
        Some(plugins) => Process::Named(plugin_names(plugins, names, check)),
    };
    let signal = one_signal(from_ends.iter().chain(&to_ends), check)?;
    let bare = |ends: Vec<(End, Place)>| ends.into_iter().map(|(end, _)| end.name).collect::<Vec<_>>();
    let (sources, sinks) = (bare(from_ends), bare(to_ends));
    Some(PipelinePlan { name: name.to_owned(), signal, sources, emitted, process, sinks })
}

/// Takes the patterns that name plugins out of `from`: what those emit is a source like any other, `plugin.NAME`.
fn emitted(from: At<Vec<At<String>>>, names: &Names, check: &mut Check<'_>) -> (At<Vec<At<String>>>, Vec<String>) {
    let (mut others, mut emitted) = (vec![], vec![]);
    for pattern in from.value {
        let Some(plugin) = pattern.value.strip_prefix("plugin.").map(str::to_owned) else {
            others.push(pattern);
            continue;
        };
        let is_known = names.plugins_unknown
            || plugin.contains('*')
            || names.plugins.contains(&plugin)
            || names.configured.iter().any(|table| table.value == plugin);
        if !is_known {
            let help = suggest::help(&plugin, names.plugins.iter().map(String::as_str));
            check.error(pattern.place, format!("there is no plugin `{plugin}`"), "", help);
        }
        if !emitted.contains(&plugin) {
            emitted.push(plugin);
        }
    }
    (At { value: others, place: from.place }, emitted)
}

/// The ends that a list of patterns names, each once, with the place of the first pattern that named it.
fn resolve(
    patterns: &At<Vec<At<String>>>,
    what: &str,
    known: &[End],
    others: &[End],
    check: &mut Check<'_>,
) -> Vec<(End, Place)> {
    if patterns.value.is_empty() {
        check.error(patterns.place, format!("a pipeline needs a {what}"), "", suggest::help("", names_of(known)));
    }
    let mut found: Vec<(End, Place)> = Vec::new();
    for pattern in &patterns.value {
        let matching: Vec<_> = known.iter().filter(|end| is_match(&pattern.value, &end.name)).collect();
        if matching.is_empty() {
            let help = match others.iter().find(|end| is_match(&pattern.value, &end.name)) {
                Some(_) if what == "sink" => "this is a source: it belongs into `from`".to_owned(),
                Some(_) => "this is a sink: it belongs into `to`".to_owned(),
                None => suggest::help(&pattern.value, names_of(known)),
            };
            check.error(pattern.place, format!("there is no {what} `{}`", pattern.value), "", help);
        }
        for end in matching {
            if found.iter().all(|(other, _)| other.name != end.name) {
                found.push((end.clone(), pattern.place));
            }
        }
    }
    found
}

fn names_of(ends: &[End]) -> Vec<&str> {
    ends.iter().map(|end| end.name.as_str()).collect()
}

/// `*` stands for any text, a name for itself (a job's name may hold a `*`).
pub(crate) fn is_match(pattern: &str, name: &str) -> bool {
    if pattern == name {
        return true;
    }
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return false };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

fn plugin_names(plugins: Vec<At<String>>, names: &Names, check: &mut Check<'_>) -> Vec<String> {
    let mut seen: Vec<At<String>> = Vec::new();
    for plugin in plugins {
        if let Some(first) = seen.iter().find(|other| other.value == plugin.value) {
            let (place, message) =
                (first.place, format!("the plugin `{}` stands twice in this pipeline", plugin.value));
            check.error(plugin.place, message, "", "remove one of them");
            check.also(place, "the other");
        } else if !names.plugins_unknown
            && !names.plugins.contains(&plugin.value)
            // whoever has a table and no file was reported there
            && names.configured.iter().all(|table| table.value != plugin.value)
        {
            let help = suggest::help(&plugin.value, names.plugins.iter().map(String::as_str));
            check.error(plugin.place, format!("there is no plugin `{}`", plugin.value), "", help);
        }
        seen.push(plugin);
    }
    seen.into_iter().map(|plugin| plugin.value).collect()
}

fn one_signal<'a>(ends: impl Iterator<Item = &'a (End, Place)>, check: &mut Check<'_>) -> Option<Signal> {
    let mut first: Option<&(End, Place)> = None;
    for end in ends {
        match first {
            None => first = Some(end),
            Some(other) if other.0.signal != end.0.signal => {
                let help = "metrics go from `scrape.…` to `remote_write.…`, logs from `file_logs.…` to `loki.…`";
                check.error(end.1, "a pipeline carries metrics or logs, not both", &carries(&end.0), help);
                check.also(other.1, &carries(&other.0));
                return None;
            }
            Some(_) => {}
        }
    }
    first.map(|end| end.0.signal)
}

fn carries(end: &End) -> String {
    let signal = match end.signal {
        Signal::Metrics => "metrics",
        Signal::Logs => "logs",
    };
    format!("{signal}: `{}`", end.name)
}

/// Reports what stands in no pipeline, and what goes the same way twice.
fn unused(plans: &[PipelinePlan], names: &Names, sources: &[End], sinks: &[End], check: &mut Check<'_>) {
    for source in sources.iter().filter(|end| plans.iter().all(|plan| !plan.sources.contains(&end.name))) {
        let help = format!("add `{}` to the `from` of a pipeline, or remove it", source.name);
        check.error(source.place, format!("`{}` is in no pipeline", source.name), "", help);
    }
    for sink in sinks.iter().filter(|end| plans.iter().all(|plan| !plan.sinks.contains(&end.name))) {
        let help = format!("add `{}` to the `to` of a pipeline, or remove it", sink.name);
        check.warn(sink.place, format!("`{}` receives nothing: it is in no pipeline", sink.name), "", help);
    }
    let runs = |plugin: &String| {
        plans.iter().any(|plan| match &plan.process {
            Process::All => true,
            Process::Named(plugins) => plugins.contains(plugin),
        })
    };
    for plugin in names.configured.iter().filter(|plugin| !runs(&plugin.value)) {
        let help = format!("add \"{}\" to the `process` of a pipeline, or remove the table", plugin.value);
        check.warn(plugin.place, format!("the plugin `{}` is in no pipeline", plugin.value), "", help);
    }
    for source in sources {
        let mut reached = BTreeSet::new();
        for plan in plans.iter().filter(|plan| plan.sources.contains(&source.name)) {
            for sink in plan.sinks.iter().filter(|sink| !reached.insert((*sink).clone())) {
                let message = format!("`{}` goes to `{sink}` through more than one pipeline", source.name);
                check.warn(source.place, message, "", "everything arrives more than once, unless plugins part it");
            }
        }
    }
}

/// A file is read once for all its sinks: one that blocks holds back the others.
fn warn_of_blocking(plans: &[PipelinePlan], names: &Names, sources: &[End], check: &mut Check<'_>) {
    for source in sources.iter().filter(|source| source.signal == Signal::Logs) {
        let of_source = plans.iter().filter(|plan| plan.sources.contains(&source.name));
        let sinks: BTreeSet<_> = of_source.flat_map(|plan| &plan.sinks).collect();
        let blocking = sinks.iter().find(|sink| names.blocking.contains(**sink));
        if let Some(blocking) = blocking.filter(|_| sinks.len() > 1) {
            let others: Vec<_> =
                sinks.iter().filter(|sink| *sink != blocking).map(|sink| format!("`{sink}`")).collect();
            let message = format!(
                "while the queue of `{blocking}` is full, `{}` waits, for {} too",
                source.name,
                others.join(", ")
            );
            let help =
                "this loses nothing; to keep the sinks independent, set `queue = { when_full = \"drop_oldest\" }`";
            check.warn(source.place, message, "", help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_match;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(is_match("scrape.*", "scrape.node"));
        assert!(is_match("scrape.node", "scrape.node"));
        assert!(is_match("*", "loki.main"));
        assert!(is_match("scrape.*-eu", "scrape.node-eu"));
        assert!(is_match("scrape.a*c*e", "scrape.abcde"));
        assert!(!is_match("scrape.a*c*e", "scrape.abde"));
        assert!(!is_match("scrape.node", "scrape.node2"));
        assert!(!is_match("scrape.no*e", "scrape.no"));
        assert!(!is_match("", "scrape.node"));
    }
}
