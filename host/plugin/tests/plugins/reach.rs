//! A guest that imports all that grants open: granted one of them it does not run, granted exactly these it reaches them and nothing
//! beside.

use std::fs;
use std::path::Path;

use weir_plugin::{Grant, PluginSettings};

use super::server::Server;
use super::{config, refused, support};

/// The guest, whose manifest asks for a variable, which is no import.
fn guest() -> Vec<u8> {
    let mut wasm = support::wasm("reaches");
    let section = [
        &[13][..],
        b"weir:manifest",
        br#"name = "reaches"
        grant = [{ kind = "env", names = ["CARGO_PKG_NAME"], why = "its name" }]"#,
    ]
    .concat();
    assert!(section.len() < 128, "its length is one byte");
    wasm.extend([0, u8::try_from(section.len()).unwrap()]);
    wasm.extend(section);
    wasm
}

fn all(folder: &Path, host: &str) -> [Grant; 5] {
    [
        Grant::FsRead { path: folder.to_owned(), mount: "/data".to_owned() },
        Grant::Env { names: vec!["CARGO_PKG_NAME".to_owned()] },
        Grant::Clock,
        Grant::Random,
        Grant::Http { hosts: vec![host.to_owned()], ca_file: None },
    ]
}

#[test]
fn one_that_imports_everything_and_is_granted_one_thing_is_told_all_others() {
    let dir = tempfile::tempdir().unwrap();
    let examples = [
        ("fs.read", r#"{ kind = "fs.read", path = "/PATH/TO/FOLDER", mount = "/data" }"#),
        ("env", r#"{ kind = "env", names = ["CARGO_PKG_NAME"] }"#),
        ("clock", r#"{ kind = "clock" }"#),
        ("random", r#"{ kind = "random" }"#),
        ("http", r#"{ kind = "http", hosts = ["HOST"] }"#),
    ];
    for one in all(dir.path(), "api.example.com") {
        let e = refused(guest(), PluginSettings { grants: vec![one.clone()], ..config("{}") });
        let (needs, line) = e.split_once("; where it may have that, write below its [plugins] heading: ").unwrap();
        let line = line.strip_prefix("grant = [").and_then(|l| l.strip_suffix(']')).unwrap();
        assert!(line.starts_with(&one.to_string()), "what is granted stays: {line}");
        for (kind, example) in examples {
            let is_granted = kind == one.kind().to_string();
            assert_eq!(needs.contains(&format!("{kind} (it")), !is_granted, "{one}: {kind}: {needs}");
            assert!(is_granted || line.contains(example), "{one}: {example} in {line}");
        }
        assert_eq!(line.matches("kind = ").count(), 5, "{line}");
    }
    let e = refused(guest(), config("{}"));
    for import in [
        "wasi:filesystem/types@",
        "wasi:clocks/wall-clock@",
        "wasi:clocks/monotonic-clock@",
        "wasi:random/random@",
        "weir:plugin/http@0.1.2",
    ] {
        assert!(e.contains(import), "{import} in {e}");
    }
    assert!(e.contains("env (its manifest asks for it: its name)"), "{e}");
}

#[test]
fn one_that_is_granted_exactly_what_it_imports_reaches_that_and_nothing_beside() {
    let (server, other) = (Server::start(), Server::start());
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("inside")).unwrap();
    fs::write(dir.path().join("inside/a"), "a table").unwrap();
    fs::write(dir.path().join("b"), "a secret").unwrap();
    let json = format!(r#"{{"url": "{}", "elsewhere": "{}"}}"#, server.url("/hello"), other.url("/hello"));
    let grants = all(&dir.path().join("inside"), &server.at.to_string());
    let said = refused(guest(), PluginSettings { grants: grants.to_vec(), ..config(&json) });
    let said: Vec<_> = said.split_once("refused its configuration: ").unwrap().1.split("; ").collect();
    let [file, beside, elsewhere_on_disk, env, clock, random, http, elsewhere] = said[..] else { panic!("{said:?}") };
    assert_eq!(
        [file, env, clock, random, http],
        ["file a table", "env CARGO_PKG_NAME=weir-plugin", "clock true true", "random true", "http hello"]
    );
    for (what, said) in [("beside", beside), ("other", elsewhere_on_disk)] {
        assert!(
            said.starts_with(what) && !said.contains("secret") && said.ends_with(|c: char| c.is_alphabetic()),
            "{said}"
        );
    }
    assert!(["PermissionDenied", "NotFound"].iter().any(|e| beside.ends_with(e)), "{beside}");
    assert!(
        ["PermissionDenied", "NotFound", "Uncategorized"].iter().any(|e| elsewhere_on_disk.ends_with(e)),
        "{elsewhere_on_disk}"
    );
    assert!(elsewhere.starts_with("elsewhere Refusal::NotGranted("), "{elsewhere}");
    assert_eq!((server.seen(), other.seen()), (1, 0));
}
