//! What a component may import, decided before it runs.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::contract;
use crate::error::LoadReason;
use crate::wasi;

/// Refuses the first import that plugins do not get.
pub(crate) fn check(engine: &Engine, component: &Component) -> Result<(), LoadReason> {
    for (name, _) in component.component_type().imports(engine) {
        check_name(name)?;
    }
    Ok(())
}

fn check_name(import: &str) -> Result<(), LoadReason> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    if let Some(own) = interface.strip_prefix("weir:plugin/") {
        contract::check_version(version)?;
        if matches!(own, "host" | "types") {
            return Ok(());
        }
    }
    let is_wasi = wasi::INTERFACES.contains(&interface) || interface == wasi::SEED;
    if is_wasi && version.starts_with("0.2.") {
        return Ok(());
    }
    Err(LoadReason::Import { import: import.to_owned(), advice: advice(interface, is_wasi) })
}

fn advice(interface: &str, is_wasi: bool) -> &'static str {
    if is_wasi {
        return "only version 0.2 of this interface is there: build for wasm32-wasip2";
    }
    match interface {
        i if i.starts_with("weir:plugin/") => "it is not part of this contract version: update weir",
        i if i.starts_with("wasi:filesystem/") || i.starts_with("wasi:sockets/") || i.starts_with("wasi:http/") => {
            "plugins have no files and no network: move the data into the plugin's config, or build without it"
        }
        i if i.starts_with("wasi:clocks/") => {
            "plugins have no clock, for their answers must depend on the batch alone: use the batch's timestamps"
        }
        i if i.starts_with("wasi:random/") => "plugins have no randomness: derive it from the batch, by a hash",
        _ => "build without it, or compose the plugin with a component that provides it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for ok in [
            "weir:plugin/host@0.1.0",
            "weir:plugin/host@0.1.7",
            "wasi:io/streams@0.2.3",
            "wasi:random/insecure-seed@0.2.0",
        ] {
            check_name(ok).unwrap();
        }
        for (bad, says) in [
            ("weir:plugin/host@0.2.0", "update weir"),
            ("weir:plugin/files@0.1.0", "update weir"),
            (
                "wasi:clocks/wall-clock@0.2.0",
                "wasi:clocks/wall-clock@0.2.0, which plugins do not get: plugins have no clock",
            ),
            ("wasi:cli/environment@0.3.0", "only version 0.2"),
            ("wasi:cli/run@0.2.0", "build without it"),
            ("env", "build without it"),
        ] {
            let e = check_name(bad).unwrap_err().to_string();
            assert!(e.contains(says), "{bad}: {e}");
        }
    }
}
