//! What is refused before it runs, and the cache of what was compiled.

use std::fs;
use std::path::Path;
use std::time::Duration;

use weir_plugin::{PluginSettings, Plugins, Settings};
use weir_telemetry::Metrics;

use super::{config, embedded, refused, support, try_load};

fn wat(text: &str) -> String {
    refused(wat::parse_str(text).unwrap(), PluginSettings::default())
}

#[test]
fn not_a_component() {
    let zip = refused(b"PK\x03\x04 something".to_vec(), config("{}"));
    assert!(zip.starts_with("plugin p: not a WebAssembly file: a zip archive"), "{zip}");
    assert!(refused(vec![], config("{}")).starts_with("plugin p: cut off after 0 bytes: copy it again"));
    assert!(wat("(module)").contains("a core module, not a component: build it with `weir plugin build`"));
    let mut cut = support::wasm("add_cluster");
    cut.truncate(cut.len() / 2);
    let half = cut.len();
    assert!(refused(cut, config("{}")).starts_with(&format!("plugin p: cut off after {half} bytes")));
}

#[test]
fn nothing_to_call() {
    assert!(wat("(component)").contains("exports none of weir:plugin/series"));
    let command = r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#;
    assert!(wat(command).contains("(it exports wasi:cli/run@0.2.0)"));
    let other = r#"(component (instance $i) (export "weir:plugin/lifecycle@0.1.0" (instance $i)))"#;
    assert!(wat(other).contains("exports none of weir:plugin/series"));
    let no_lifecycle = r#"(component (instance $i) (export "weir:plugin/series@0.1.0" (instance $i)))"#;
    assert!(wat(no_lifecycle).contains("exports no weir:plugin/lifecycle"));
    let empty = r#"(component (instance $i)
        (export "weir:plugin/lifecycle@0.1.0" (instance $i)) (export "weir:plugin/series@0.1.0" (instance $i)))"#;
    assert!(wat(empty).contains("does not fit the contract"));
}

#[test]
fn another_contract() {
    let newer = r#"(component (instance $i) (export "weir:plugin/series@0.2.0" (instance $i)))"#;
    let e = wat(newer);
    assert!(e.contains("built against weir:plugin 0.2.0, and this weir has 0.1.2: update weir"), "{e}");
}

