//! Rust: cargo makes a core module, which becomes a component here; without any WASI import, since the target has none.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use toml::Table;

use crate::build::Built;
use crate::component::encode;
use crate::error::AuthorError;
use crate::language::{Language, Mode, NewFile};
use crate::project::Project;
use crate::tool::{Missing, Tool, run};

/// Without an operating system: nothing is imported but weir's own interfaces.
const BARE: &str = "wasm32-unknown-unknown";
/// With one: for a plugin that asks for grants of WASI, whose `std::fs` and `std::env` are to work.
const WASI: &str = "wasm32-wasip2";

/// Versions of what the SDK depends on: those of weir's own workspace.
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// See the [module](self).
pub(super) struct Rust;

impl Language for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn taken(&self) -> &'static [&'static str] {
        // `Self` is what the type would be called
        &["weir-sdk", "weir_sdk", "self"]
    }

    fn finish_new(&self, files: &mut Vec<NewFile>) -> Result<(), AuthorError> {
        for (path, bytes) in files.iter_mut().filter(|(path, _)| path == "weir/sdk/rust/Cargo.toml") {
            *bytes = alone(&String::from_utf8_lossy(bytes), WORKSPACE)
                .map_err(|what| AuthorError::Manifest { path: PathBuf::from(path.as_str()), what })?
                .into_bytes();
        }
        Ok(())
    }

    fn toolchain(&self, project: &Project) -> Vec<Missing> {
        let cargo = Tool {
            probe: &["cargo", "--version"],
            what: "cargo, which builds Rust,",
            install: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
        };
        if let Err(missing) = cargo.ask() {
            return vec![missing];
        }
        let target = target(project);
        let sysroot = Tool { probe: &["rustc", "--print", "sysroot"], ..cargo };
        let found = sysroot.ask().is_ok_and(|root| Path::new(root.trim()).join("lib/rustlib").join(target).is_dir());
        if found {
            return vec![];
        }
        vec![Missing { what: format!("the Rust target {target}"), install: format!("rustup target add {target}") }]
    }

    fn build(&self, project: &Project, mode: Mode) -> Result<Built, AuthorError> {
        let ran = run(cargo(project, mode).current_dir(&project.dir)).map_err(without_messages)?;
        let file = artifact(&ran.output).ok_or_else(|| AuthorError::Component {
            what: "cargo built no module",
            reason: "Cargo.toml needs: [lib] crate-type = [\"cdylib\", \"rlib\"]".to_owned(),
        })?;
        let component = encode(std::fs::read(&file).map_err(AuthorError::file(&file))?, None, None)?;
        Ok(Built { component, said: ran.said })
    }
}

fn target(project: &Project) -> &'static str {
    // requests are an interface of weir's own
    if project.manifest.grants.iter().all(|asked| asked.kind == weir_plugin::Kind::Http) { BARE } else { WASI }
}

/// The build, with a profile of our own, so that a plugin is the same wherever its manifest stands.
fn cargo(project: &Project, mode: Mode) -> Command {
    let mut cargo = Command::new("cargo");
    let target = target(project);
    // what comes with colour goes to a terminal in the end, or weir takes it out
    cargo.args(["build", "--lib", "--target", target, "--message-format", "json-render-diagnostics", "--quiet"]);
    let profile: &[&str] = match mode {
        Mode::Release => &[
            "inherits=\"release\"",
            "opt-level=3",
            "lto=\"fat\"",
            "codegen-units=1",
            "strip=true",
            "debug=false",
            "panic=\"abort\"",
        ],
        // a little optimised, so that tests keep their time limits; what runs at build time not at all
        Mode::Watch => {
            &["inherits=\"dev\"", "opt-level=1", "debug=false", "strip=true", "incremental=true", "panic=\"abort\""]
        }
    };
    let name = if mode == Mode::Release { "weir" } else { "weir-watch" };
    for setting in profile {
        cargo.arg("--config").arg(format!("profile.{name}.{setting}"));
    }
    cargo.args(["--profile", name]);
    // searching text in a guest is twice as fast with it, and every engine has had it since 2022
    cargo.arg("--config").arg(format!("target.{target}.rustflags=[\"-Ctarget-feature=+simd128\"]"));
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    cargo
}

/// What cargo says to an author, without what it says to programs.
fn without_messages(error: AuthorError) -> AuthorError {
    match error {
        AuthorError::Tool { program, output } => {
            let mut lines: Vec<_> = output.lines().filter(|line| !line.starts_with("{\"reason\":")).collect();
            // as newer ones say it, and those before the edition
            if output.contains("requires rustc") || output.contains("feature `edition") {
                lines.push("a newer Rust comes by: rustup update stable");
            }
            AuthorError::Tool { program, output: lines.join("\n") }
        }
        other => other,
    }
}

