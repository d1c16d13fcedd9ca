//! What a grant opens, and that nothing else is open: real files, and a guest that tries.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use weir_plugin::{Grant, PluginSettings};

use super::{config, load, refused, support, try_load};

/// What the guest says of its attempt: it refuses its configuration with the outcome.
fn attempt(folder: &Path, what: &str, path: &str) -> String {
    let json = format!(r#"{{"do": "{what}", "path": "{path}"}}"#);
    let grants = vec![Grant::FsRead { path: folder.to_owned(), mount: "/data".to_owned() }];
    let said = refused(support::wasm("reads"), PluginSettings { grants, ..config(&json) });
    said.strip_prefix("plugin p: refused its configuration: ").unwrap_or(&said).to_owned()
}

#[test]
fn a_granted_folder_is_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    let big = "line\n".repeat(600_000);
    fs::write(dir.path().join("sub/big"), &big).unwrap();
    fs::write(dir.path().join("a.csv"), "10.0.0.1,fra").unwrap();
    symlink("sub/big", dir.path().join("link")).unwrap();
    assert_eq!(attempt(dir.path(), "read", "/data/a.csv"), "10.0.0.1,fra");
    assert_eq!(attempt(dir.path(), "list", "/data"), "a.csv,link,sub");
    for path in ["/data/sub/big", "/data/link", "/data/sub/../link"] {
        assert_eq!(attempt(dir.path(), "size", path), big.len().to_string());
    }
    assert_eq!(attempt(dir.path(), "read", "/data/nothing"), "error: NotFound");
    assert_eq!(attempt(dir.path(), "read", "/data/sub"), "error: IsADirectory");
}

#[test]
fn nothing_leads_out_of_a_folder() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let dir = outside.path().join("inside");
    fs::create_dir(&dir).unwrap();
    symlink("../secret", dir.join("relative")).unwrap();
    symlink(outside.path().join("secret"), dir.join("absolute")).unwrap();
    symlink("..", dir.join("up")).unwrap();
    for path in ["/data/../secret", "/data/relative", "/data/absolute", "/data/up/secret", "/etc/hostname", "secret"] {
        for what in ["read", "size"] {
            let said = attempt(&dir, what, path);
            assert!(said.starts_with("error: "), "{what} {path}: {said}");
        }
    }
    assert_eq!(attempt(&dir, "list", "/data"), "absolute,relative,up");
}

#[test]
fn nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "as it was").unwrap();
    for (what, path) in [
        ("write", "/data/a"),
        ("write", "/data/new"),
        ("create folder", "/data/d"),
        ("remove", "/data/a"),
        ("rename", "/data/a"),
    ] {
        assert_eq!(attempt(dir.path(), what, path), "error: ReadOnlyFilesystem", "{what} {path}");
    }
    assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "as it was");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_pipe_holds_nobody_and_handles_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(attempt(dir.path(), "read", "/data/pipe"), "error: PermissionDenied");
    fs::write(dir.path().join("a"), "").unwrap();
    assert_eq!(attempt(dir.path(), "open many", "/data/a"), "error: OutOfMemory");
}

#[test]
fn without_a_grant_it_does_not_run() {
    let e = refused(support::wasm("reads"), config("{}"));
    assert!(e.contains("needs a grant for fs.read (it imports wasi:filesystem/"), "{e}");
    assert!(e.contains(r#"grant = [{ kind = "fs.read", path = "/PATH/TO/FOLDER", mount = "/data" }]"#), "{e}");
    // All but what it needs opens nothing for it.
    let env = Grant::Env { names: vec!["PATH".to_owned()] };
    let others = PluginSettings { grants: vec![Grant::Clock, Grant::Random, env], ..config("{}") };
    assert!(refused(support::wasm("reads"), others).contains("needs a grant for fs.read"));
}

#[test]
fn a_folder_or_variable_that_is_missing_is_named() {
    let missing = Grant::FsRead { path: "/no/such/folder".into(), mount: "/data".to_owned() };
    let e = refused(support::wasm("reads"), PluginSettings { grants: vec![missing], ..config("{}") });
    assert!(e.contains("cannot be given: cannot open the folder /no/such/folder: "), "{e}");
    let unset = Grant::Env { names: vec!["WEIR_NO_SUCH_VARIABLE".to_owned()] };
    let e = refused(support::wasm("everything"), PluginSettings { grants: vec![unset], ..config("{}") });
    assert!(e.contains("WEIR_NO_SUCH_VARIABLE: environment variable not found; set it"), "{e}");
}

#[test]
fn a_clock_is_granted() {
    let one = load("clock", PluginSettings { grants: vec![Grant::Clock], ..config("{}") });
    let batch = weir_pipeline::guest::SeriesBatch { rows: 1, ..Default::default() };
    let said = one.guest().relabel(&batch).unwrap_err().to_string();
    assert!(said.contains("SystemTime"), "{said}");
}

#[test]
fn a_grant_that_nobody_uses_is_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Grant::FsRead { path: dir.path().to_owned(), mount: "/data".to_owned() };
    let all = PluginSettings { grants: vec![folder, Grant::Clock, Grant::Random], ..config("{}") };
    assert!(try_load(support::wasm("everything"), all).is_ok());
}
