use std::fs;
use std::path::Path;

use tempfile::TempDir;
use weir_sdk::Level;
use weir_sdk::testing::{self, LabelSet, counted, forgotten, gauged, labels, messages};

use super::*;

const HOSTS: &str = "host,owner,site\na:9100,web,eu\nb:9100,,us\n";

struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new(table: impl AsRef<[u8]>) -> Self {
        let scene = Self { dir: TempDir::new().unwrap() };
        scene.write(table);
        scene
    }

    fn path(&self) -> String {
        self.dir.path().join("hosts.csv").to_str().unwrap().to_owned()
    }

    /// Puts another file in the table's place.
    fn write(&self, table: impl AsRef<[u8]>) {
        let beside = self.dir.path().join("beside");
        fs::write(&beside, table).unwrap();
        fs::rename(beside, self.path()).unwrap();
    }

    fn config(&self, more: &str) -> String {
        format!(
            r#"{{"file":{:?},"key":{{"instance":"host"}},"labels":{{"team":"owner","site":""}}{more}}}"#,
            self.path()
        )
    }

    fn plugin(&self, more: &str) -> Enrich {
        testing::configure(&self.config(more)).unwrap()
    }
}

fn up(instance: &str) -> LabelSet {
    labels([("__name__", "up"), ("instance", instance)])
}

/// What is said of these instances: team and site; `None` where the series is dropped.
fn said<'t>(plugin: &Enrich, instances: impl IntoIterator<Item = &'t str>) -> Vec<Option<String>> {
    let out = testing::series(plugin, instances.into_iter().map(up)).unwrap();
    let show = |set: LabelSet| format!("{}/{}", set.get("team").unwrap_or("-"), set.get("site").unwrap_or("-"));
    out.into_iter().map(|set| set.map(show)).collect()
}

fn look(plugin: &mut Enrich) {
    plugin.tick(Moment { now: 0, last: false }).unwrap();
}

#[test]
fn labels_come_from_the_row_of_the_key() {
    let scene = Scene::new(HOSTS);
    let plugin = scene.plugin("");
    assert_eq!(plugin.wants(), Labels::named(["instance"]));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(said(&plugin, ["a:9100", "b:9100", "c"]), [some("web/eu"), some("-/us"), some("-/-")]);
    // a log stream, and one without the label
    let streams = [labels([("job", "app"), ("instance", "a:9100")]), labels([("job", "app")])];
    let out: Vec<LabelSet> = testing::series(&plugin, streams).unwrap().into_iter().flatten().collect();
    assert_eq!((out[0].get("team"), out[1].get("team")), (Some("web"), None));
    assert_eq!(counted("enrich_missing", &[]), 2.0);
    assert_eq!(gauged("enrich_table_rows", &[]), Some(2.0));
}

