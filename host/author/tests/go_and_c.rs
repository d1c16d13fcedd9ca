//! Components of Go and C, from source to the suite and to the fixtures of their examples and templates.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use weir_author::build::Built;
use weir_author::fixture::{Document, Outcome, Rig, check};
use weir_author::language::{Mode, by_name};
use weir_author::{Project, build, conformance, new};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fixtures(dir: &Path) -> Vec<Document> {
    let files = std::fs::read_dir(dir.join("tests")).unwrap().map(|entry| entry.unwrap().path());
    let fixtures = files.filter(|path| path.extension().is_some_and(|e| e == "toml"));
    fixtures.map(|path| Document::parse(&path, std::fs::read_to_string(&path).unwrap()).unwrap()).collect()
}

/// Builds a project as an author who ships it does.
fn built(dir: &Path) -> Vec<u8> {
    build::build(&Project::open(dir).unwrap(), Mode::Release).unwrap().component
}

async fn passes_the_suite(language: &str) {
    let dir = root().join("sdk").join(language).join("conformance");
    let component = built(&dir);
    let documents = conformance::documents(&component).unwrap();
    check_all(&dir, component, documents).await;
}

/// Builds a project and checks it.
async fn passes(dir: &Path, documents: Vec<Document>) {
    check_all(dir, built(dir), documents).await;
}

