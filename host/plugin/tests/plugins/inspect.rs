//! What is shown of a component that does not run.

use weir_pipeline::guest::LabelsWanted;
use weir_plugin::{Grant, Kind, LoadReason, PluginSource, Settings, inspect};

use super::{config, embedded, support};

fn source(bytes: Vec<u8>) -> PluginSource {
    PluginSource { name: "p".to_owned(), bytes: bytes.into() }
}

/// A component as it is built, with a manifest at its end.
fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    let name = b"weir:manifest";
    let mut section = vec![u8::try_from(name.len()).unwrap()];
    section.extend(name);
    section.extend(manifest.as_bytes());
    component.push(0);
    // LEB128 of two bytes is enough for all that tests write.
    component.extend([(section.len() & 0x7f) as u8 | 0x80, u8::try_from(section.len() >> 7).unwrap()]);
    component.extend(section);
    component
}

#[test]
fn a_good_one() {
    let wasm = with_manifest(support::wasm("add_cluster"), "name = \"add-cluster\"\nversion = \"1.2.3\"\n");
    let settings = embedded(vec![], config(r#"{"cluster": "c"}"#));
    let i = inspect(source(wasm.clone()), &settings).unwrap();
    assert_eq!((i.bytes, i.sha256.len()), (wasm.len() as u64, 64));
    assert_eq!(i.contract.as_deref(), Some("0.1.0"));
    assert_eq!(i.exports, ["weir:plugin/lifecycle@0.1.0", "weir:plugin/series@0.1.0"]);
    let host = i.imports.iter().find(|i| i.name == "weir:plugin/host@0.1.0").unwrap();
    assert!(host.functions.contains(&"log".to_owned()), "{host:?}");
    let manifest = i.manifest.unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("add-cluster", "1.2.3"));
    assert_eq!((i.needs, i.grant_line), (vec![], None));
    assert_eq!(i.outcome.unwrap().series, Some(LabelsWanted::Named(vec!["__name__".to_owned()])));
}

#[test]
fn what_it_needs_is_shown_and_not_given() {
    let i = inspect(source(support::wasm("clock")), &Settings::default()).unwrap();
    assert_eq!(i.needs.iter().map(|n| n.kind).collect::<Vec<_>>(), [Kind::Clock]);
    assert!(i.needs[0].imports.iter().any(|i| i.starts_with("wasi:clocks/wall-clock@0.2.")), "{:?}", i.needs);
    assert_eq!(i.grant_line.as_deref(), Some(r#"grant = [{ kind = "clock" }]"#));
    assert!(matches!(i.outcome, Err(LoadReason::Ungranted { .. })));
}

#[test]
fn a_manifest_can_ask_and_not_take() {
    let ask = r#"
        name = "p"
        grant = [{ kind = "env", names = ["WEIR_TEST"], why = "to name the region" }]
    "#;
    let wasm = with_manifest(support::wasm("everything"), ask);
    let e = super::refused(wasm.clone(), config("{}"));
    assert!(e.contains("needs a grant for env (its manifest asks for it: to name the region)"), "{e}");
    assert!(e.contains(r#"grant = [{ kind = "env", names = ["WEIR_TEST"] }]"#), "{e}");
    let other = weir_plugin::PluginSettings { grants: vec![Grant::Clock], ..config("{}") };
    let i = inspect(source(wasm), &embedded(vec![], other)).unwrap();
    assert_eq!(
        i.grant_line.as_deref(),
        Some(r#"grant = [{ kind = "clock" }, { kind = "env", names = ["WEIR_TEST"] }]"#)
    );
    assert!(i.outcome.is_err());
}

#[test]
fn the_contract_is_what_the_newest_import_needs() {
    let i = inspect(source(support::wasm("asks")), &Settings::default()).unwrap();
    assert_eq!(i.contract.as_deref(), Some("0.1.2"));
}

#[test]
fn what_is_no_component_is_said() {
    let e = inspect(source(b"\x7fELF".to_vec()), &Settings::default()).unwrap_err().to_string();
    assert!(e.contains("native or precompiled"), "{e}");
    let refuses = inspect(source(support::wasm("add_cluster")), &Settings::default()).unwrap();
    assert!(matches!(refuses.outcome, Err(LoadReason::Refused(why)) if why == "cluster is missing"));
}