#[test]
fn what_is_missing_gets_the_default_or_is_dropped() {
    let scene = Scene::new(HOSTS);
    let some = |text: &str| Some(text.to_owned());
    let plugin = scene.plugin(r#","defaults":{"team":"nobody"}"#);
    assert_eq!(said(&plugin, ["a:9100", "b:9100", "c"]), [some("web/eu"), some("nobody/us"), some("nobody/-")]);
    let plugin = scene.plugin(r#","defaults":{"team":"nobody"},"on_missing":"drop""#);
    assert_eq!(said(&plugin, ["a:9100", "b:9100", "c"]), [some("web/eu"), some("nobody/us"), None]);
}

#[test]
fn a_key_may_be_of_several_labels() {
    let scene = Scene::new("region;pod;team\neu;api;web\nus;api;core\n");
    let config = format!(r#"{{"file":{:?},"key":["region","pod"],"labels":["team"],"delimiter":";"}}"#, scene.path());
    let plugin: Enrich = testing::configure(&config).unwrap();
    let set = |region| labels([("pod", "api"), ("region", region)]);
    let out = testing::series(&plugin, ["eu", "us", "ap"].map(set)).unwrap();
    let teams: Vec<_> = out.iter().map(|s| s.as_ref().unwrap().get("team")).collect();
    assert_eq!(teams, [Some("web"), Some("core"), None]);
}

#[test]
fn another_file_is_read_once_it_is_the_same_at_two_looks_and_verdicts_are_taken_back() {
    let scene = Scene::new(HOSTS);
    let mut plugin = scene.plugin("");
    look(&mut plugin);
    assert_eq!(forgotten(), 0);
    scene.write("host,owner,site\na:9100,core,eu\n");
    look(&mut plugin);
    assert_eq!(said(&plugin, ["a:9100"]), [Some("web/eu".to_owned())], "it may still be written");
    // it was: now it is longer
    scene.write("host,owner,site\na:9100,core,eu\nb:9100,web,us\n");
    look(&mut plugin);
    assert_eq!((said(&plugin, ["a:9100"]), forgotten()), (vec![Some("web/eu".to_owned())], 0));
    look(&mut plugin);
    let new = vec![Some("core/eu".to_owned()), Some("web/us".to_owned())];
    assert_eq!((said(&plugin, ["a:9100", "b:9100"]), forgotten()), (new, 1));
    look(&mut plugin);
    // other bytes, the same table
    scene.write("owner,host,site,note\ncore,a:9100,eu,x\nweb,b:9100,us,y\n");
    (0..3).for_each(|_| look(&mut plugin));
    assert_eq!((counted("enrich_table_reads", &[("result", "ok")]), forgotten()), (2.0, 0));
}

#[test]
fn a_file_that_cannot_be_used_leaves_the_old_table_and_says_so_once() {
    let scene = Scene::new(HOSTS);
    let mut plugin = scene.plugin("");
    messages();
    scene.write("host,owner,site\na:9100,co");
    (0..4).for_each(|_| look(&mut plugin));
    let warning = |what: &str| (Level::Warn, format!("{}: {what}; the old table stays, with 2 rows", scene.path()));
    assert_eq!(messages(), [warning("line 2: has 2 cells where the first row has 3")]);
    assert_eq!((said(&plugin, ["a:9100"]), forgotten()), (vec![Some("web/eu".to_owned())], 0));
    assert_eq!(gauged("enrich_table_outdated", &[]), Some(1.0));
    fs::remove_file(scene.path()).unwrap();
    (0..3).for_each(|_| look(&mut plugin));
    assert_eq!(messages(), [warning("cannot be read: No such file or directory (os error 2)")]);
    // the rest of it has come
    scene.write("host,owner,site\na:9100,core,eu\n");
    (0..3).for_each(|_| look(&mut plugin));
    assert_eq!((said(&plugin, ["a:9100"]), forgotten()), (vec![Some("core/eu".to_owned())], 1));
    assert_eq!(gauged("enrich_table_outdated", &[]), Some(0.0));
    assert_eq!(counted("enrich_table_reads", &[("result", "error")]), 2.0);
}

#[test]
fn an_instance_that_takes_anothers_place_with_a_newer_file_takes_verdicts_back() {
    let scene = Scene::new(HOSTS);
    look(&mut scene.plugin(""));
    look(&mut scene.plugin(""));
    assert_eq!(forgotten(), 0);
    scene.write("host,owner,site\na:9100,core,eu\n");
    let mut plugin = scene.plugin("");
    look(&mut plugin);
    look(&mut plugin);
    assert_eq!(forgotten(), 1);
    look(&mut scene.plugin(""));
    assert_eq!(forgotten(), 0);
}

#[test]
fn errors_name_the_key_and_the_place_in_the_file() {
    let error = |config: &str| testing::configure::<Enrich>(config).unwrap_err().to_string();
    let scene = Scene::new(HOSTS);
    for (more, wanted) in [
        (r#","defaults":{"owner":"x"}"#, "config.defaults: \"owner\" is not among config.labels"),
        (r#","refresh_interval":"500ms""#, "config.refresh_interval: at least a second"),
        (r#","refresh_interval":"5""#, "config.refresh_interval: \"5\" is not a duration such as \"10s\" or \"1h30m\""),
        (r#","delimiter":"é""#, "config.delimiter: one character of ASCII, as \",\", \";\" or \"\\t\""),
        (r#","on_missing":"default""#, "config.on_missing: unknown variant `default`, expected `keep` or `drop`"),
    ] {
        assert_eq!(error(&scene.config(more)), wanted);
    }
    let of =
        |key: &str, labels: &str| error(&format!(r#"{{"file":{:?},"key":{key},"labels":{labels}}}"#, scene.path()));
    assert_eq!(of("[]", r#"["owner"]"#), "config.key: name at least one");
    assert_eq!(
        of(r#"["host"]"#, r#"["own er"]"#),
        "config.labels: \"own er\" is not a label name; write label_name = \"own er\""
    );
    assert_eq!(of(r#"["host"]"#, r#"{"__name__":"owner"}"#), "config.labels: \"__name__\" is one of weir's own labels");
    assert_eq!(of(r#"["host"]"#, r#"["site","site"]"#), "config.labels: \"site\" is named twice");
    let there = format!("config.file: {}: ", scene.path());
    assert_eq!(
        of(r#"["host"]"#, r#"["team"]"#),
        format!(r#"{there}has no column "team"; its first row names "host", "owner", "site""#)
    );
    scene.write("host,owner,site\na,b,c\na,d,e\n");
    assert_eq!(error(&scene.config("")), format!(r#"{there}lines 2 and 3: have the same key "a""#));
    assert_eq!(error(&scene.config(r#","max_rows":1"#)), format!("{there}has more than 1 rows (max_rows)"));
    fs::remove_file(Path::new(&scene.path())).unwrap();
    assert_eq!(error(&scene.config("")), format!("{there}cannot be read: No such file or directory (os error 2)"));
}
