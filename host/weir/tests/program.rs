//! The program as it stands on a path. (This file is also what has `cargo test` build the program as it builds the tests, with the same
//! features of the same dependencies: `tests/rig/build.rs`.)

use std::process::Command;

#[test]
fn it_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir")).arg("--version").output();
    let said = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    assert_eq!(said.ok(), Some(format!("weir {}\n", env!("CARGO_PKG_VERSION"))));
}
