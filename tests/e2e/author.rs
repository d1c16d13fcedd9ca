//! A plugin's author, from nothing to a plugin that runs: by the commands that pages name.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use tempfile::TempDir;
use weir_rig::process::Program;
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, build, eventually, until};

/// Runs weir in `dir` as an author at a shell would: of what cargo tells this test, nothing.
pub(crate) fn weir_in(dir: &Path, args: &[&str]) -> Output {
    command(dir).args(args).output().unwrap()
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(build::weir());
    command.current_dir(dir).stdin(Stdio::null()).env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_str().is_some_and(|n| n.starts_with("CARGO_"))) {
        if name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command
}

#[track_caller]
pub(crate) fn good(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[track_caller]
fn bad(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A configuration with a plugin between a target and a receiver.
pub(crate) fn with_plugin(plugin: &str, target: &Target, preview: &Receiver) -> String {
    format!(
        r#"
        plugin_dir = "plugins"
        {plugin}
        [[scrape_configs]]
        job_name = "node"
        scrape_interval = "1s"
        static_configs = [{{ targets = ["{}"] }}]
        [[remote_write]]
        name = "preview"
        url = "{}"
        "#,
        target.address,
        preview.remote_write_url(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_from_new_to_live_and_through_an_edit() {
    let dir = TempDir::new().unwrap();
    build::weir();
    let begin = Instant::now();
    let told = good(&weir_in(dir.path(), &["plugin", "new", "--lang", "rust", "tidy"]));
    assert!(told.contains("src/lib.rs") && told.contains("weir plugin test"), "{told}");
    let tidy = dir.path().join("tidy");
    // the versions of this repository's lock file, which are there already
    std::fs::copy(build::root().join("Cargo.lock"), tidy.join("Cargo.lock")).unwrap();

    let told = good(&weir_in(&tidy, &["plugin", "test", "--release"]));
    assert!(told.contains("3 cases passed"), "{told}");
    assert!(tidy.join("build/tidy.wasm").is_file());
    println!("rust: from new to the tests' end: {:.1} s", begin.elapsed().as_secs_f64());

    let plugins = dir.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let target = Target::start(|n| format!("load {n}\ncontainer_tasks_state {n}\n")).await;
    let preview = Receiver::start().await;
    let recorder = preview.judge();
    let plugin = "[plugins.tidy]\nconfig = { cluster = \"eu-1\", drop = [\"container_tasks_state\"] }";
    let config = with_plugin(plugin, &target, &preview);
    // what the configuration names must be there at start
    let told = good(&weir_in(&tidy, &["plugin", "build", "-o", "../plugins"]));
    assert!(told.contains("plugins/tidy.wasm"), "a folder is where NAME.wasm goes: {told}");
    // beside no fixtures, of which a configuration could be
    let told = bad(&weir_in(&plugins, &["plugin", "bench", "tidy.wasm"]));
    assert!(told.contains("missing field `cluster`") && told.contains("--fixtures"), "{told}");
    let told =
        bad(&weir_in(&plugins, &["plugin", "test", "tidy.wasm", "--fixtures", "../tidy/tests", "--case", "no such"]));
    assert!(told.contains("no case has \"no such\" in its name"), "{told}");
    let mut weir = Weir::start_in(dir.path(), &config).await;
    let url = weir.url("");
    let mut watching = command(&tidy);
    watching.args(["plugin", "build", "--watch", "../plugins", "--admin", url.trim_end_matches('/')]);
    let watching = Program::start("watch", &mut watching.into(), &dir.path().join("watch.log"));
    let lives = |n: usize| {
        let output = watching.output();
        if output.matches("live after").count() == n { Ok(()) } else { Err(output) }
    };
    eventually("the first build", async || lives(1)).await;
    println!("rust: from new to live: {:.1} s", begin.elapsed().as_secs_f64());
    let load = format!("load{{cluster=\"eu-1\", instance=\"{}\", job=\"node\"}}", target.address);
    until("samples", async || !recorder.samples(&load).is_empty()).await;

    let source = tidy.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text.replace("row.set(\"cluster\"", "row.set(\"kluster\"")).unwrap();
    eventually("the edit", async || lives(2)).await;
    let renamed = load
        .replace("cluster=\"eu-1\", instance", "instance")
        .replace("job=\"node\"", "job=\"node\", kluster=\"eu-1\"");
    until("samples with the edit", async || !recorder.samples(&renamed).is_empty()).await;

    std::fs::write(&source, text.replace("row.set(\"cluster\"", "row.sett(\"cluster\"")).unwrap();
    eventually("the compiler's words", async || {
        let output = watching.output();
        let all = ["sett", "src/lib.rs:", "the plugin stays as it was"].iter().all(|part| output.contains(part));
        if all { Ok(()) } else { Err(output) }
    })
    .await;
    std::fs::write(&source, text.replace("config.cluster.is_empty()", "true")).unwrap();
    eventually("weir's words", async || {
        let output = watching.output();
        let all = ["config.cluster: give it a name", "in [plugins.tidy]; a reload"].iter().all(|p| output.contains(p));
        if all { Ok(()) } else { Err(output) }
    })
    .await;
    println!("{}", watching.output());
    assert_eq!(weir.program().terminate().await, Some(0));
    assert!(!recorder.series().iter().any(|s| s.contains("container_tasks_state")));
}

#[test]
fn a_case_that_fails_shows_what_differs_and_update_blesses_it() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("tests.toml");
    let case = "config = { rules = [{ target_label = \"a\", replacement = \"1\" }] }\n\
        [[case]]\nname = \"a label\"\nseries = \"up\"\nout = \"up\"\n";
    std::fs::write(&file, case).unwrap();
    let component = build::shipped("relabel");
    let args = ["plugin", "test", component.to_str().unwrap(), "--fixtures", "tests.toml"];
    let told = bad(&weir_in(dir.path(), &args));
    for part in [
        "FAILED  a label  (tests.toml:2)",
        "- up\n",
        "+ up{a=\"1\"}",
        "it reads of series: no labels",
        "1 of 1 cases failed",
    ] {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
    let update: Vec<_> = args.iter().copied().chain(["--update"]).collect();
    assert!(good(&weir_in(dir.path(), &update)).contains("tests.toml  updated"));
    assert!(std::fs::read_to_string(&file).unwrap().ends_with("out = '''\nup{a=\"1\"}\n'''\n"));
    assert!(good(&weir_in(dir.path(), &args)).contains("1 cases passed"));
    let told = bad(&weir_in(dir.path(), &["plugin", "test", component.to_str().unwrap(), "--conformance"]));
    assert!(told.contains("unknown field `cluster`"), "{told}");
}

#[test]
fn what_cannot_be_is_said_with_what_to_do() {
    let dir = TempDir::new().unwrap();
    let told = bad(&weir_in(dir.path(), &["plugin", "build"]));
    assert!(told.contains("no weir-plugin.toml") && told.contains("weir plugin new"), "{told}");
    let told = bad(&weir_in(dir.path(), &["plugin", "new", "--lang", "rust", "1a"]));
    assert!(told.contains("is no name for a plugin"), "{told}");
    let output = weir_in(dir.path(), &["plugin", "new", "--lang", "cobol", "x"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("rust"));
    good(&weir_in(dir.path(), &["plugin", "new", "--lang", "rust", "x"]));
    assert!(bad(&weir_in(dir.path(), &["plugin", "new", "--lang", "rust", "x"])).contains("exists"));
    let taken = bad(&weir_in(dir.path(), &["plugin", "new", "--lang", "rust", "self"]));
    assert!(taken.contains("\"self\" is taken"), "{taken}");
    // from where one stands, not from the project's folder
    let made = good(&weir_in(dir.path(), &["plugin", "new", "--lang", "js", "y"]));
    assert!(!made.contains("npm install") || made.contains("npm install --prefix y\n"), "{made}");
    assert!(bad(&weir_in(dir.path(), &["plugin", "inspect", "x"])).contains("nothing has been built yet"));
    let told = bad(&weir_in(dir.path(), &["plugin", "inspect", "x", "--with", "{a}"]));
    assert!(told.contains("--with {a}: no JSON"), "{told}");
    // a machine without compilers
    for (language, what, install) in [
        ("rust", "cargo", "https://sh.rustup.rs"),
        ("python", "Python 3.10 or later", "apt-get install python3"),
        ("js", "Node.js", "apt-get install nodejs npm"),
        ("ts", "Node.js", "apt-get install nodejs npm"),
        ("go", "go 1.24 or later", "apt-get install golang-go"),
        ("c", "clang", "apt-get install clang-19"),
    ] {
        let without = |args: &[&str]| {
            let mut without = command(dir.path());
            without.args(args).env("PATH", "/nowhere").env_remove("VIRTUAL_ENV").env_remove("WASI_SDK_PATH");
            without.output().unwrap()
        };
        let name = format!("without-{language}");
        let made = good(&without(&["plugin", "new", "--lang", language, &name]));
        let told = bad(&without(&["plugin", "build", &name]));
        for said in [&made, &told] {
            assert!(said.contains(what) && said.contains("missing") && said.contains(install), "{language}: {said}");
        }
    }
    // of a file there is nothing to build, nor a folder of tests
    std::fs::write(dir.path().join("a.wasm"), b"").unwrap();
    let told = bad(&weir_in(dir.path(), &["plugin", "test", "a.wasm"]));
    assert!(told.contains("tests with fixtures") && told.contains("--fixtures"), "{told}");
    let told = bad(&weir_in(dir.path(), &["plugin", "build", "--watch", "nowhere", "x"]));
    assert!(told.contains("there is no plugin directory nowhere"), "{told}");
}

#[test]
fn a_bench_has_figures_for_what_the_plugin_does() {
    let dir = TempDir::new().unwrap();
    let component = build::shipped("redact");
    let told = good(&weir_in(dir.path(), &["plugin", "bench", component.to_str().unwrap(), "--json"]));
    let costs: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert!(costs["nanosecondsLine"]["with"].as_f64().unwrap() > costs["nanosecondsLine"]["without"].as_f64().unwrap());
    assert_eq!(costs["nanosecondsSample"], serde_json::Value::Null, "redact has no samples");
    assert!(costs["memoryBytes"].as_u64().unwrap() >= 65536);
}

#[test]
fn a_component_says_what_it_is_and_what_is_none_is_told_apart() {
    let dir = TempDir::new().unwrap();
    let component = build::shipped("drop");
    let component = component.to_str().unwrap();
    let told = good(&weir_in(dir.path(), &["plugin", "inspect", component, "--json"]));
    let found: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert!(found["contract"].as_str().unwrap().starts_with("0.1."), "{told}");
    assert_eq!(found["sha256"].as_str().unwrap().len(), 64);
    assert!(found["exports"].as_array().unwrap().iter().any(|e| e.as_str().unwrap().contains("lifecycle")), "{told}");
    let told = good(&weir_in(dir.path(), &["plugin", "inspect", component]));
    for part in ["contract  weir:plugin 0.1.", "sha256", "exports   weir:plugin/", "none needed"] {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
    let none: [(&str, &[u8], &str); 4] = [
        ("module", b"\0asm\x01\0\0\0", "core module"),
        ("half", b"\0asm", "half.wasm"),
        ("text", b"(component)", "as text"),
        ("page", b"<html>not found</html>", "web page"),
    ];
    for (name, bytes, part) in none {
        let file = format!("{name}.wasm");
        std::fs::write(dir.path().join(&file), bytes).unwrap();
        let told = bad(&weir_in(dir.path(), &["plugin", "inspect", &file]));
        assert!(told.contains(part), "{name}: {told}");
    }
}
