//! Which crate may know which (host/ARCHITECTURE.md, "Who may know whom").

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// For each crate, what must not be among its dependencies, directly or through others of the workspace. `*` at the end stands
/// for anything.
const NEVER: &[(&str, &[&str])] = &[
    ("weir-model", &["weir-*", "tokio", "serde", "wasmtime"]),
    ("weir-exposition", &["weir-*", "tokio", "hyper", "wasmtime"]),
    ("weir-relabel", &["tokio", "hyper", "wasmtime", "weir-scrape", "weir-config"]),
    ("weir-client", &["wasmtime", "weir-*"]),
    ("weir-discovery", &["wasmtime", "weir-scrape", "weir-config"]),
    (
        "weir-scrape",
        &["wasmtime", "weir-tail", "weir-plugin", "weir-pipeline", "weir-queue", "weir-push", "weir-config"],
    ),
    (
        "weir-tail",
        &["wasmtime", "weir-scrape", "weir-plugin", "weir-pipeline", "weir-queue", "weir-push", "weir-config"],
    ),
    ("weir-receive", &["wasmtime", "weir-scrape", "weir-tail", "weir-push", "weir-config"]),
    (
        "weir-pipeline",
        &["wasmtime", "weir-plugin", "weir-scrape", "weir-tail", "weir-push", "weir-queue", "weir-config"],
    ),
    ("weir-plugin", &["weir-scrape", "weir-tail", "weir-push", "weir-queue", "weir-config"]),
    // what an author tries runs as in production, and needs no collector around it
    ("weir-author", &["weir-scrape", "weir-tail", "weir-push", "weir-queue", "weir-config"]),
    ("weir-queue", &["weir-*", "hyper", "wasmtime"]),
    ("weir-push", &["wasmtime", "weir-scrape", "weir-tail", "weir-plugin", "weir-pipeline", "weir-config"]),
    ("weir-telemetry", &["weir-*", "wasmtime", "hyper"]),
    ("weir-admin", &["wasmtime", "weir-scrape", "weir-tail", "weir-plugin", "weir-config"]),
    (
        "weir-config",
        &["wasmtime", "tokio", "hyper", "weir-scrape", "weir-tail", "weir-push", "weir-plugin", "weir-queue"],
    ),
    ("weir-sdk", &["weir-*", "wasmtime", "tokio"]),
];

fn packages() -> Vec<Package> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    metadata.workspace_packages().into_iter().cloned().collect()
}

fn direct(package: &Package) -> Vec<String> {
    package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development).map(|d| d.name.clone()).collect()
}

/// All dependencies of a crate, through crates of the workspace.
fn reachable(from: &str, graph: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut seen: Vec<String> = vec![];
    let mut todo = graph.get(from).cloned().unwrap_or_default();
    while let Some(next) = todo.pop() {
        if !seen.contains(&next) {
            todo.extend(graph.get(&next).cloned().unwrap_or_default());
            seen.push(next);
        }
    }
    seen
}

fn matches(rule: &str, name: &str) -> bool {
    rule.strip_suffix('*').map_or(rule == name, |prefix| name.starts_with(prefix))
}

#[test]
fn no_crate_knows_what_it_must_not() {
    let graph: BTreeMap<_, _> = packages().iter().map(|p| (p.name.to_string(), direct(p))).collect();
    let mut broken = vec![];
    for (name, rules) in NEVER {
        assert!(graph.contains_key(*name), "{name} is gone: take its rule out");
        for dependency in reachable(name, &graph) {
            if rules.iter().any(|rule| matches(rule, &dependency)) {
                broken.push(format!("{name} must not know {dependency}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_host_crate_has_a_rule() {
    let rules: Vec<_> = NEVER.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = packages()
        .iter()
        .filter(|p| p.manifest_path.to_string().contains("/host/") && p.name != "weir")
        .map(|p| p.name.to_string())
        .filter(|name| !rules.contains(&name.as_str()))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn host_and_guests_meet_only_at_the_contract() {
    for package in packages() {
        let path = package.manifest_path.to_string();
        let is_host = path.contains("/host/");
        let is_guest = path.contains("/plugins/") || path.contains("/sdk/");
        for dependency in direct(&package) {
            if is_host {
                assert!(
                    dependency != "weir-sdk" && !dependency.starts_with("weir-plugin-"),
                    "{path} imports {dependency}"
                );
            }
            if is_guest {
                assert!(!dependency.starts_with("weir-") || dependency == "weir-sdk", "{path} imports {dependency}");
            }
        }
    }
}

#[test]
fn wasmtime_is_known_to_one_crate() {
    let users: Vec<_> =
        packages().iter().filter(|p| direct(p).iter().any(|d| d == "wasmtime")).map(|p| p.name.to_string()).collect();
    assert_eq!(users, ["weir-plugin"]);
}
