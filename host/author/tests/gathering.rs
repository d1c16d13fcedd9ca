//! Fixtures of a plugin that emits, ticks, and keeps values in the host.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use weir_author::fixture::{Document, Rig, bless, check};
use weir_author::language::Mode;
use weir_author::{Project, build};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_emits_over_time_is_compared_and_blessed() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/count");
    let project = Project::open(&dir).unwrap();
    let component = build::build(&project, Mode::Watch).unwrap().component;
    let cache = tempfile::tempdir().unwrap();
    let rig = Rig::new(project.name(), component, Some(cache.path())).unwrap();
    let fixture = Document::read(&dir.join("tests/count.toml")).unwrap();
    assert_eq!(check(&rig, &fixture).await.failures(), "");
    assert_eq!(bless(&rig, &fixture).await.unwrap(), fixture.text, "nothing to bless");

    let wrong = r#"
[[case]]
name = "ticks"
[[case.step]]
lines = '{job="app"} | one'
[[case.step]]
tick = "2s"
emitted = "counted_lines_total 7"
error = "it did not fail"
[[case.step]]
series = "up"
emitted = "up 1"
"#;
    let document = Document::parse(Path::new("a.toml"), wrong.to_owned()).unwrap();
    insta::assert_snapshot!("failures", check(&rig, &document).await.failures());
    let blessed = bless(&rig, &document).await.unwrap();
    insta::assert_snapshot!("blessed", blessed);
    let again = Document::parse(Path::new("a.toml"), blessed).unwrap();
    assert_eq!(check(&rig, &again).await.failures(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_tick_says_so() {
    let project = Project::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/sample")).unwrap();
    let rig = Rig::new(project.name(), build::build(&project, Mode::Watch).unwrap().component, None).unwrap();
    let case = "[[case]]\nname = \"a\"\nconfig = { dedup = { window = \"1h\" } }\ntick = \"1s\"\n";
    let document = Document::parse(Path::new("a.toml"), case.to_owned()).unwrap();
    let told = check(&rig, &document).await.failures();
    assert!(told.contains("the plugin exports no `tick`"), "{told}");
}
