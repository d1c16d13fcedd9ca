//! What a component may import, decided before it is compiled.

use crate::contract;
use crate::error::LoadReason;
use crate::grants::{self, Grant, Need};
use crate::outline::Outline;
use crate::wasi;

/// Refuses what plugins do not get at all, and what this one was not granted.
pub(crate) fn check(outline: &Outline, grants: &[Grant]) -> Result<(), LoadReason> {
    for import in outline.imports.iter().filter(|i| !i.is_types_only()) {
        check_name(&import.name)?;
    }
    let needs = grants::needs(outline);
    let missing: Vec<&Need> = needs.iter().filter(|n| !n.is_met(grants)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(LoadReason::Ungranted { what, line: grants::line(grants, &needs) })
}

fn check_name(import: &str) -> Result<(), LoadReason> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    if let Some(own) = interface.strip_prefix("weir:plugin/") {
        contract::check_version(version)?;
        if contract::offers(own) {
            return Ok(());
        }
    }
    let is_wasi = wasi::INTERFACES.contains(&interface) || interface == wasi::SEED;
    let is_known = is_wasi || grants::kind_of(interface).is_some();
    if is_known && version.starts_with("0.2.") {
        return Ok(());
    }
    Err(LoadReason::Import { import: import.to_owned(), advice: advice(interface, is_known) })
}

fn advice(interface: &str, is_known: bool) -> &'static str {
    if is_known {
        return "only version 0.2 of this interface is there: build for wasm32-wasip2";
    }
    match interface {
        i if i.starts_with("weir:plugin/") => "it is not part of this contract version: update weir",
        i if i.starts_with("wasi:sockets/") => {
            "plugins have no sockets: use weir:plugin/http with the grant `http`, or build without it"
        }
        i if i.starts_with("wasi:http/") => {
            "requests are made with weir:plugin/http and the grant `http`, as the SDKs have it: use that, or build without it"
        }
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
            "weir:plugin/http@0.1.2",
            "wasi:io/streams@0.2.3",
            "wasi:random/insecure-seed@0.2.0",
            "wasi:filesystem/types@0.2.6",
        ] {
            check_name(ok).unwrap();
        }
        for (bad, says) in [
            ("weir:plugin/host@0.2.0", "update weir"),
            ("weir:plugin/files@0.1.0", "update weir"),
            ("wasi:cli/environment@0.3.0", "only version 0.2"),
            ("wasi:clocks/wall-clock@0.3.0", "only version 0.2"),
            ("wasi:clocks/timezone@0.2.0", "wasi:clocks/timezone@0.2.0, which plugins do not get"),
            ("wasi:sockets/tcp@0.2.0", "the grant `http`"),
            ("wasi:http/outgoing-handler@0.2.0", "weir:plugin/http and the grant `http`"),
            ("wasi:http/types@0.2.6", "wasi:http/types@0.2.6, which plugins do not get"),
            ("acme:thing/geo@1.0.0", "compose"),
        ] {
            let e = check_name(bad).unwrap_err().to_string();
            assert!(e.contains(says), "{e}");
        }
    }
}