async fn check_all(dir: &Path, component: Vec<u8>, documents: Vec<Document>) {
    let cache = tempfile::tempdir().unwrap();
    let rig = Rig::new("guest", component, Some(cache.path())).unwrap();
    let mut cases = 0;
    for document in &documents {
        for case in check(&rig, document).await.cases {
            cases += 1;
            if let Outcome::Failed(why) = case.outcome {
                panic!("{}: {}\n{why}{}", dir.display(), case.name, case.log);
            }
        }
    }
    assert!(cases > 0, "{} has no case", dir.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_in_go_passes_the_suite() {
    passes_the_suite("go").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_in_c_passes_the_suite() {
    passes_the_suite("c").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_pass_their_fixtures() {
    for example in ["examples/plugin-go", "examples/plugin-c"] {
        let dir = root().join(example);
        passes(&dir, fixtures(&dir)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_projects_pass_their_fixtures() {
    for language in ["go", "c"] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("my-plugin");
        new::new(by_name(language).unwrap(), &dir).unwrap();
        passes(&dir, fixtures(&dir)).await;
    }
}

/// What Go and its library, the SDK and the template call something else is a plugin's name as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_go_plugin_can_have_a_name_that_go_has() {
    for name in ["net", "weir", "config"] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join(name);
        new::new(by_name("go").unwrap(), &dir).unwrap();
        passes(&dir, fixtures(&dir)).await;
    }
}

/// What the compiler says about the author's code is what the author reads.
#[test]
fn what_a_compiler_finds_is_told() {
    for (language, file, wrong, told) in [
        ("go", "main.go", "package main\nfunc main() { nothing() }\n", "main.go:2:15: undefined: nothing"),
        ("c", "plugin.c", "#include \"weir.h\"\nint main(void) { nothing(); }\n", "plugin.c:2:18: "),
        ("go", "main.go", "package main\nfunc main() {}\n", "it exports nothing of weir's: weir.Plugin(New)"),
        ("c", "plugin.c", "#include \"weir.h\"\n", "it exports nothing of weir's: WEIR_PLUGIN"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("my-plugin");
        new::new(by_name(language).unwrap(), &dir).unwrap();
        std::fs::write(dir.join(file), wrong).unwrap();
        let error = build::build(&Project::open(&dir).unwrap(), Mode::Watch).unwrap_err().to_string();
        assert!(error.contains(told), "{language}: {error}");
    }
}

/// What a compiler has to say of what it takes all the same; and of a test that fails, what the plugin printed and where it stopped.
#[tokio::test(flavor = "multi_thread")]
async fn warnings_are_told_and_what_a_plugin_prints_and_where_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("my-plugin");
    new::new(by_name("c").unwrap(), &dir).unwrap();
    let source = std::fs::read_to_string(dir.join("plugin.c")).unwrap();
    let (head, tail) = source.split_once("    weir_each(row, batch) {\n").unwrap();
    let stops = "        int unused;\n        printf(\"row %u\\n\", row);\n        *(volatile int *)0xfffffff0 = 1;\n";
    let text = format!("#include <stdio.h>\n{head}    weir_each(row, batch) {{\n{stops}{tail}");
    let line = text.lines().position(|line| line.contains("volatile")).unwrap() + 1;
    std::fs::write(dir.join("plugin.c"), text).unwrap();
    let project = Project::open(&dir).unwrap();
    let Built { component, said } = build::build(&project, Mode::Watch).unwrap();
    assert!(said.contains("plugin.c:") && said.contains("unused variable 'unused'"), "{said}");
    let rig = Rig::new(project.name(), component, None).unwrap();
    let report = check(&rig, &fixtures(&dir)[0]).await;
    let case = &report.cases[0];
    assert_ne!(case.outcome, Outcome::Passed);
    // two rows are tried together, then each
    assert!(case.log.contains("info   row 0 (3 times)\n"), "{}", case.log);
    assert!(case.log.contains(&format!("error  stopped at plugin.c:{line} (series)")), "{}", case.log);
}

const GRANTED: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "weir.h"

static bool configure(weir_config *config) { (void)config; return true; }
static weir_labels wants(void) { return WEIR_NAMED("__name__"); }
static bool series(weir_batch *batch) {
    char word[16] = "", chance[2][8] = {{0}};
    FILE *file = fopen("/data/word.txt", "r");
    if (file && !fgets(word, sizeof word, file)) word[0] = 0;
    if (file) fclose(file);
    const char *variable = getenv("CARGO_PKG_NAME");
    if (getentropy(chance[0], 8) || getentropy(chance[1], 8)) return weir_error("no chance");
    weir_each(row, batch) {
        weir_set(batch, row, "year", time(NULL) > 1700000000 ? "ours" : "1970");
        weir_set(batch, row, "variable", variable ? variable : "none");
        weir_set(batch, row, "file", word[0] ? word : "none");
    }
    return true;
}
WEIR_PLUGIN(configure)
WEIR_SERIES(wants, series)
"#;

/// What the manifest asks for and the operator grants arrives in C; without the manifest's asking nothing of WASI is imported.
#[tokio::test(flavor = "multi_thread")]
async fn grants_reach_a_plugin_in_c() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("my-plugin");
    new::new(by_name("c").unwrap(), &dir).unwrap();
    std::fs::write(dir.join("plugin.c"), GRANTED).unwrap();
    std::fs::create_dir(dir.join("tests/data")).unwrap();
    std::fs::write(dir.join("tests/data/word.txt"), "found").unwrap();
    let manifest = std::fs::read_to_string(dir.join("weir-plugin.toml")).unwrap();
    let fixture = |grants: &str, out: &str| {
        let text = format!("grant = [{grants}]\n[[case]]\nname = 'a'\nseries = 'up'\nout = '''\n{out}\n'''\n");
        std::fs::write(dir.join("tests/basic.toml"), text).unwrap();
        fixtures(&dir)
    };

    let out = r#"up{file="none", variable="none", year="1970"}"#;
    passes(&dir, fixture("", out)).await;
    let imports = |component: &[u8]| String::from_utf8_lossy(component).matches("wasi:").count();
    assert_eq!(imports(&build::build(&Project::open(&dir).unwrap(), Mode::Release).unwrap().component), 0);

    let asks = [r#"kind = "clock""#, r#"kind = "random""#, r#"kind = "env", names = ["CARGO_PKG_NAME"]"#];
    let asks = asks.map(|ask| format!("{{ {ask} }}")).join(", ");
    let mounted = r#"{ kind = "fs.read", mount = "/data" }"#;
    // above the first table of the manifest
    std::fs::write(dir.join("weir-plugin.toml"), format!("grant = [{asks}, {mounted}]\n{manifest}")).unwrap();
    let out = r#"up{file="found", variable="weir-author", year="ours"}"#;
    let grants = format!(r#"{asks}, {{ kind = "fs.read", path = "data", mount = "/data" }}"#);
    passes(&dir, fixture(&grants, out)).await;
}

/// What is asked for is all that is imported, where the code uses no more: an operator who grants a clock grants no files.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_in_c_asks_for_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("my-plugin");
    new::new(by_name("c").unwrap(), &dir).unwrap();
    let code = GRANTED.lines().filter(|l| !["file", "variable", "chance"].iter().any(|word| l.contains(word)));
    std::fs::write(dir.join("plugin.c"), code.collect::<Vec<_>>().join("\n")).unwrap();
    let manifest = std::fs::read_to_string(dir.join("weir-plugin.toml")).unwrap();
    std::fs::write(dir.join("weir-plugin.toml"), format!("grant = [{{ kind = 'clock' }}]\n{manifest}")).unwrap();
    let text = "[[case]]\nname = 'a'\nseries = 'up'\ngrant = [{ kind = 'clock' }]\nout = 'up{year=\"ours\"}'\n";
    std::fs::write(dir.join("tests/basic.toml"), text).unwrap();
    passes(&dir, fixtures(&dir)).await;
}

/// A grant that cannot reach a plugin is refused where it is built, not when it is missed.
#[test]
fn a_grant_that_a_language_cannot_have_is_refused() {
    for language in ["go", "python", "js"] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("my-plugin");
        new::new(by_name(language).unwrap(), &dir).unwrap();
        let manifest = std::fs::read_to_string(dir.join("weir-plugin.toml")).unwrap();
        std::fs::write(dir.join("weir-plugin.toml"), format!("grant = [{{ kind = 'clock' }}]\n{manifest}")).unwrap();
        let error = build::build(&Project::open(&dir).unwrap(), Mode::Watch).unwrap_err().to_string();
        assert!(error.contains(&format!("a plugin in {language} cannot have the grant `clock`")), "{error}");
    }
}

/// Says back the body that it gets, and which method it came by; on `/silent` nothing, until the other side has had enough.
fn echo(stream: TcpStream) {
    let mut from = BufReader::new(stream);
    let (mut line, mut word, mut length) = (String::new(), String::new(), 0);
    from.read_line(&mut line).unwrap();
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    loop {
        let mut header = String::new();
        from.read_line(&mut header).unwrap();
        match header.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", bytes)) => length = bytes.parse().unwrap(),
            Some(("x-word", value)) => word = format!("{value} "),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    if path == "/silent" {
        _ = from.read(&mut [0]);
        return;
    }
    let body = word + &String::from_utf8(body).unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nX-Method: {method}\r\nContent-Length: {}\r\n", body.len());
    from.into_inner().write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).unwrap();
}

fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| _ = std::thread::spawn(|| echo(stream.unwrap()))));
    at
}

