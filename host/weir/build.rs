//! Builds the plugins that the demo embeds, with the cargo that builds weir and for `wasm32-wasip2`.
//!
//! They get a target folder of their own: the one in use is locked by the cargo that runs this script.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `weir demo` runs.
const EMBEDDED: &[&str] = &["relabel", "redact"];
const TARGET: &str = "wasm32-wasip2";

fn main() -> Result<(), String> {
    let dir = |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo does not set {name}"));
    let out = dir("OUT_DIR")?;
    let root = dir("CARGO_MANIFEST_DIR")?.join("../..");
    for dir in ["plugins", "sdk/rust", "wit", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(dir).display());
    }
    add_target();
    let target = own_target(&out);
    build(&root, &target).map_err(|output| {
        format!(
            "the plugins that weir embeds do not build:\n{output}\nIs the target there? Try: rustup target add {TARGET}"
        )
    })?;
    for plugin in EMBEDDED {
        let from = target.join(TARGET).join("plugin").join(format!("weir_plugin_{plugin}.wasm"));
        std::fs::copy(&from, out.join(format!("{plugin}.wasm"))).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    Ok(())
}

/// `target/components` beside the profile's folder (`target/PROFILE/build/weir-HASH/out`), so that all profiles share it.
fn own_target(out: &Path) -> PathBuf {
    out.ancestors().nth(4).map_or_else(|| out.join("components"), |target| target.join("components"))
}

/// Makes sure of the target where rustup manages the toolchain; elsewhere the build's own message tells.
fn add_target() {
    println!("cargo::rerun-if-env-changed=RUSTUP_TOOLCHAIN");
    let listed = Command::new("rustup").args(["target", "list", "--installed"]).output();
    let Ok(listed) = listed else { return };
    if !String::from_utf8_lossy(&listed.stdout).lines().any(|line| line == TARGET) {
        println!("cargo::warning=adding the Rust target {TARGET} with rustup");
        let _ = Command::new("rustup").args(["target", "add", TARGET]).status();
    }
}

fn build(root: &Path, target: &Path) -> Result<(), String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--profile", "plugin", "--target", TARGET, "--target-dir"]).arg(target);
    for plugin in EMBEDDED {
        cargo.arg("-p").arg(format!("weir-plugin-{plugin}"));
    }
    // What the outer cargo tells its compiler (clippy's wrapper, flags for the host) is not meant for these.
    for name in [
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTDOCFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "CLIPPY_ARGS",
    ] {
        cargo.env_remove(name);
    }
    let output = cargo.output().map_err(|e| e.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
