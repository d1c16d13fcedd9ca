//! Lists what `weir plugin new` writes beside an author's code: the SDKs with their templates, the contract and the
//! conformance cases, each file as bytes within the binary.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are no part of an SDK as an author gets it: what tools leave behind, and what tests the SDK itself. The
/// guests of `conformance` are tests too, but the suite's own folder is `sdk/conformance`.
const LEFT_OUT: &[&str] = &["target", "node_modules", "__pycache__", "build", "benches", "examples", ".venv"];

fn main() -> Result<(), String> {
    let dir = |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo does not set {name}"));
    let root = dir("CARGO_MANIFEST_DIR")?.join("../..").canonicalize().map_err(|e| e.to_string())?;
    let mut files = vec![];
    for top in ["sdk", "wit"] {
        list(&root.join(top), &mut files).map_err(|e| format!("{top}: {e}"))?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).map_err(|e| e.to_string())?;
        let name = name.to_str().ok_or_else(|| format!("{} is no UTF-8", file.display()))?.replace('\\', "/");
        writeln!(table, "    ({name:?}, include_bytes!({:?}) as &[u8]),", file.display()).map_err(|e| e.to_string())?;
    }
    table.push_str("]\n");
    fs::write(dir("OUT_DIR")?.join("embedded.rs"), table).map_err(|e| e.to_string())
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    // a folder changes when something is added to it or taken away; what changes within a file, `include_bytes` sees
    println!("cargo::rerun-if-changed={}", dir.display());
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let in_language = dir.parent().is_some_and(|p| p.ends_with("sdk"));
        if LEFT_OUT.contains(&name) || (in_language && ["conformance", "tests"].contains(&name)) {
            continue;
        }
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
