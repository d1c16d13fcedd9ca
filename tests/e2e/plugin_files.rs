//! Files that come into the plugin directory and must not run (row 23): what ran before keeps running, and weir says why.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use weir_rig::config::{file_logs, loki, plugin_dir};
use weir_rig::lines::Writer;
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, build, http, until};

/// A component of one function that is as large as a plugin and far more work to compile.
fn bomb() -> Vec<u8> {
    let mut body = String::new();
    for i in 0..60_000_u32 {
        let (a, b) = (i * 7 % 900, i * 13 % 900);
        let _ = write!(body, "(local.set {a} (i64.add (local.get {b}) (i64.load (i32.wrap_i64 (local.get {a})))))");
        if i % 9 == 0 {
            let _ = write!(body, "(if (i64.eqz (local.get {b})) (then (local.set {a} (i64.const {i}))))");
        }
    }
    let interfaces = r#"(instance $i) (export "weir:plugin/lifecycle@0.1.0" (instance $i))
        (export "weir:plugin/series@0.1.0" (instance $i))"#;
    let locals = "i64 ".repeat(900);
    wat::parse_str(format!("(component (core module (memory 1) (func (local {locals}) {body})) {interfaces})")).unwrap()
}

struct Scene {
    dir: TempDir,
    weir: Weir,
    preview: Receiver,
}

impl Scene {
    /// A weir whose plugin `mark`, which its configuration names, has these settings and runs.
    async fn start(settings: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let preview = Receiver::start().await;
        let (plugins, logs) = (dir.path().join("plugins"), dir.path().join("logs"));
        std::fs::create_dir(&logs).unwrap();
        build::put_mark(&plugins, "one");
        let config = [
            plugin_dir(&plugins),
            file_logs("app", &logs),
            loki("preview", &preview.loki_url()),
            format!("[plugins.mark]\n{settings}\n"),
        ];
        let weir = Weir::start_in(dir.path(), &config.concat()).await;
        Self { dir, weir, preview }
    }

    fn plugins(&self) -> PathBuf {
        self.dir.path().join("plugins")
    }

    /// Puts a file in the plugin's place, whole at once.
    fn put(&self, bytes: &[u8]) {
        let beside = self.dir.path().join("beside");
        std::fs::write(&beside, bytes).unwrap();
        build::put(&beside, &self.plugins(), "mark");
    }

    /// Waits until the log has all of this in one line.
    async fn says(&mut self, what: &[&str]) {
        let program = self.weir.program();
        until(&format!("{what:?} in the log"), async || {
            program.output().lines().any(|line| what.iter().all(|part| line.contains(part)))
        })
        .await;
    }

    /// Refused, in these words, while the old one runs on.
    async fn is_refused(&mut self, bytes: &[u8], why: &str) {
        self.put(bytes);
        self.says(&["the old version keeps running", why]).await;
    }

