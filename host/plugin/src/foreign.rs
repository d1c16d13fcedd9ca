//! What a file is that is no component, and what to do about it.

use crate::error::LoadReason;

/// Where WebAssembly begins: magic, version, layer (component model, binary format).
const MAGIC: &[u8] = b"\0asm";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// The beginnings of what ends up under a plugin's name by mistake.
const KNOWN: &[(&[u8], &str)] = &[
    (b"\x7fELF", "a native or precompiled (.cwasm) program: weir loads components and compiles them itself"),
    (b"!<arch>", "a static library: build for a WebAssembly target, as with `weir plugin build`"),
    (b"PK\x03\x04", "a zip archive: unpack it and copy the .wasm file within"),
    (b"\x1f\x8b", "compressed by gzip: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd: unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with `git lfs pull`"),
    (b"<", "a web page, perhaps of a download that failed: download it again"),
    (b"(component", "WebAssembly as text: make it binary with `wasm-tools parse`"),
    (b"(module", "WebAssembly as text: make it binary with `wasm-tools parse`"),
];

/// Refuses what does not begin as a component does.
pub(crate) fn check_header(bytes: &[u8]) -> Result<(), LoadReason> {
    if bytes.starts_with(COMPONENT) {
        return Ok(());
    }
    if bytes.starts_with(MODULE) {
        return Err(LoadReason::CoreModule);
    }
    if COMPONENT.starts_with(bytes) || MODULE.starts_with(bytes) {
        return Err(LoadReason::Truncated { bytes: bytes.len() as u64 });
    }
    if bytes.starts_with(MAGIC) {
        return Err(LoadReason::NotWasm("WebAssembly of another version of the format: rebuild it with current tools"));
    }
    let text = bytes.trim_ascii_start();
    let found = KNOWN.iter().find(|(begin, _)| text.starts_with(begin));
    Err(LoadReason::NotWasm(
        found.map_or("build it with `weir plugin build`, and copy the .wasm file", |(_, what)| what),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_what_it_is() {
        for (bytes, says) in [
            (&b""[..], "cut off after 0 bytes"),
            (b"\0as", "cut off after 3 bytes"),
            (b"\0asm\x0d\0", "cut off after 6 bytes"),
            (MODULE, "a core module, not a component"),
            (b"\0asm\x0a\0\x01\0", "another version of the format"),
            (b"\x7fELF\x02", "native or precompiled"),
            (b"PK\x03\x04..", "a zip archive"),
            (b"\n<!doctype html>", "a web page"),
            (b"(component)", "as text"),
            (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
            (b"rubbish", "not a WebAssembly file: build it with"),
        ] {
            let e = check_header(bytes).unwrap_err().to_string();
            assert!(e.contains(says), "{e}");
        }
        check_header(COMPONENT).unwrap();
    }
}
