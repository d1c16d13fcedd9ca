//! The versions of the contract, a folder each. A track (0.1, 0.2, …) has its own generated bindings, its own checks and its own
//! way into [`weir_pipeline::guest`]'s types; what is one of them is picked by the version in the component's exports.

mod v0_1;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::LoadReason;

pub(crate) use v0_1::{Instance, Program};

/// The version of the contract that this weir has.
pub(crate) const VERSION: &str = "0.1.2";

/// What of the contract a component may export.
const EXPORTS: [&str; 5] = ["lifecycle", "series", "samples", "logs", "tick"];

/// Why a component cannot be linked: it may be newer than this weir, and otherwise it is misbuilt.
pub(crate) fn misfit(engine: &Engine, component: &Component, error: &wasmtime::Error) -> LoadReason {
    let ty = component.component_type();
    let names = ty.imports(engine).map(|(name, _)| name).chain(ty.exports(engine).map(|(name, _)| name));
    match newest(names) {
        Some(found) if patch(found) > patch(VERSION) => LoadReason::Newer {
            found: found.to_owned(),
            known: VERSION,
            what: format!("needs what came later: {error:#}"),
        },
        _ => LoadReason::Shape(format!("{error:#}")),
    }
}

/// The newest version that one of these interfaces of the contract has; versions of one track differ by their last number.
pub(crate) fn newest<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let versions = names.filter_map(|name| name.strip_prefix("weir:plugin/")?.split_once('@').map(|(_, v)| v));
    versions.max_by_key(|v| patch(v))
}

fn patch(version: &str) -> Option<u64> {
    version.rsplit('.').next()?.parse().ok()
}

/// Refuses a contract version that is not compatible with [`VERSION`]. Within a track imports may have grown, which linking
/// finds out.
pub(crate) fn check_version(version: &str) -> Result<(), LoadReason> {
    let mut parts = version.split('.').map(|p| p.parse::<u64>().ok());
    let track = (parts.next().flatten(), parts.next().flatten());
    let advice = match track {
        (Some(0), Some(1)) => return Ok(()),
        (Some(0), Some(0)) | (None, _) | (_, None) => "rebuild the plugin with an SDK of this weir's version",
        _ => "update weir, or build the plugin with an older SDK",
    };
    Err(LoadReason::Contract { found: version.to_owned(), known: VERSION, advice })
}

/// Whether a component exports what a plugin must, in a version that is known.
pub(crate) fn check_exports(names: &[String]) -> Result<(), LoadReason> {
    let mut exports = Vec::new();
    for name in names {
        let Some(own) = name.strip_prefix("weir:plugin/") else { continue };
        let (interface, version) = own.split_once('@').unwrap_or((own, ""));
        check_version(version)?;
        if !EXPORTS.contains(&interface) {
            return Err(LoadReason::Newer {
                found: version.to_owned(),
                known: VERSION,
                what: format!("exports {own}"),
            });
        }
        exports.push(interface);
    }
    if !exports.iter().any(|e| matches!(*e, "series" | "samples" | "logs")) {
        let exports = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        return Err(LoadReason::NoInterface { exports: crate::guest_log::tidy(&exports) });
    }
    if !exports.contains(&"lifecycle") {
        return Err(LoadReason::NoLifecycle);
    }
    Ok(())
}

/// Whether the contract has an interface of this name to import.
pub(crate) fn offers(interface: &str) -> bool {
    matches!(interface, "host" | "types" | "emit" | "state" | "verdicts" | "http")
}

/// Whether `name` is a label name: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub(crate) fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        check_version("0.1.0").unwrap();
        check_version("0.1.12").unwrap();
        assert!(check_version("0.2.0").unwrap_err().to_string().contains("update weir"));
        assert!(check_version("1.1.0").unwrap_err().to_string().contains("update weir"));
        assert!(check_version("0.0.9").unwrap_err().to_string().contains("rebuild"));
        assert!(check_version("").unwrap_err().to_string().contains("rebuild"));
    }

    #[test]
    fn label_names() {
        for good in ["a", "_", "__name__", "A9_"] {
            assert!(is_label_name(good));
        }
        for bad in ["", "9a", "a-b", "é", "a b"] {
            assert!(!is_label_name(bad));
        }
    }
}
