//! The test guests, built once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The component of a test guest (`tests/guests/examples/<name>.rs`).
pub(crate) fn wasm(name: &str) -> Vec<u8> {
    let path = built().join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Builds all guests, once in this process and not beside another one.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("guests");
        fs::create_dir_all(&target).unwrap();
        let lock = File::create(target.join("weir.lock")).unwrap();
        lock.lock().unwrap();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2", "--examples"])
            // Also where cargo looks for the guests' own configuration.
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests"))
            .env("CARGO_TARGET_DIR", &target)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET")
            .status()
            .unwrap();
        assert!(status.success(), "the test guests do not build (rustup target add wasm32-wasip2)");
        target.join("wasm32-wasip2/release/examples")
    })
}