#[test]
fn imports_that_plugins_do_not_get() {
    let e = refused(support::wasm("clock"), config("{}"));
    assert!(e.contains("needs a grant for clock (it imports wasi:clocks/"), "{e}");
    assert!(e.ends_with(r#"write below its [plugins] heading: grant = [{ kind = "clock" }]"#), "{e}");
    let tail = r#"(instance $i)
        (export "weir:plugin/lifecycle@0.1.0" (instance $i)) (export "weir:plugin/series@0.1.0" (instance $i))"#;
    let e = wat(&format!(r#"(component (import "wasi:sockets/tcp@0.2.0" (instance (export "f" (func)))) {tail})"#));
    assert!(e.contains("imports wasi:sockets/tcp@0.2.0") && e.contains("no sockets"), "{e}");
    let newer = r#"(import "weir:plugin/host@0.1.9" (instance (export "fly" (func))))"#;
    let e = wat(&format!("(component {newer} {tail})"));
    assert!(e.contains("built against weir:plugin 0.1.9, and this weir has 0.1.2: it needs what came later"), "{e}");
    assert!(e.contains("`fly`") && e.ends_with("update weir, or build the plugin without it"), "{e}");
    let newer = r#"(instance $j) (export "weir:plugin/spans@0.1.7" (instance $j))"#;
    let e = wat(&format!("(component {tail} {newer})"));
    assert!(e.contains("built against weir:plugin 0.1.7, and this weir has 0.1.2: it exports spans@0.1.7"), "{e}");
    let newer = r#"(import "weir:plugin/files@0.1.7" (instance (export "f" (func))))"#;
    let e = wat(&format!("(component {newer} {tail})"));
    assert!(e.contains("imports weir:plugin/files@0.1.7") && e.contains("update weir"), "{e}");
}

#[test]
fn pinned_and_sized() {
    let wasm = support::wasm("add_cluster");
    let good = config(r#"{"cluster": "c"}"#);
    let wrong = PluginSettings { sha256: Some("00".repeat(32)), ..good.clone() };
    let e = refused(wasm.clone(), wrong);
    assert!(e.contains("its sha256 is ") && e.contains("the configuration wants 0000"), "{e}");
    let one = try_load(wasm.clone(), good.clone()).unwrap();
    let sum = one.plugins.status()[0].sha256.to_uppercase();
    try_load(wasm.clone(), PluginSettings { sha256: Some(sum), ..good.clone() }).unwrap();
    let e = refused(wasm, PluginSettings { max_file_bytes: 1000, ..good });
    assert!(e.ends_with("bytes are more than the limit of 1000 (limits.file_size)"), "{e}");
}

#[test]
fn compiling_has_an_end() {
    let settings = PluginSettings { compile_timeout: Duration::ZERO, ..PluginSettings::default() };
    let e = refused(support::wasm("everything"), settings);
    assert!(e.starts_with("plugin p: compiling took longer than 0 s (limits.compile_time)"), "{e}");
}

#[test]
fn more_memory_than_the_limit_from_the_start() {
    let settings = PluginSettings { memory_limit: 1 << 16, ..config(r#"{"cluster": "c"}"#) };
    let e = refused(support::wasm("add_cluster"), settings);
    assert_eq!(e, "plugin p: cannot be instantiated: needed more memory than its limit");
}

#[test]
fn named_and_missing() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        dir: Some(dir.path().to_owned()),
        plugins: [("redact".to_owned(), PluginSettings::default()), ("other".to_owned(), PluginSettings::default())]
            .into(),
        max_instances: 4,
        ..Settings::default()
    };
    let errors = Plugins::open(settings.clone(), &Metrics::new()).err().unwrap();
    assert_eq!(errors.len(), 2);
    assert!(errors[1].to_string().starts_with("plugin redact: the configuration names it, but there is no "));
    assert_eq!(Plugins::check(&settings).err().unwrap().len(), 2);
    let gone = Settings { dir: Some(dir.path().join("no")), ..Settings::default() };
    assert!(Plugins::check(&gone).err().unwrap()[0].to_string().contains("cannot read the plugin directory"));
}

#[test]
fn check_runs_nothing_on() {
    let good = embedded(support::wasm("everything"), PluginSettings::default());
    let all = Plugins::check(&good).unwrap();
    assert_eq!((all.len(), all[0].name.as_str(), all[0].wants.logs.is_some()), (1, "p", true));
}

fn open_cached(dir: &Path) -> Plugins {
    let settings = embedded(support::wasm("add_cluster"), config(r#"{"cluster": "c"}"#));
    Plugins::open(Settings { cache_dir: Some(dir.to_owned()), ..settings }, &Metrics::new()).unwrap()
}

fn cached(dir: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect()
}

#[test]
fn compiled_once() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("data/plugin-cache");
    open_cached(&dir);
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    let file = &cached(&dir)[0];
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let written = fs::metadata(file).unwrap().ino();
    fs::write(dir.join("left.behind.tmp"), "").unwrap();
    fs::write(dir.join("of-an-older-engine.cwasm"), "").unwrap();
    open_cached(&dir);
    assert_eq!(cached(&dir), std::slice::from_ref(file));
    assert_eq!(fs::metadata(file).unwrap().ino(), written, "it was not written again");
}

#[test]
fn a_damaged_cache_is_compiled_anew() {
    let tmp = tempfile::tempdir().unwrap();
    open_cached(tmp.path());
    let file = &cached(tmp.path())[0];
    let whole = fs::read(file).unwrap();
    for damage in [vec![], b"weircwa1".to_vec(), whole[..whole.len() - 1].to_vec(), {
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        flipped
    }] {
        fs::write(file, damage).unwrap();
        assert_eq!(open_cached(tmp.path()).current().guests.len(), 1);
        assert_eq!(fs::read(file).unwrap().len(), whole.len(), "written again");
    }
}

#[test]
fn no_cache_is_no_fault() {
    let tmp = tempfile::tempdir().unwrap();
    let file = tmp.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(open_cached(&file).current().guests.len(), 1);
}
