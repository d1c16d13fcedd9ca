//! What the components are that the examples become: exactly the exports they name, and no import but weir's own and the
//! WASI that the toolchain pulls in by itself.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmparser::{Parser, Payload};

/// What `std` brings along on wasm32-wasip2; weir provides it, with nothing behind it.
const TOOLCHAINS_OWN: [&str; 13] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// Builds the examples as a plugin's author would.
fn built() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--examples", "--target", "wasm32-wasip2", "--target-dir"]).arg(target);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n(is the target there? rustup target add wasm32-wasip2)");
    target.join("wasm32-wasip2/debug/examples")
}

/// The names of a component's imports and exports, without their versions.
fn interface(component: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let bytes = std::fs::read(component).unwrap();
    let (mut imports, mut exports, mut depth) = (BTreeSet::new(), BTreeSet::new(), 0);
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(section.into_iter().map(|import| unversioned(import.unwrap().name.name)));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(section.into_iter().map(|export| unversioned(export.unwrap().name.name)));
            }
            _ => {}
        }
    }
    (imports, exports)
}

fn unversioned(name: &str) -> String {
    name.split('@').next().unwrap_or(name).to_owned()
}

#[test]
fn components_export_what_they_name_and_import_nothing_more() {
    let dir = built();
    for (example, expected, asked) in [
        ("tidy", ["series"].as_slice(), None),
        ("everything", &["series", "samples", "logs"], None),
        ("asks", &["series"], Some("weir:plugin/http")),
    ] {
        let (imports, exports) = interface(&dir.join(format!("{example}.wasm")));
        let named = expected.iter().chain(["lifecycle"].iter()).map(|i| format!("weir:plugin/{i}"));
        assert_eq!(exports, named.collect(), "{example}");
        // who emits nothing, keeps nothing and asks nobody imports none of these, which an older weir has not, and needs no grant
        let own: BTreeSet<_> = imports.iter().map(String::as_str).filter(|i| !TOOLCHAINS_OWN.contains(i)).collect();
        assert_eq!(own, ["weir:plugin/host", "weir:plugin/types"].into_iter().chain(asked).collect(), "{example}");
    }
}