/// The last module that cargo says it made: that of the package itself.
fn artifact(messages: &[u8]) -> Option<PathBuf> {
    let messages = messages.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let modules = messages.filter(|m| m["reason"] == "compiler-artifact").filter_map(|m| {
        let files = m["filenames"].as_array()?.iter().filter_map(|f| f.as_str().map(PathBuf::from));
        files.into_iter().find(|f| f.extension().is_some_and(|e| e == "wasm"))
    });
    modules.fold(None, |_, last| Some(last))
}

/// A manifest of weir's workspace as one that stands alone: what it inherits is written out, what concerns weir's own tests
/// is left out.
fn alone(manifest: &str, workspace: &str) -> Result<String, String> {
    let mut manifest: Table = manifest.parse().map_err(|e| format!("{e}"))?;
    let workspace: Table = workspace.parse().map_err(|e| format!("{e}"))?;
    let workspace = workspace.get("workspace").and_then(|w| w.as_table()).ok_or("no workspace")?;
    for key in ["lints", "dev-dependencies", "example", "bench", "test"] {
        manifest.remove(key);
    }
    let inherited = |section: &str| workspace.get(section).and_then(|s| s.as_table()).cloned().unwrap_or_default();
    if let Some(package) = manifest.get_mut("package").and_then(|p| p.as_table_mut()) {
        inherit(package, &inherited("package"));
    }
    inherit_dependencies(&mut manifest, &inherited("dependencies"));
    toml::to_string(&manifest).map_err(|e| e.to_string())
}

fn inherit_dependencies(table: &mut Table, workspace: &Table) {
    for (key, value) in table.iter_mut() {
        let Some(inner) = value.as_table_mut() else { continue };
        if key == "dependencies" { inherit(inner, workspace) } else { inherit_dependencies(inner, workspace) }
    }
}

/// Puts the workspace's value where a key says `workspace = true`; features that are asked for besides are kept.
fn inherit(table: &mut Table, workspace: &Table) {
    for (key, value) in table.iter_mut() {
        let Some(own) = value.as_table().filter(|t| t.get("workspace").is_some_and(|w| w.as_bool() == Some(true)))
        else {
            continue;
        };
        let mut own = own.clone();
        own.remove("workspace");
        let Some(found) = workspace.get(key) else { continue };
        *value = match (found, own.is_empty()) {
            (found, true) => found.clone(),
            (toml::Value::Table(found), false) => {
                let mut all = found.clone();
                all.extend(own);
                all.into()
            }
            (version, false) => {
                own.insert("version".to_owned(), version.clone());
                own.into()
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::read_embedded;

    #[test]
    fn the_sdk_stands_alone() {
        let sdk = std::str::from_utf8(read_embedded("sdk/rust/Cargo.toml").unwrap()).unwrap();
        let alone = alone(sdk, WORKSPACE).unwrap();
        // a path dependency is of the workspace of whom it serves
        assert!(!alone.contains("workspace"), "{alone}");
        let table: Table = alone.parse().unwrap();
        assert_eq!(table["package"]["edition"].as_str(), Some("2024"));
        assert!(table["dependencies"]["serde"]["features"].as_array().is_some());
        assert!(!table.contains_key("lints") && !table.contains_key("dev-dependencies"));
    }

    #[test]
    fn what_cargo_says_to_programs_is_not_for_authors() {
        let output = "error: no\n  --> src/lib.rs:1:1\n{\"reason\":\"build-finished\",\"success\":false}".to_owned();
        let error = without_messages(AuthorError::Tool { program: "cargo".to_owned(), output });
        assert_eq!(error.to_string(), "cargo failed\nerror: no\n  --> src/lib.rs:1:1");
        for old in ["weir-sdk@0.1.0 requires rustc 1.88", "error: feature `edition2024` is required"] {
            let error = without_messages(AuthorError::Tool { program: "cargo".to_owned(), output: old.to_owned() });
            assert_eq!(error.to_string(), format!("cargo failed\n{old}\na newer Rust comes by: rustup update stable"));
        }
    }

    #[test]
    fn the_module_is_the_packages_own() {
        let messages = br#"{"reason":"compiler-artifact","filenames":["/t/libserde.rlib"]}
{"reason":"compiler-artifact","filenames":["/t/tidy.wasm","/t/libtidy.rlib"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(artifact(messages), Some(PathBuf::from("/t/tidy.wasm")));
        assert_eq!(artifact(b"{}"), None);
    }
}