    /// Waits until lines that are written now arrive with this version's mark.
    async fn runs(&self, version: &str) {
        let recorder = self.preview.judge();
        let mut writer = Writer::new(&self.dir.path().join("logs"), "app");
        let before: usize = recorder.streams().iter().map(|s| recorder.lines(s).len()).sum();
        let prefix = format!("{version} ");
        until(&format!("lines of version {version}"), async || {
            writer.write(1);
            let lines: Vec<String> = recorder.streams().iter().flat_map(|s| recorder.lines(s)).collect();
            lines.len() > before && lines.last().is_some_and(|l| l.starts_with(&prefix))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_run_is_refused_and_the_old_one_runs_on() {
    let mut scene = Scene::start("limits = { file_size = \"4MiB\", compile_memory = \"192MiB\" }").await;
    scene.runs("one").await;
    scene.is_refused(b"PK\x03\x04 a zip", "not a WebAssembly file: a zip archive").await;
    scene.is_refused(b"\0asm\x01\0\0\0", "a core module, not a component").await;
    let command = wat::parse_str(r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#).unwrap();
    scene.is_refused(&command, "it exports wasi:cli/run@0.2.0").await;
    scene.is_refused(&vec![0; 5 << 20], "bytes are more than the limit of 4194304 (limits.file_size)").await;
    let reads = std::fs::read(build::hostile("reads")).unwrap();
    scene.is_refused(&reads, "needs a grant for fs.read (it imports wasi:filesystem/").await;
    let misfit = std::fs::read(build::hostile("add_cluster")).unwrap();
    scene.is_refused(&misfit, "refused its configuration: cluster is missing").await;
    scene.is_refused(&bomb(), "(limits.compile_memory)").await;
    scene.runs("one").await;
    assert!(scene.weir.ready().await.unwrap().0);
    build::put_mark(&scene.plugins(), "two");
    scene.runs("two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_stalls_half_way_is_refused_until_it_is_whole() {
    let mut scene = Scene::start("").await;
    let beside = scene.dir.path().join("two");
    build::put_mark(&beside, "two");
    let whole = std::fs::read(beside.join("mark.wasm")).unwrap();
    let (first, rest) = whole.split_at(whole.len() / 2);
    // As `cp` does it: the same file, from its beginning.
    let path = scene.plugins().join("mark.wasm");
    std::fs::write(&path, first).unwrap();
    scene.says(&["the old version keeps running", &format!("cut off after {} bytes", first.len())]).await;
    scene.runs("one").await;
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, rest).unwrap();
    scene.runs("two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_needs_more_is_shown_and_not_run() {
    let mut scene = Scene::start("").await;
    let plugins = scene.weir.url("/api/v1/plugins");
    let own = async || {
        let all = http::json(&plugins).await.unwrap();
        all["data"]["plugins"].as_array().unwrap().iter().find(|p| p["name"] == "mark").cloned().unwrap()
    };
    let runs = own().await;
    let asks = build::hostile("asks");
    scene.put(&std::fs::read(&asks).unwrap());
    let need = r#"{ kind = "http", hosts = ["HOST"] }"#;
    let change = format!("sha256 {} to {}, needs now {need}", runs["sha256"].as_str().unwrap(), digest(&asks));
    scene.says(&["the old version keeps running", &change.replace('"', "\\\"")]).await;
    let shown = own().await;
    assert_eq!((&shown["sha256"], &shown["change"]), (&runs["sha256"], &serde_json::Value::Null));
    let pending =
        serde_json::json!({ "from": runs["sha256"], "to": digest(&asks), "needsAdded": [need], "needsRemoved": [] });
    assert_eq!(shown["pending"], pending);
    assert!(shown["problem"].as_str().unwrap().contains(&format!("grant = [{need}]")), "{shown}");
    scene.runs("one").await;
    build::put_mark(&scene.plugins(), "two");
    scene.runs("two").await;
    let shown = own().await;
    assert_eq!((&shown["pending"], &shown["change"]["from"]), (&serde_json::Value::Null, &runs["sha256"]));
    assert_eq!(shown["change"]["needsAdded"], serde_json::json!([]));
}

/// Twice the same plugin, of which each asks the same host, and one is granted another.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_asks_the_hosts_that_its_grant_lists_and_no_other() {
    let (dir, preview) = (TempDir::new().unwrap(), Receiver::start().await);
    let (plugins, logs) = (dir.path().join("plugins"), dir.path().join("logs"));
    std::fs::create_dir(&logs).unwrap();
    let host = Target::start(|_| "an answer".to_owned()).await;
    let plugin = |name: &str, granted: &str| {
        build::put(&build::hostile("asks"), &plugins, name);
        format!(
            "[plugins.{name}]\non_error = \"pass\"\ngrant = [{{ kind = \"http\", hosts = [\"{granted}\"] }}]\n\
             config = {{ url = \"http://{}/metrics\" }}\n",
            host.address
        )
    };
    let config = [
        plugin_dir(&plugins),
        file_logs("app", &logs),
        loki("preview", &preview.loki_url()),
        plugin("friend", &host.address),
        plugin("stranger", "elsewhere.example"),
    ];
    let weir = Weir::start_in(dir.path(), &config.concat()).await;
    Writer::new(&logs, "app").write(1);
    until("a request of each", async || {
        let page = weir.metrics().await;
        page.sum("weir_plugin_http_requests_total", &[("plugin", "friend"), ("code", "200")]) > 0.0
            && page.sum("weir_plugin_http_refusals_total", &[("plugin", "stranger"), ("reason", "not_granted")]) > 0.0
    })
    .await;
    let page = weir.metrics().await;
    assert_eq!(page.sum("weir_plugin_http_requests_total", &[("plugin", "stranger")]), 0.0);
    assert_eq!(page.sum("weir_plugin_http_refusals_total", &[("plugin", "friend")]), 0.0);
    let all = http::json(&weir.url("/api/v1/plugins")).await.unwrap();
    for shown in all["data"]["plugins"].as_array().unwrap() {
        let (answered, refused) = (&shown["requests"]["answered"], &shown["requests"]["refused"]);
        let asked = if shown["name"] == "friend" { (answered, refused) } else { (refused, answered) };
        assert!(asked.0.as_u64().unwrap() > 0 && *asked.1 == 0, "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_plugin_stays_what_it_is() {
    let beside = TempDir::new().unwrap();
    build::put_mark(beside.path(), "one");
    let mut scene = Scene::start(&format!("sha256 = \"{}\"", digest(&beside.path().join("mark.wasm")))).await;
    build::put_mark(&scene.plugins(), "two");
    scene.says(&["the old version keeps running", "its sha256 is ", "the configuration wants "]).await;
    scene.runs("one").await;
}

fn digest(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn compiling_is_killed_past_its_time() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("plugins")).unwrap();
    std::fs::write(dir.path().join("plugins/bomb.wasm"), bomb()).unwrap();
    let config = "plugin_dir = \"plugins\"\ndata_dir = \"data\"\n[[file_logs]]\nname = \"app\"\npaths = [\"/var/log/app/*.log\"]\n\
                  [[loki]]\nname = \"main\"\nurl = \"http://localhost:3100/loki/api/v1/push\"\n\
                  [plugins.bomb]\nlimits = { compile_time = \"1s\", compile_memory = \"16GiB\" }\n";
    let path = dir.path().join("weir.toml");
    std::fs::write(&path, config).unwrap();
    let output = Command::new(build::weir()).args(["check", "--config"]).arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("plugin bomb: compiling took longer than 1 s (limits.compile_time)"), "{said}");
}

/// The plugin `mark` in this version, and a section of a mebibyte that means nothing: as large as plugins are whose functions are kept.
fn large(beside: &Path, version: &str) -> Vec<u8> {
    build::put_mark(beside, version);
    let mut component = std::fs::read(beside.join("mark.wasm")).unwrap();
    // A custom section: its length in LEB128, its name's, and its content.
    component.extend([0, 0x81, 0x80, 0x40, 0]);
    component.extend(vec![0; 1 << 20]);
    component
}

/// Runs `weir compile-plugin` as weir does, and returns what it made and what it said.
fn compile(component: &Path, more: &[&str]) -> (Vec<u8>, String) {
    let limits = ["compile-plugin", "--memory", "268435456", "--cpu", "120"];
    let mut command = Command::new(build::weir());
    command.args(limits).args(more).stdin(Stdio::from(std::fs::File::open(component).unwrap()));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (output.stdout, said)
}

#[test]
fn functions_that_were_compiled_before_are_the_same_as_compiled_anew() {
    let dir = TempDir::new().unwrap();
    let [one, two] = ["one", "two"].map(|version| {
        let path = dir.path().join(version);
        let component = large(&path, version);
        std::fs::write(path.join("large.wasm"), component).unwrap();
        path.join("large.wasm")
    });
    let kept = dir.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    let kept = ["--functions", kept.to_str().unwrap()];
    let counts = |said: &str| -> (usize, usize) {
        let (found, compiled) = said.split_once(" found, ").unwrap();
        (found.parse().unwrap(), compiled.strip_suffix(" compiled").unwrap().parse().unwrap())
    };
    let (first, said) = compile(&one, &kept);
    let (none, all) = counts(&said);
    assert!(none == 0 && all > 100, "{said}");
    let (second, said) = compile(&two, &kept);
    let (found, compiled) = counts(&said);
    println!("of {} functions of another version {compiled} are compiled", found + compiled);
    assert!(found > 3 * compiled, "{said}");
    for (path, made) in [(&one, first), (&two, second)] {
        let (expected, said) = compile(path, &[]);
        assert!(made == expected && said.is_empty(), "{}: {said}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_plugins_functions_are_kept_beside_it() {
    let scene = Scene::start("").await;
    let kept = || {
        let names = std::fs::read_dir(scene.dir.path().join("data/plugin-cache")).unwrap();
        let paths = names.map(|e| e.unwrap().path());
        paths.filter(|p| p.extension().is_some_and(|e| e == "functions")).count()
    };
    scene.runs("one").await;
    assert_eq!(kept(), 0, "it compiles in a moment");
    let beside = scene.dir.path().join("two");
    scene.put(&large(&beside, "two"));
    scene.runs("two").await;
    assert_eq!(kept(), 1);
}
