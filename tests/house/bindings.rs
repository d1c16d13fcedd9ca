//! `sdk/rust/src/bindings/` is what wit-bindgen makes of the newest contract, made ahead: an author's build would compile the
//! generator first, which takes several times as long as all the rest. After a change of the contract: `WEIR_BLESS=1 cargo test -p
//! weir-tests --test house made_ahead`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use wit_bindgen_rust::{Opts, WithOption};
use wit_parser::Resolve;

use crate::contract::{folders, push, wit};

/// The generated modules: one world an interface, so that a component has those that it names and no others. What is here of a new
/// interface goes into `sdk/rust/src/bindings.rs` too.
const WORLDS: &[(&str, &[Item])] = &[
    ("types", &[Item::Import("types")]),
    ("lifecycle", &[Item::Import("host"), Item::Export("lifecycle")]),
    ("series", &[Item::Export("series")]),
    ("samples", &[Item::Export("samples")]),
    ("logs", &[Item::Export("logs")]),
    ("emit", &[Item::Import("emit")]),
    ("http", &[Item::Import("http")]),
    ("state", &[Item::Import("state")]),
    ("verdicts", &[Item::Import("verdicts")]),
    ("tick", &[Item::Export("tick")]),
];

enum Item {
    Import(&'static str),
    Export(&'static str),
}

fn bindings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/rust/src/bindings")
}

/// The module of a world, from the contract in `folder`.
fn module(folder: &str, name: &str, items: &[Item]) -> String {
    let mut resolve = Resolve::default();
    push(&mut resolve, folder);
    let version = folder.trim_start_matches('v');
    let exports = items.iter().any(|item| matches!(item, Item::Export(_)));
    let lines: Vec<_> = items
        .iter()
        .map(|item| match item {
            Item::Import(interface) => format!("import weir:plugin/{interface}@{version};"),
            Item::Export(interface) => format!("export weir:plugin/{interface}@{version};"),
        })
        .collect();
    let package =
        resolve.push_str("sdk", &format!("package weir:sdk; world {name} {{ {} }}", lines.join(" "))).unwrap();
    let world = resolve.select_world(&[package], Some(name)).unwrap();
    let types = format!("weir:plugin/types@{version}");
    let uses_types =
        name != "types" && resolve.worlds[world].imports.keys().any(|k| resolve.name_world_key(k) == types);
    let opts = Opts {
        format: true,
        generate_all: true,
        with: uses_types
            .then(|| (types, WithOption::Path("crate::bindings::types::weir::plugin::types".to_owned())))
            .into_iter()
            .collect(),
        pub_export_macro: exports,
        export_macro_name: exports.then(|| format!("export_{name}")),
        ..Opts::default()
    };
    let mut files = wit_bindgen_core::Files::default();
    wit_bindgen_core::WorldGenerator::generate(&mut opts.build(), &mut resolve, world, &mut files).unwrap();
    let (_, made) = files.iter().next().unwrap();
    String::from_utf8(made.to_vec()).unwrap()
}

#[test]
fn the_bindings_made_ahead_are_those_of_the_newest_contract() {
    let newest = folders().pop().unwrap();
    let bless = std::env::var_os("WEIR_BLESS").is_some();
    for (name, items) in WORLDS {
        let want = module(&newest, name, items);
        let path = bindings().join(format!("{name}.rs"));
        if bless {
            fs::create_dir_all(bindings()).unwrap();
            fs::write(&path, &want).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == want, "{} is not of wit/{newest}: run this test with WEIR_BLESS=1", path.display());
    }
    let there: BTreeSet<_> =
        fs::read_dir(bindings()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let want: BTreeSet<_> = WORLDS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    assert_eq!(there, want, "a file for each world");
}

/// Every interface of the contract is bound: one that is added is not forgotten.
#[test]
fn the_bindings_have_every_interface() {
    let mut resolve = Resolve::default();
    let package = push(&mut resolve, folders().last().unwrap());
    let bound = |name: &str| {
        WORLDS
            .iter()
            .flat_map(|(_, items)| *items)
            .any(|item| matches!(item, Item::Import(i) | Item::Export(i) if *i == name))
    };
    let missing: Vec<_> = resolve.packages[package].interfaces.keys().filter(|name| !bound(name)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "of wit/ in {}", wit().display());
}
