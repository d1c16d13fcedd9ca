//! Files that come, change and go while plugins run.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use weir_pipeline::guest::{Guest, SeriesBatch};
use weir_plugin::{Grant, PluginSet, PluginSettings, PluginState, Plugins, Settings};
use weir_telemetry::Metrics;

use super::{config, embedded, metric, support};

struct Watching {
    dir: TempDir,
    metrics: Metrics,
    plugins: Plugins,
    sets: watch::Receiver<Arc<PluginSet>>,
}

fn settings(dir: &Path) -> Settings {
    Settings {
        dir: Some(dir.to_owned()),
        poll_interval: Duration::from_millis(50),
        settle: Duration::from_millis(60),
        max_instances: 16,
        ..Settings::default()
    }
}

impl Watching {
    fn open(prepare: impl FnOnce(&Path, &mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = settings(dir.path());
        prepare(dir.path(), &mut settings);
        let metrics = Metrics::new();
        let plugins = Plugins::open(settings, &metrics).unwrap();
        let sets = plugins.subscribe();
        Self { dir, metrics, plugins, sets }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// The names of the next set.
    fn next(&mut self) -> Vec<String> {
        let changed = async { tokio::time::timeout(Duration::from_secs(30), self.sets.changed()).await };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(changed).unwrap().unwrap();
        names(&self.plugins.current())
    }

    /// Waits for a plugin's problem.
    fn problem(&self, name: &str) -> String {
        for _ in 0..3000 {
            let found = self.plugins.status().into_iter().find(|s| s.name == name).and_then(|s| s.problem);
            match found {
                Some(problem) => return problem,
                None => std::thread::park_timeout(Duration::from_millis(10)),
            }
        }
        panic!("no problem of {name}");
    }

    fn metric(&self, name: &str) -> Option<f64> {
        metric(&self.metrics, name)
    }
}

fn names(set: &PluginSet) -> Vec<String> {
    set.guests.iter().map(|g| g.name().to_owned()).collect()
}

fn rows(guest: &dyn Guest) -> usize {
    guest.relabel(&SeriesBatch { rows: 4, ..SeriesBatch::default() }).unwrap().dropped.len()
}

#[test]
fn plugins_come_and_go_with_their_files() {
    let mut d = Watching::open(|dir, _| {
        fs::write(dir.join("b.wasm"), support::wasm("everything")).unwrap();
        fs::write(dir.join("notes.txt"), "no plugin").unwrap();
        fs::write(dir.join(".hidden.wasm"), "no plugin either").unwrap();
    });
    assert_eq!(names(&d.plugins.current()), ["b"]);
    let old = d.plugins.current().guests[0].clone();
    fs::write(d.path("b-c.wasm"), support::wasm("misbehaves")).unwrap();
    assert_eq!(d.next(), ["b-c", "b"], "in the order of the files' names");
    assert!(Arc::ptr_eq(&old, &d.plugins.current().guests[1]), "the other keeps its instances");
    assert_eq!(d.metric("weir_plugin_reloads_total{plugin=\"b-c\",result=\"ok\"}"), Some(1.0));
    // Hot swap: the new one behaves differently, and the old one still works for who holds it.
    fs::write(d.path("b.wasm.new"), support::wasm("bench_jobs")).unwrap();
    fs::rename(d.path("b.wasm.new"), d.path("b.wasm")).unwrap();
    assert_eq!(d.next(), ["b-c", "b"]);
    assert_eq!(rows(&*old), 2);
    assert_eq!(rows(&*d.plugins.current().guests[1]), 0);
    let change = d.plugins.status()[1].change.clone().unwrap();
    assert!(change.from.len() == 64 && change.from != change.to, "{change}");
    assert_eq!((change.to, change.added, change.removed), (d.plugins.status()[1].sha256.clone(), vec![], vec![]));
    fs::remove_file(d.path("b-c.wasm")).unwrap();
    assert_eq!(d.next(), ["b"]);
    assert_eq!(d.metric("weir_plugin_reloads_total{plugin=\"b-c\",result=\"removed\"}"), Some(1.0));
}

#[test]
fn a_broken_file_changes_nothing() {
    let mut d = Watching::open(|dir, _| fs::write(dir.join("a.wasm"), support::wasm("everything")).unwrap());
    let old = d.plugins.current();
    fs::write(d.path("a.wasm"), support::wasm("clock")).unwrap();
    assert!(d.problem("a").contains("it imports wasi:clocks/"));
    assert!(Arc::ptr_eq(&old, &d.plugins.current()));
    assert_eq!(d.metric("weir_plugin_reloads_total{plugin=\"a\",result=\"error\"}"), Some(1.0));
    fs::write(d.path("new.wasm"), "rubbish").unwrap();
    assert!(d.problem("new").contains("not a WebAssembly file"));
    assert_eq!(d.plugins.status()[1].state, PluginState::Failed);
    fs::write(d.path("a.wasm"), support::wasm("bench_jobs")).unwrap();
    assert_eq!(d.next(), ["a"]);
    assert_eq!(d.plugins.status()[0].problem, None);
}

#[test]
fn a_version_that_needs_more_waits_for_its_grant_and_is_shown() {
    let mut d = Watching::open(|dir, _| fs::write(dir.join("a.wasm"), support::wasm("everything")).unwrap());
    let runs = d.plugins.status()[0].sha256.clone();
    fs::write(d.path("a.wasm"), support::wasm("asks")).unwrap();
    assert!(d.problem("a").contains("needs a grant for http"));
    let status = d.plugins.status().remove(0);
    let pending = status.pending.unwrap();
    assert_eq!((status.sha256, &pending.from, status.change), (runs.clone(), &runs, None));
    assert_eq!(pending.added, [r#"{ kind = "http", hosts = ["HOST"] }"#]);
    // Granted, it runs, and what it changed is said.
    let mut settings = settings(d.dir.path());
    let hosts = vec!["teams.example".to_owned()];
    let granted = PluginSettings { grants: vec![Grant::Http { hosts, ca_file: None }], ..PluginSettings::default() };
    settings.plugins = [("a".to_owned(), granted)].into();
    d.plugins.apply(settings.clone()).unwrap();
    let status = d.plugins.status().remove(0);
    assert_eq!((status.change.as_ref(), status.pending, status.problem), (Some(&pending), None, None));
    // Pinned, no other version comes, whatever it needs.
    if let Some(plugin) = settings.plugins.get_mut("a") {
        plugin.sha256 = Some(status.sha256);
    }
    d.plugins.apply(settings).unwrap();
    d.next();
    fs::write(d.path("a.wasm"), support::wasm("everything")).unwrap();
    assert!(d.problem("a").contains("its sha256 is "));
    let pending = d.plugins.status().remove(0).pending.unwrap();
    assert_eq!((pending.to, pending.added.len(), pending.removed.len()), (runs, 0, 1));
    // Back to the file that runs: nothing is pending.
    fs::write(d.path("a.wasm"), support::wasm("asks")).unwrap();
    d.next();
    assert_eq!(d.plugins.status()[0].pending, None);
}

#[test]
fn a_slow_copy_is_waited_for() {
    let mut d = Watching::open(|_, s| s.settle = Duration::from_millis(300));
    let wasm = support::wasm("everything");
    let mut file = fs::File::create(d.path("slow.wasm")).unwrap();
    for part in wasm.chunks(wasm.len() / 10) {
        file.write_all(part).unwrap();
        std::thread::park_timeout(Duration::from_millis(30));
    }
    drop(file);
    assert_eq!(d.next(), ["slow"]);
    assert_eq!(d.metric("weir_plugin_reloads_total{plugin=\"slow\",result=\"error\"}"), None);
}

#[test]
fn a_named_plugin_outlives_its_file() {
    let mut d = Watching::open(|dir, s| {
        fs::write(dir.join("redact.wasm"), support::wasm("everything")).unwrap();
        s.plugins.insert("redact".to_owned(), PluginSettings::default());
    });
    fs::remove_file(d.path("redact.wasm")).unwrap();
    assert_eq!(d.problem("redact"), "its file is gone");
    assert_eq!(rows(&*d.plugins.current().guests[0]), 2);
    // A reload of the configuration keeps it too, in other settings.
    let mut next = settings(d.dir.path());
    next.plugins.insert("redact".to_owned(), PluginSettings { memory_limit: 32 << 20, ..PluginSettings::default() });
    assert_eq!(names(&d.plugins.apply(next).unwrap()), ["redact"]);
    assert_eq!(d.next(), ["redact"]);
    // Unnamed now, and its file is not there: it goes.
    assert_eq!(names(&d.plugins.apply(settings(d.dir.path())).unwrap()), Vec::<String>::new());
}

#[test]
fn other_settings_are_all_or_nothing() {
    let wasm = || support::wasm("add_cluster");
    let metrics = Metrics::new();
    let plugins = Plugins::open(embedded(wasm(), config(r#"{"cluster": "one"}"#)), &metrics).unwrap();
    let old = plugins.current();
    let errors = plugins.apply(embedded(wasm(), config("{}"))).err().unwrap();
    assert_eq!(errors[0].to_string(), "plugin p: refused its configuration: cluster is missing");
    assert!(Arc::ptr_eq(&old, &plugins.current()));
    let same = plugins.apply(embedded(wasm(), config(r#"{"cluster": "one"}"#))).unwrap();
    assert!(Arc::ptr_eq(&old.guests[0], &same.guests[0]));
    let new = plugins.apply(embedded(wasm(), config(r#"{"cluster": "two"}"#))).unwrap();
    assert!(!Arc::ptr_eq(&old.guests[0], &new.guests[0]));
    assert_eq!(new.generation, 3);
}

#[test]
fn a_file_takes_the_place_of_an_embedded_plugin() {
    let mut d =
        Watching::open(|_, s| s.embedded = embedded(support::wasm("bench_jobs"), PluginSettings::default()).embedded);
    assert_eq!(rows(&*d.plugins.current().guests[0]), 0);
    fs::write(d.path("p.wasm"), support::wasm("everything")).unwrap();
    assert_eq!(d.next(), ["p"]);
    assert_eq!(rows(&*d.plugins.current().guests[0]), 2);
    fs::remove_file(d.path("p.wasm")).unwrap();
    assert_eq!(d.next(), ["p"]);
    assert_eq!(rows(&*d.plugins.current().guests[0]), 0);
}

#[test]
fn guests_outlive_their_plugins() {
    let settings = PluginSettings { timeout: Duration::from_millis(50), ..config(r#"{"mode": "loops"}"#) };
    let guest = super::load("misbehaves", settings).guest();
    // Nothing but the guest keeps the clock running now.
    assert_eq!(guest.samples(&super::floats(&[-1.0])), Err(weir_pipeline::guest::CallError::Timeout));
}

#[test]
fn what_is_no_file_is_told_and_goes_again() {
    let w = Watching::open(|dir, _| {
        fs::create_dir(dir.join("folder.wasm")).unwrap();
        std::os::unix::fs::symlink("circle.wasm", dir.join("circle.wasm")).unwrap();
        std::os::unix::fs::symlink("nothing", dir.join("nowhere.wasm")).unwrap();
        std::os::unix::net::UnixListener::bind(dir.join("socket.wasm")).unwrap();
    });
    let told = || -> Vec<(String, String)> {
        let problems = w.plugins.status().into_iter().filter(|p| p.state == PluginState::Failed);
        problems.map(|p| (p.name, p.problem.unwrap())).collect()
    };
    let wait = |n: usize| {
        while told().len() != n {
            std::thread::yield_now();
        }
    };
    wait(4);
    let link = "it is a link that leads to no file, or in a circle";
    let of = |name: &str, what: &str| (name.to_owned(), what.to_owned());
    let expected = [
        of("circle", link),
        of("folder", "it is a folder, not a file"),
        of("nowhere", link),
        of("socket", "it is a pipe, a socket or a device, not a file"),
    ];
    assert_eq!(told(), expected);
    fs::remove_dir(w.path("folder.wasm")).unwrap();
    wait(3);
}
