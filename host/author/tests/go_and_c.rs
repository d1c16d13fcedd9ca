//! Components of Go and C, from source to the suite and to the fixtures of their examples and templates.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

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

/// Builds a project as an author who ships it does, and checks it.
async fn passes(dir: &Path, documents: Vec<Document>) {
    let cache = tempfile::tempdir().unwrap();
    let project = Project::open(dir).unwrap();
    let component = build::build(&project, Mode::Release).unwrap();
    let rig = Rig::new(project.name(), component, Some(cache.path())).unwrap();
    let mut cases = 0;
    for document in &documents {
        for (name, outcome) in check(&rig, document).await.cases {
            cases += 1;
            if let Outcome::Failed(why) = outcome {
                panic!("{}: {name}\n{why}", dir.display());
            }
        }
    }
    assert!(cases > 0, "{} has no case", dir.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_in_go_passes_the_suite() {
    passes(&root().join("sdk/go/conformance"), conformance::documents().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_in_c_passes_the_suite() {
    passes(&root().join("sdk/c/conformance"), conformance::documents().unwrap()).await;
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

/// What the compiler says about the author's code is what the author reads.
#[test]
fn what_a_compiler_finds_is_told() {
    for (language, file, wrong, told) in [
        ("go", "main.go", "package main\nfunc main() { nothing() }\n", "main.go:2:15: undefined: nothing"),
        ("c", "plugin.c", "#include \"weir.h\"\nint main(void) { nothing(); }\n", "plugin.c:2:18: "),
        ("go", "main.go", "package main\nfunc main() {}\n", "it exports no interface of weir's"),
        ("c", "plugin.c", "#include \"weir.h\"\n", "it exports no interface of weir's"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("my-plugin");
        new::new(by_name(language).unwrap(), &dir).unwrap();
        std::fs::write(dir.join(file), wrong).unwrap();
        let error = build::build(&Project::open(&dir).unwrap(), Mode::Watch).unwrap_err().to_string();
        assert!(error.contains(told), "{language}: {error}");
    }
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
    assert_eq!(imports(&build::build(&Project::open(&dir).unwrap(), Mode::Release).unwrap()), 0);

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

/// While an author edits, the SDK is compiled once; what comes of it is a plugin like any other.
#[test]
fn a_c_plugin_is_built_soon_from_the_sdk_that_is_compiled_already() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("my-plugin");
    new::new(by_name("c").unwrap(), &dir).unwrap();
    let project = Project::open(&dir).unwrap();
    let first = build::build(&project, Mode::Watch).unwrap();
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
    assert_eq!(build::build(&project, Mode::Watch).unwrap(), first);
    assert_eq!(kept().len(), 2);
}
