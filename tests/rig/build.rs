//! What the tests run: the weir program and plugins, built by cargo when first asked for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// The weir program, of the profile that the tests have; `WEIR_BIN` names another.
pub fn weir() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("WEIR_BIN") {
            return path.into();
        }
        let mut cargo = cargo();
        // as `cargo test --workspace` has built it already: a plain build has other features of wasmtime and tokio, and takes minutes
        cargo.args(["test", "--workspace", "--no-run", "--test", "program"]);
        let profile = if cfg!(debug_assertions) {
            "debug"
        } else {
            cargo.arg("--release");
            "release"
        };
        run(&mut cargo);
        target().join(profile).join("weir")
    })
}

/// A shipped plugin's component.
pub fn shipped(plugin: &str) -> PathBuf {
    component(&root(), &format!("weir-plugin-{plugin}"), &[])
}

/// A component from a package of the workspace at `workspace`, as its author would build it.
pub fn component(workspace: &Path, package: &str, more: &[&str]) -> PathBuf {
    let target = target().join("components");
    run(cargo()
        .current_dir(workspace)
        .args(["build", "--profile", "plugin", "--target", "wasm32-wasip2", "-p", package])
        .args(more)
        .arg("--target-dir")
        .arg(&target));
    target.join("wasm32-wasip2/plugin").join(format!("{}.wasm", package.replace('-', "_")))
}

/// The plugin that marks what it sees with its version, in a file called `mark.wasm` in `dir`. Written as an operator would
/// replace it: beside, then renamed.
pub fn put_mark(dir: &Path, version: &str) {
    put_version(dir, "mark", version);
}

/// The plugin that counts lines, in a file called `count.wasm` in `dir`; as above.
pub fn put_count(dir: &Path, version: &str) {
    put_version(dir, "count", version);
}

fn put_version(dir: &Path, guest: &str, version: &str) {
    // both versions are built to one path, and tests run side by side
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let features: &[&str] = if version == "two" { &["--features", "two"] } else { &[] };
    put(&component(&root(), &format!("weir-guest-{guest}"), features), dir, guest);
}

/// A hostile guest of `host/plugin/tests/guests`.
pub fn hostile(guest: &str) -> PathBuf {
    let package = root().join("host/plugin/tests/guests");
    let target = target().join("guests");
    run(cargo()
        .current_dir(&package)
        .args(["build", "--release", "--target", "wasm32-wasip2", "--example", guest, "--target-dir"])
        .arg(&target));
    target.join("wasm32-wasip2/release/examples").join(format!("{guest}.wasm"))
}

/// Copies a component to `dir/NAME.wasm`, whole at once.
pub fn put(component: &Path, dir: &Path, name: &str) {
    std::fs::create_dir_all(dir).unwrap();
    let beside = dir.join(format!(".{name}.tmp"));
    std::fs::copy(component, &beside).unwrap();
    std::fs::rename(beside, dir.join(format!("{name}.wasm"))).unwrap();
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    // What `cargo test` says to a test about its own package. Build scripts that look at it (ring's does) would run again,
    // and all that stands on them be built again, by turns with the outer build.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs it to its end and gives what it prints.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("cargo starts");
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
