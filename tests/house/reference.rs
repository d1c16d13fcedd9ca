//! `wit/REFERENCE.md` is what the newest contract says of itself. After a change of the contract: `WEIR_BLESS=1 cargo test -p weir-tests
//! --test house reference`.

use std::fmt::Write as _;
use std::fs;

use wit_parser::{Docs, Function, Interface, Resolve, Type, TypeDef, TypeDefKind, WorldItem};

use crate::contract::{folders, push, wit};

/// The page of a contract.
fn page(folder: &str) -> String {
    let mut resolve = Resolve::default();
    let package = push(&mut resolve, folder);
    let package = &resolve.packages[package];
    let mut out = format!(
        "# {}\n\nMade from [{folder}/weir-plugin.wit]({folder}/weir-plugin.wit); do not edit.\n{}",
        package.name,
        text(&package.docs)
    );
    for (name, id) in &package.interfaces {
        interface(&mut out, &resolve, name, &resolve.interfaces[*id]);
    }
    out.push_str("\n## Worlds\n\n| world | imports | exports | |\n|---|---|---|---|\n");
    for (name, id) in &package.worlds {
        let world = &resolve.worlds[*id];
        let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, WorldItem>| {
            let name = |item: &WorldItem| match item {
                WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone(),
                _ => None,
            };
            let all: Vec<_> =
                items.values().filter_map(name).filter(|n| n != "types").map(|n| format!("`{n}`")).collect();
            all.join(", ")
        };
        let docs = world.docs.contents.as_deref().unwrap_or_default().replace('\n', " ");
        writeln!(out, "| `{name}` | {} | {} | {docs} |", names(&world.imports), names(&world.exports)).unwrap();
    }
    out
}

fn interface(out: &mut String, resolve: &Resolve, name: &str, interface: &Interface) {
    write!(out, "\n## interface `{name}`\n{}", text(&interface.docs)).unwrap();
    for (name, id) in &interface.types {
        type_of(out, resolve, name, &resolve.types[*id]);
    }
    for (name, function) in &interface.functions {
        write!(out, "\n### `{}`\n{}", signature(resolve, name, function), text(&function.docs)).unwrap();
    }
}

fn type_of(out: &mut String, resolve: &Resolve, name: &str, def: &TypeDef) {
    let rows: Vec<(String, &Docs)> = match &def.kind {
        // those that come from another interface are told of there
        TypeDefKind::Type(Type::Id(id)) if resolve.types[*id].name.is_some() => return,
        TypeDefKind::Record(r) => {
            r.fields.iter().map(|f| (format!("{}: {}", f.name, ty(resolve, &f.ty)), &f.docs)).collect()
        }
        TypeDefKind::Variant(v) => {
            let case = |c: &wit_parser::Case| match &c.ty {
                Some(t) => format!("{}({})", c.name, ty(resolve, t)),
                None => c.name.clone(),
            };
            v.cases.iter().map(|c| (case(c), &c.docs)).collect()
        }
        TypeDefKind::Enum(e) => e.cases.iter().map(|c| (c.name.clone(), &c.docs)).collect(),
        kind => {
            write!(out, "\n### type `{name}` = `{}`\n{}", kind_of(resolve, kind), text(&def.docs)).unwrap();
            return;
        }
    };
    write!(out, "\n### {} `{name}`\n{}\n", def.kind.as_str(), text(&def.docs)).unwrap();
    for (item, docs) in rows {
        let docs = docs.contents.as_deref().unwrap_or_default().replace('\n', " ");
        writeln!(out, "- `{item}`: {}", docs.trim_end()).unwrap();
    }
}

fn signature(resolve: &Resolve, name: &str, function: &Function) -> String {
    let params: Vec<_> = function.params.iter().map(|p| format!("{}: {}", p.name, ty(resolve, &p.ty))).collect();
    let result = function.result.as_ref().map_or(String::new(), |r| format!(" -> {}", ty(resolve, r)));
    format!("{name}: func({}){result}", params.join(", "))
}

fn ty(resolve: &Resolve, of: &Type) -> String {
    match of {
        Type::Id(id) => match &resolve.types[*id] {
            TypeDef { name: Some(name), .. } => name.clone(),
            def => kind_of(resolve, &def.kind),
        },
        primitive => format!("{primitive:?}").to_lowercase(),
    }
}

fn kind_of(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let or_none = |t: &Option<Type>| t.as_ref().map_or("_".to_owned(), |t| ty(resolve, t));
    match kind {
        TypeDefKind::List(of) => format!("list<{}>", ty(resolve, of)),
        TypeDefKind::Option(of) => format!("option<{}>", ty(resolve, of)),
        TypeDefKind::Result(r) => format!("result<{}, {}>", or_none(&r.ok), or_none(&r.err)),
        TypeDefKind::Type(of) => ty(resolve, of),
        other => panic!("the contract has a {} now: show it here", other.as_str()),
    }
}

fn text(docs: &Docs) -> String {
    docs.contents.as_ref().map_or(String::new(), |text| format!("\n{}\n", text.trim_end()))
}

#[test]
fn the_reference_says_what_the_newest_contract_says() {
    let want = page(folders().last().unwrap());
    let path = wit().join("REFERENCE.md");
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::write(&path, &want).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == want, "wit/REFERENCE.md is not of the newest contract: run this test with WEIR_BLESS=1");
    assert!(
        want.contains("### `relabel: func(rows: u32, symbols: symbols, sets: label-sets) -> result<verdicts, string>`")
    );
}
