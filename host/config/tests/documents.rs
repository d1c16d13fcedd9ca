//! Whole documents in `testdata`, good and bad, against snapshots of what becomes of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use weir_config::{Colour, Environment, System, load_with, parse};

/// A fixed environment; folders of plugins hold what the documents speak of.
struct Surroundings;

impl Environment for Surroundings {
    fn var(&self, name: &str) -> Option<String> {
        (name == "HOSTNAME").then(|| "host-1".to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        match path.file_name().and_then(|name| name.to_str()) {
            Some("secret.txt") => Ok("hunter2\n".to_owned()),
            _ => System.read(path),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        if folder.ends_with("plugins") {
            return Ok(["redact.wasm", "README.md"].map(str::to_owned).to_vec());
        }
        System.list(folder)
    }

    fn plugins(&self) -> Vec<String> {
        vec!["level".to_owned()]
    }
}

fn documents(folder: &str) -> Vec<PathBuf> {
    let mut documents: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    documents.sort();
    assert!(!documents.is_empty());
    documents
}

fn snapshot(document: &Path, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new("..").join(document.parent().unwrap()));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(document.file_stem().unwrap().to_str().unwrap(), text));
}

#[test]
fn bad_documents_say_all_that_is_wrong() {
    for document in documents("testdata/bad") {
        let errors = load_with(&document, &Surroundings).unwrap_err();
        let text = errors.to_string();
        assert!(errors.errors().count() > 0, "{}", document.display());
        assert!(!text.contains("hunter2"), "a secret is shown: {text}");
        assert!(!text.contains('\x1b'), "colour without being asked");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{}: wider than a terminal: {line}", document.display());
        }
        snapshot(&document, &text);
    }
}

#[test]
fn good_documents_become_settings() {
    for document in documents("testdata/good") {
        let (config, warnings) = load_with(&document, &Surroundings).unwrap_or_else(|errors| panic!("{errors}"));
        let mut text = format!("{config:#?}\n");
        for warning in &warnings {
            write!(text, "\n{warning}").unwrap();
        }
        assert!(!text.contains("hunter2"), "a secret is shown: {text}");
        snapshot(&document, &text);
    }
}

/// The examples and the bench configurations, with a stand-in for every variable and every file they name.
#[test]
fn examples_are_right() {
    struct Anything;
    impl Environment for Anything {
        fn var(&self, name: &str) -> Option<String> {
            let value = match name {
                "BENCH_SINK" => "http://127.0.0.1:19090",
                "BENCH_HTTP" => "127.0.0.1:19092",
                "BENCH_INTERVAL" => "5s",
                "BENCH_TARGETS" => "/tmp/targets.json",
                url if url.ends_with("_URL") => "http://127.0.0.1:9009",
                "BENCH_LOGS" | "BENCH_DATA" => "/tmp/bench",
                _ => "value",
            };
            Some(value.to_owned())
        }
        fn read(&self, path: &Path) -> io::Result<String> {
            System.read(path)
        }
        fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
            match folder.to_str() {
                Some(plugins) if plugins.contains("plugins") => Ok(Vec::new()),
                _ => System.list(folder),
            }
        }
        fn plugins(&self) -> Vec<String> {
            ["drop", "level", "log-metrics", "quiet", "redact", "relabel", "rules"].map(str::to_owned).to_vec()
        }
    }
    let examples = std::fs::read_dir("../../examples").unwrap().map(|entry| entry.unwrap().path().join("weir.toml"));
    let mut documents: Vec<_> = examples.filter(|path| path.exists()).collect();
    documents.extend(["metrics", "metrics-native", "logs"].map(|name| format!("../../tests/bench/{name}.toml").into()));
    assert!(documents.len() >= 8, "{documents:?}");
    for document in documents {
        let (config, warnings) = load_with(&document, &Anything).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(!config.pipelines.is_empty());
        let warnings: String = warnings.iter().map(ToString::to_string).collect();
        assert!(warnings.is_empty(), "{warnings}");
    }
}

#[test]
fn equal_documents_are_equal_settings() {
    let load = |name: &str| load_with(Path::new(name), &Surroundings).unwrap().0;
    assert_eq!(load("testdata/good/everything.toml"), load("testdata/good/everything.toml"));
    assert_ne!(load("testdata/good/everything.toml"), load("testdata/good/warnings.toml"));
}

#[test]
fn a_missing_file_is_an_error_with_a_name() {
    let errors = load_with(Path::new("testdata/nowhere.toml"), &Surroundings).unwrap_err();
    let expected = "\
error: cannot read the configuration `testdata/nowhere.toml`: No such file or
       directory (os error 2)
   = help: give the file with --config; it must be readable to the user that
           weir runs as

1 error
";
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn colour_is_the_callers_choice() {
    let errors = parse("weir.toml", "x = 1", &Surroundings).unwrap_err();
    assert!(errors.render(Colour::Always).contains("\x1b[1;31merror"));
    assert!(!errors.render(Colour::Never).contains('\x1b'));
}

#[test]
fn expansion_reaches_strings_only_and_once() {
    struct Quotes;
    impl Environment for Quotes {
        fn var(&self, name: &str) -> Option<String> {
            (name == "HOSTILE").then(|| "\"\nlevel = 'x' ${env:HOSTILE}".to_owned())
        }
        fn read(&self, _: &Path) -> io::Result<String> {
            Err(io::ErrorKind::NotFound.into())
        }
        fn list(&self, _: &Path) -> io::Result<Vec<String>> {
            Err(io::ErrorKind::NotFound.into())
        }
    }
    let text = r#"global.external_labels = { a = "<${env:HOSTILE}>", b = "$${env:HOSTILE} ${1} $2 ${" }"#;
    let (config, _) = parse("weir.toml", text, &Quotes).unwrap();
    let labels = &config.global.external_labels;
    assert_eq!(labels["a"], "<\"\nlevel = 'x' ${env:HOSTILE}>");
    assert_eq!(labels["b"], "${env:HOSTILE} ${1} $2 ${");
}

proptest::proptest! {
    /// Any text is read or refused, never a panic; cut and mixed documents come nearer to what people write.
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = parse("weir.toml", &text, &Surroundings).map_err(|errors| errors.to_string());
    }

    #[test]
    fn no_cut_or_changed_document_panics(cut in 0..3000_usize, at in 0..3000_usize, with in "[\\[\\]{}=\"'\na0é.$-]{0,4}") {
        let text = include_str!("../testdata/good/everything.toml");
        let mut text: Vec<char> = text.chars().collect();
        text.truncate(text.len().saturating_sub(cut));
        let at = at.min(text.len());
        let text: String = text[..at].iter().copied().chain(with.chars()).chain(text[at..].iter().copied()).collect();
        let _ = parse("testdata/good/weir.toml", &text, &Surroundings).map_err(|errors| errors.to_string());
    }
}
