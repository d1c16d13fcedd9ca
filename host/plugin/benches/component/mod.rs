//! A guest that is a package of its own, built as an author would.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the component of a package is.
pub(crate) fn built(package: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("components");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", package, "--profile", "plugin", "--target", "wasm32-wasip2"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(root)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .status()
        .unwrap();
    assert!(status.success(), "the guest does not build (rustup target add wasm32-wasip2)");
    target.join("wasm32-wasip2/plugin").join(format!("{}.wasm", package.replace('-', "_")))
}