/// Asked in `configure` and `tick`, refused in every way that takes no luck; the next page after `forget` is decided anew. Who uses
/// neither imports nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn requests_and_verdicts_reach_go_and_c() {
    let at = echo_server();
    let guests =
        [("go", "main.go", include_str!("guests/requests.go")), ("c", "plugin.c", include_str!("guests/requests.c"))];
    for (language, file, code) in guests {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("my-plugin");
        new::new(by_name(language).unwrap(), &dir).unwrap();
        let newer = || {
            let component = build::build(&Project::open(&dir).unwrap(), Mode::Release).unwrap().component;
            let text = String::from_utf8_lossy(&component).into_owned();
            ["weir:plugin/http@0.1.2", "weir:plugin/verdicts@0.1.2"].map(|import| text.contains(import))
        };
        assert_eq!(newer(), [false, false], "{language}");
        std::fs::write(dir.join(file), code).unwrap();
        assert_eq!(newer(), [true, true], "{language}");
        let text = format!(
            r#"
            grant = [{{ kind = "http", hosts = ["{at}"] }}]
            config = {{ url = "http://{at}/" }}
            limits = {{ timeout = "2s", memory = "128MiB" }}
            [[case]]
            name = "what is fetched anew is decided anew"
            [[case.step]]
            samples = 'up 1'
            out = 'up{{by="GET", early="there are no requests from here"}} 1'
            [[case.step]]
            tick = "15s"
            [[case.step]]
            samples = 'up 1'
            out = 'up{{by="PUT", early="there are no requests from here", echo="grüezi größe"}} 1'
            "#
        );
        std::fs::write(dir.join("tests/basic.toml"), text).unwrap();
        passes(&dir, fixtures(&dir)).await;
    }
}

/// While an author edits, the SDK is compiled once; what comes of it is a plugin like any other.
#[test]
fn a_c_plugin_is_built_soon_from_the_sdk_that_is_compiled_already() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("my-plugin");
    new::new(by_name("c").unwrap(), &dir).unwrap();
    let project = Project::open(&dir).unwrap();
    let first = build::build(&project, Mode::Watch).unwrap().component;
    let kept = || {
        let build = std::fs::read_dir(dir.join("build")).unwrap().map(|entry| entry.unwrap().path());
        build.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let [folder] = kept().try_into().unwrap();
    // what is compiled is taken as it is: here, nothing that a plugin could be made of
    for object in std::fs::read_dir(&folder).unwrap() {
        std::fs::write(object.unwrap().path(), "").unwrap();
    }
    build::build(&project, Mode::Watch).unwrap_err();
    // another state of the SDK is compiled anew
    let file = dir.join("weir/sdk/c/weir.h");
    let header = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, header + "\n").unwrap();
    assert_eq!(build::build(&project, Mode::Watch).unwrap().component, first);
    assert_eq!(kept().len(), 2);
}
