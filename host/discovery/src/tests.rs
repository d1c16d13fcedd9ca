//! Discovery against real files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::files::Files;
use crate::{DEFAULT_REFRESH, DiscoveryMetrics, DiscoverySettings, Running, TargetGroup, start};

/// Far beyond what notice of a change takes; the refresh interval is longer still.
const PATIENCE: Duration = Duration::from_secs(30);

fn file_settings(folder: &Path, pattern: &str) -> DiscoverySettings {
    let patterns = vec![folder.join(pattern).to_str().unwrap().to_string()];
    DiscoverySettings::File { patterns, refresh: DEFAULT_REFRESH }
}

fn targets(groups: &[TargetGroup]) -> Vec<&str> {
    groups.iter().flat_map(|g| &g.targets).map(String::as_str).collect()
}

async fn wait_for(running: &mut Running, expected: &[&str]) {
    let wait = running.groups.wait_for(|g| targets(g) == expected);
    let came = tokio::time::timeout(PATIENCE, wait).await.is_ok();
    assert!(came, "expected {expected:?}, have {:?}", running.groups.borrow());
}

#[tokio::test]
async fn static_groups_come_as_they_are_and_stay() {
    let group = TargetGroup { targets: vec!["a:1".into()], ..TargetGroup::default() };
    let named = TargetGroup { source: "mine".into(), ..group.clone() };
    let running = start(vec![DiscoverySettings::Static(vec![group]), DiscoverySettings::Static(vec![named])], None);
    let groups = Arc::clone(&running.groups.borrow());
    assert_eq!(groups.iter().map(|g| g.source.as_str()).collect::<Vec<_>>(), ["static/0", "mine"]);
    assert!(!running.groups.has_changed().unwrap(), "the channel is open, and nothing is new");
}

#[tokio::test]
async fn files_are_followed_as_they_come_change_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("one.json"), r#"[{"targets": ["a:1"]}]"#).unwrap();
    let fixed = DiscoverySettings::Static(vec![TargetGroup { targets: vec!["s:1".into()], ..TargetGroup::default() }]);
    let json = file_settings(folder.path(), "*.json");
    let settings = vec![fixed, json.clone(), json, file_settings(folder.path(), "*.yml")];
    let mut running = start(settings, None);
    assert_eq!(targets(&running.groups.borrow()), ["s:1", "a:1"], "there at once, and one file counts once");

    std::fs::write(path("two.yml"), "- targets: [b:1]\n  labels: {env: x}\n").unwrap();
    wait_for(&mut running, &["s:1", "a:1", "b:1"]).await;
    let group = running.groups.borrow().last().cloned().unwrap();
    assert_eq!(group.labels["__meta_filepath"], path("two.yml").to_str().unwrap());
    assert_eq!(group.labels["env"], "x");

    std::fs::write(path("new.tmp"), r#"[{"targets": ["a:2"]}]"#).unwrap();
    std::fs::rename(path("new.tmp"), path("one.json")).unwrap();
    wait_for(&mut running, &["s:1", "a:2", "b:1"]).await;

    std::fs::remove_file(path("two.yml")).unwrap();
    wait_for(&mut running, &["s:1", "a:2"]).await;
}

#[tokio::test]
async fn dropping_ends_the_task() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(vec![file_settings(folder.path(), "*.json")], None);
    let mut groups = std::mem::replace(&mut running.groups, tokio::sync::watch::channel(Arc::default()).1);
    drop(running);
    assert!(tokio::time::timeout(PATIENCE, groups.changed()).await.unwrap().is_err(), "the channel is closed");
}

#[test]
fn a_broken_file_keeps_its_last_good_groups() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    let other = folder.path().join("u.json");
    let metrics = DiscoveryMetrics::default();
    let pattern = folder.path().join("*.json").to_str().unwrap().to_string();
    let mut files = Files::new(&[pattern], metrics.clone());
    let mut refresh = |expected: &[&str], errors: u64| {
        files.refresh();
        let groups: Vec<_> = files.groups().cloned().collect();
        assert_eq!(targets(&groups), expected);
        assert_eq!(metrics.file_read_errors.get(), errors);
    };
    std::fs::write(&path, r#"[{"targets": ["a:1"]}]"#).unwrap();
    std::fs::write(&other, "[").unwrap();
    refresh(&["a:1"], 1);
    std::fs::write(&path, r#"[{"targets": ["a:1", "#).unwrap();
    std::fs::write(&other, r#"[{"targets": ["b:1"]}]"#).unwrap();
    refresh(&["a:1", "b:1"], 2);
    refresh(&["a:1", "b:1"], 3);
    std::fs::write(&path, r#"[{"targets": ["a:2"]}]"#).unwrap();
    refresh(&["a:2", "b:1"], 3);
    std::fs::remove_file(&path).unwrap();
    refresh(&["b:1"], 3);
}

#[test]
fn a_file_named_in_full_is_missed_but_not_when_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    let metrics = DiscoveryMetrics::default();
    let mut files = Files::new(&[path.to_str().unwrap().to_string()], metrics.clone());
    files.refresh();
    assert_eq!((files.groups().count(), metrics.file_read_errors.get()), (0, 1));
    std::fs::write(&path, r#"[{"targets": ["a:1"]}]"#).unwrap();
    files.refresh();
    std::fs::remove_file(&path).unwrap();
    files.refresh();
    assert_eq!((files.groups().count(), metrics.file_read_errors.get()), (0, 1));
}
