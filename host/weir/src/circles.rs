//! Plugins that would feed each other for ever, and plugins that nobody listens to.
//!
//! What a plugin emits passes the plugins behind it in every pipeline that takes from it. A circle of plugins that all emit would make
//! records out of its own records, until their budgets end; so it is refused. Only who imports `emit` can be part of one, and a plugin
//! never sees what it has emitted itself.

use weir_config::{PipelinePlan, Process, Signal};
use weir_plugin::PluginStatus;

/// Plugins that emit to each other in a circle.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "plugins emit to each other in a circle: {}; take one of these \"plugin.…\" out of the `from` of its pipeline, or the plugin out of \
     its `process`", self.shown()
)]
pub(crate) struct Circle(Vec<Step>);

/// One plugin's way to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    from: String,
    pipeline: String,
    to: String,
}

impl Circle {
    fn shown(&self) -> String {
        let step = |s: &Step| format!("what {:?} emits comes to {:?} in pipeline {:?}", s.from, s.to, s.pipeline);
        self.0.iter().map(step).collect::<Vec<_>>().join(", ")
    }
}

/// Refuses pipelines in which plugins would feed each other. `plugins` are in the order of their files' names.
pub(crate) fn check(plans: &[PipelinePlan], plugins: &[PluginStatus]) -> Result<(), Circle> {
    let emitting = || plugins.iter().filter(|plugin| plugin.emits);
    let mut seen: Vec<&str> = vec![];
    for plugin in emitting() {
        if let Some(circle) = search(plans, plugins, &mut seen, &mut vec![], &plugin.name) {
            return Err(Circle(circle));
        }
    }
    Ok(())
}

/// Goes on from a plugin, whose way here is `way`, in depth; what has been `seen` leads into no circle.
fn search<'a>(
    plans: &[PipelinePlan],
    plugins: &'a [PluginStatus],
    seen: &mut Vec<&'a str>,
    way: &mut Vec<Step>,
    plugin: &'a str,
) -> Option<Vec<Step>> {
    if let Some(begin) = way.iter().position(|step| step.from == plugin) {
        return Some(way.split_off(begin));
    }
    if seen.contains(&plugin) {
        return None;
    }
    for plan in plans.iter().filter(|plan| plan.takes_from_plugin(plugin)) {
        let stages = stages(plan, plugins);
        let begin = stages.iter().position(|stage| stage.name == plugin).map_or(0, |at| at + 1);
        let behind = stages.iter().skip(begin).filter(|stage| stage.emits && handles(stage, plan.signal));
        for next in behind {
            way.push(Step { from: plugin.to_owned(), pipeline: plan.name.clone(), to: next.name.clone() });
            if let Some(circle) = search(plans, plugins, seen, way, &next.name) {
                return Some(circle);
            }
            way.pop();
        }
    }
    seen.push(plugin);
    None
}

/// The plugins of a pipeline in their order.
fn stages<'a>(plan: &PipelinePlan, plugins: &'a [PluginStatus]) -> Vec<&'a PluginStatus> {
    match &plan.process {
        Process::All => plugins.iter().collect(),
        Process::Named(names) => names.iter().filter_map(|name| plugins.iter().find(|p| p.name == *name)).collect(),
    }
}

fn handles(plugin: &PluginStatus, signal: Signal) -> bool {
    let wants = &plugin.wants;
    wants.series.is_some()
        || match signal {
            Signal::Metrics => wants.samples.is_some(),
            Signal::Logs => wants.logs.is_some(),
        }
}

/// The plugins that can emit and run in a pipeline, while no pipeline takes from them.
pub(crate) fn unheard<'a>(plans: &[PipelinePlan], plugins: &'a [PluginStatus]) -> Vec<&'a str> {
    let runs = |plugin: &PluginStatus| {
        plans.iter().any(|plan| stages(plan, plugins).iter().any(|stage| stage.name == plugin.name))
    };
    let taken = |plugin: &PluginStatus| plans.iter().any(|plan| plan.takes_from_plugin(&plugin.name));
    plugins.iter().filter(|p| p.emits && runs(p) && !taken(p)).map(|p| p.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use weir_pipeline::guest::{LogsWanted, SamplesWanted, Wants};
    use weir_plugin::PluginState;

    use super::*;

    fn plugin(name: &str, interface: &str, emits: bool) -> PluginStatus {
        let has = |what: &str| interface.split(' ').any(|i| i == what);
        let wants = Wants {
            samples: has("samples").then(SamplesWanted::default),
            logs: has("logs").then(LogsWanted::default),
            ..Wants::default()
        };
        PluginStatus {
            name: name.to_owned(),
            sha256: String::new(),
            wants,
            emits,
            state: PluginState::Running,
            average_call: None,
            problem: None,
            requests: None,
            change: None,
            pending: None,
        }
    }

    fn plan(name: &str, signal: Signal, emitted: &[&str], process: Option<&[&str]>) -> PipelinePlan {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        PipelinePlan {
            name: name.to_owned(),
            signal,
            sources: vec![],
            emitted: owned(emitted),
            process: process.map_or(Process::All, |names| Process::Named(owned(names))),
            sinks: vec![],
        }
    }

    /// Counts lines, and guards samples and tells of that in lines.
    fn both() -> [PluginStatus; 2] {
        [plugin("count", "logs", true), plugin("guard", "samples", true)]
    }

    #[test]
    fn a_circle_is_named_with_its_pipelines() {
        let pipelines = vec![
            plan("metrics", Signal::Metrics, &["count"], Some(&["guard"])),
            plan("logs", Signal::Logs, &["*"], Some(&["count"])),
        ];
        let told = check(&pipelines, &both()).unwrap_err().to_string();
        let wanted = "plugins emit to each other in a circle: what \"count\" emits comes to \"guard\" in pipeline \"metrics\", \
            what \"guard\" emits comes to \"count\" in pipeline \"logs\"; take one";
        assert!(told.starts_with(wanted), "{told}");
    }

    #[test]
    fn what_does_not_come_round_is_no_circle() {
        let all = vec![plan("metrics", Signal::Metrics, &["*"], None), plan("logs", Signal::Logs, &["*"], None)];
        // by the files' names each sees only what those before it emit
        assert_eq!(check(&all, &[plugin("a", "samples logs", true), plugin("b", "samples logs", true)]), Ok(()));
        let circle = |plugins: &[PluginStatus]| {
            let ab = plan("ab", Signal::Metrics, &["*"], Some(&["a", "b"]));
            let ba = plan("ba", Signal::Metrics, &["*"], Some(&["b", "a"]));
            check(&[ab, ba], plugins).is_err()
        };
        assert!(circle(&[plugin("a", "samples", true), plugin("b", "samples", true)]));
        assert!(!circle(&[plugin("a", "samples", true), plugin("b", "samples", false)]), "one emits nothing");
        assert!(!circle(&[plugin("a", "samples", true), plugin("b", "logs", true)]), "one sees nothing of it");
        let own = vec![plan("p", Signal::Metrics, &["a"], Some(&["a"]))];
        assert_eq!(check(&own, &[plugin("a", "samples", true)]), Ok(()), "nobody sees what is its own");
    }

    #[test]
    fn who_emits_unheard_is_found() {
        let plugins = [plugin("count", "logs", true), plugin("drop", "logs", false), plugin("idle", "logs", true)];
        let named = Some(&["count", "drop"][..]);
        let unheard_with = |emitted: &[&str]| {
            unheard(&[plan("logs", Signal::Logs, emitted, named)], &plugins)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(unheard_with(&[]), ["count"]);
        assert_eq!(unheard_with(&["co*"]), [""; 0]);
    }
}
