//! Every reason for which records end is in the one table, and the table is what operators read (host/LEDGER.md).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use weir_rig::build::root;
use weir_telemetry::Role;
use weir_telemetry::ledger::REASONS;

/// Where records end, and whose account has it.
const PLACES: &[(&str, &[Role])] = &[
    ("host/scrape/src", &[Role::Source]),
    ("host/tail/src", &[Role::Source]),
    ("host/pipeline/src", &[Role::Source, Role::Pipeline]),
    ("host/plugin/src", &[Role::Pipeline]),
    ("host/push/src", &[Role::Sink]),
    ("host/queue/src", &[Role::Sink]),
    ("host/weir/src", &[Role::Source]),
    ("host/telemetry/src/ledger", &[Role::Source, Role::Pipeline]),
];

/// How code says a reason: as the argument of what books a drop, or as what a `reason` or `as_str` of drops gives.
const SAYS: &[&str] = &[
    r#"(?:dropped|dropped_unqueued|lost|all_dropped|ended|add|count_lost)\(\s*(?:[^()";]*,\s*)?"([a-z0-9_]+)""#,
    r#"(?:Verdict::Drop|Verdict::NotUnderstood|Sent::Refused|Outcome::Ends)\("([a-z0-9_]+)"\)"#,
    r#"const (?:TOO_LARGE|BAD_REQUEST): &str = "([a-z0-9_]+)""#,
    r#"Some\(\(None, "([a-z0-9_]+)"\)\)"#,
    r#"\breason: "([a-z0-9_]+)""#,
    r#"lost\(&part, "([a-z0-9_]+)""#,
    r#"Self::Too[A-Za-z]+ => "([a-z0-9_]+)""#,
    r#"if stop \{ "([a-z0-9_]+)" \}"#,
    r#"\("([a-z0-9_]+)", counts\.[a-z_]+"#,
    r#"let reason = if [^;]*\{ "([a-z0-9_]+)" \}"#,
];

/// The `reason` methods of errors and the queue's `as_str`: every literal in them is one.
const METHODS: &[(&str, &str)] = &[
    ("host/scrape/src/error.rs", "fn reason(&self) -> &'static str {"),
    ("host/pipeline/src/guest/call.rs", "fn reason(&self) -> &'static str {"),
    ("host/queue/src/stats.rs", "pub const fn as_str(self) -> &'static str {"),
];

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") && !name.contains("tests") && name != "testing.rs" {
            into.push(path);
        }
    }
}

/// The code without its unit tests and its comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn used() -> BTreeSet<(&'static str, String)> {
    let says: Vec<Regex> = SAYS.iter().map(|s| Regex::new(s).unwrap()).collect();
    let mut used = BTreeSet::new();
    for (place, _) in PLACES {
        let mut files = vec![];
        sources(&root().join(place), &mut files);
        assert!(!files.is_empty(), "{place} has no code: is it somewhere else now?");
        for file in files.iter().filter(|f| !f.ends_with("reasons.rs")) {
            let code = code(file);
            for says in &says {
                used.extend(says.captures_iter(&code).map(|c| (*place, c[1].to_owned())));
            }
        }
    }
    let literal = Regex::new(r#"=> "([a-z0-9_]+)""#).unwrap();
    for (file, method) in METHODS {
        let code = code(&root().join(file));
        let body = code.split_once(method).map(|(_, body)| body);
        assert!(body.is_some(), "{file} has no `{method}` any more");
        let body = body.unwrap_or_default();
        let body = body.split("\n    }").next().unwrap();
        let place = PLACES.iter().map(|(p, _)| *p).find(|p| file.starts_with(p)).unwrap();
        used.extend(literal.captures_iter(body).map(|c| (place, c[1].to_owned())));
    }
    used
}

#[test]
fn every_reason_that_code_gives_is_in_the_table_and_none_is_there_for_nothing() {
    let used = used();
    let missing: Vec<_> = used
        .iter()
        .filter(|(place, reason)| {
            let roles = PLACES.iter().find(|(p, _)| p == place).unwrap().1;
            !REASONS.iter().any(|r| r.reason == *reason && roles.contains(&r.role))
        })
        .collect();
    assert!(missing.is_empty(), "put into weir_telemetry's REASONS (and host/LEDGER.md): {missing:?}");
    let unused: Vec<_> =
        REASONS.iter().map(|r| r.reason).filter(|reason| !used.iter().any(|(_, u)| u == reason)).collect();
    assert!(unused.is_empty(), "no code gives these reasons any more, or this test does not see it: {unused:?}");
    assert!(used.len() > 40, "the test sees too little: {used:?}");
}

#[test]
fn operators_read_the_same_table() {
    let mut want =
        String::from("| account | `reason` | counted by | what has happened | what to do |\n|---|---|---|---|---|\n");
    for r in REASONS {
        let row = format!("| {} | `{}` | {} | {} | {} |\n", r.role.as_str(), r.reason, r.by, r.meaning, r.remedy);
        want.push_str(&row);
    }
    let page = fs::read_to_string(root().join("host/LEDGER.md")).unwrap();
    assert!(page.ends_with(&want), "host/LEDGER.md should end with\n{want}");
}
