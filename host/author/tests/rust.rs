//! A component of Rust, from source to the suite.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use weir_author::fixture::{Document, Outcome, Rig, bless, check};
use weir_author::language::Mode;
use weir_author::{Project, build, conformance};

fn guest() -> (String, Vec<u8>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust/conformance");
    let project = Project::open(&dir).unwrap();
    (project.name().to_owned(), build::build(&project, Mode::Watch).unwrap())
}

fn failures(cases: &[(String, Outcome)]) -> String {
    let failed = cases.iter().filter_map(|(name, outcome)| match outcome {
        Outcome::Passed => None,
        Outcome::Failed(why) => Some(format!("{name}\n{why}\n")),
    });
    failed.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_of_the_sdk_passes_the_suite_and_fixtures_are_blessed() {
    let cache = tempfile::tempdir().unwrap();
    let (name, component) = guest();
    let rig = Rig::new(&name, component, Some(cache.path())).unwrap();
    let documents = conformance::documents().unwrap();
    let mut failed = String::new();
    for document in &documents {
        failed.push_str(&failures(&check(&rig, document).await.cases));
    }
    assert_eq!(failed, "");
    for document in &documents {
        assert_eq!(bless(&rig, document).await.unwrap(), document.text, "nothing to bless");
    }

    let wrong = r#"# kept
config = { cluster = "eu-1", drop = ["b"] }
[[case]]
name = "series"
series = '''
a # no series
'''
[[case]]
name = "lines"
# what it looks at
lines = '{job="a"} | ERROR'
out = "" # to come
dropped = 7
[[case]]
name = "refused"
config = { cluster = 1 }
series = "up"
[[case]]
name = "steps"
[[case.step]]
samples = "a -1"
out = "a 1"
[[case.step]]
series = 'a{instance="x", mode="error"}'
error = "something else"
metrics = "x 1"
"#;
    let error = Document::parse(Path::new("a.toml"), wrong.to_owned()).unwrap_err().to_string();
    assert!(error.contains("case \"series\": series: \"a # no series\""), "{error}");
    let document = Document::parse(Path::new("a.toml"), wrong.replace("a # no series", "a\nb")).unwrap();
    let report = check(&rig, &document).await;
    let told = failures(&report.cases);
    insta::assert_snapshot!("failures", told);
    let blessed = bless(&rig, &document).await.unwrap();
    insta::assert_snapshot!("blessed", blessed);
    let again = Document::parse(Path::new("a.toml"), blessed).unwrap();
    assert_eq!(failures(&check(&rig, &again).await.cases), "");
}
