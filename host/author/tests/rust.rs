//! A component of Rust, from source to the suite.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use weir_author::fixture::{Document, Rig, bless, check};
use weir_author::language::Mode;
use weir_author::{Project, build, conformance};

fn guest() -> (String, Vec<u8>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust/conformance");
    let project = Project::open(&dir).unwrap();
    (project.name().to_owned(), build::build(&project, Mode::Watch).unwrap().component)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_of_the_sdk_passes_the_suite_and_fixtures_are_blessed() {
    let cache = tempfile::tempdir().unwrap();
    let (name, component) = guest();
    let documents = conformance::documents(&component).unwrap();
    let rig = Rig::new(&name, component, Some(cache.path())).unwrap();
    let mut failed = String::new();
    for document in &documents {
        failed.push_str(&check(&rig, document).await.failures());
    }
    assert_eq!(failed, "");
    for document in &documents {
        assert_eq!(bless(&rig, document).await.unwrap(), document.text, "nothing to bless");
    }

    let wrong = r#"# kept
grant = [{ kind = "http", hosts = ["127.0.0.1:1"] }]
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
    assert!(error.starts_with("a.toml:7: case \"series\": series: `a # no series`"), "{error}");
    let document = Document::parse(Path::new("a.toml"), wrong.replace("a # no series", "a\nb")).unwrap();
    let report = check(&rig, &document).await;
    let told = report.failures();
    insta::assert_snapshot!("failures", told);
    let blessed = bless(&rig, &document).await.unwrap();
    insta::assert_snapshot!("blessed", blessed);
    let again = Document::parse(Path::new("a.toml"), blessed).unwrap();
    assert_eq!(check(&rig, &again).await.failures(), "");
}

#[test]
fn what_is_no_plugin_is_not_built() {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
    std::fs::create_dir(dir.path().join("src")).unwrap();
    write("weir-plugin.toml", "name = \"tidy\"\nlanguage = \"rust\"");
    let package = "[package]\nname = \"tidy\"\nedition = \"2024\"\n[workspace]\n[lib]\ncrate-type = ";
    let error = || build::build(&Project::open(dir.path()).unwrap(), Mode::Watch).unwrap_err().to_string();

    write("src/lib.rs", "");
    assert!(error().contains("Cargo.toml"), "{}", error());
    write("Cargo.toml", &format!("{package}[\"rlib\"]"));
    assert!(error().contains("Cargo.toml needs: [lib] crate-type = "), "{}", error());
    write("Cargo.toml", &format!("{package}[\"cdylib\"]"));
    assert!(error().contains("exports nothing of weir's; weir/sdk/rust/README.md"), "{}", error());
    write("src/lib.rs", "fn f( {}");
    assert!(error().contains("src/lib.rs:1:") && !error().contains("\"reason\""), "{}", error());
}
