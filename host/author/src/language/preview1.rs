//! Core modules of toolchains that speak WASI preview 1 and know no world: the world is what the module exports, and WASI is
//! answered within the component, unless the manifest asks for what is granted by way of it.

use std::path::Path;

use std::collections::BTreeSet;
use std::fmt::Write;

use wasmparser::{Parser, Payload};
use weir_plugin::Kind;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::embedded::embedded;
use crate::error::AuthorError;
use crate::project::Project;

/// What such modules import.
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// The same with nothing behind it; see the head of the file.
const NOTHING_BEHIND: &str = include_str!("preview1.wat");

/// The package of the contract.
const CONTRACT: &str = "weir:plugin/";

/// What a module says of itself, as far as it matters here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ends {
    /// The interfaces of the contract that it exports functions of, as in `weir:plugin/series@0.1.0`.
    exports: BTreeSet<String>,
    /// The interfaces of the contract that it imports functions of.
    imports: BTreeSet<String>,
    /// Whether it imports WASI preview 1.
    preview1: bool,
}

impl Ends {
    fn of(module: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut ends = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ExportSection(section) => {
                    for export in section {
                        let name = export?.name;
                        let interface = name.split_once('#').map(|(interface, _)| interface);
                        ends.exports.extend(interface.filter(|i| i.starts_with(CONTRACT)).map(str::to_owned));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let module = import?.module;
                        ends.preview1 |= module == PREVIEW1;
                        ends.imports.extend(Some(module).filter(|m| m.starts_with(CONTRACT)).map(str::to_owned));
                    }
                }
                _ => {}
            }
        }
        Ok(ends)
    }

    /// A world with just these, in WIT, in a package of this name: an adapter's must be another than its module's.
    fn world(&self, package: &str) -> String {
        let mut wit = format!("package weir-author:{package};\nworld {package} {{\n");
        for (word, interfaces) in [("import", &self.imports), ("export", &self.exports)] {
            for interface in interfaces {
                let _ = writeln!(wit, "    {word} {interface};");
            }
        }
        wit + "}\n"
    }
}

/// Where functions come from that the manifest does not ask for: our own adapter, which has nothing behind it.
const UNASKED: &str = "weir_nothing_behind";

/// What a project's manifest asks for that comes by way of WASI.
pub(crate) fn asked(project: &Project) -> Vec<Kind> {
    project.manifest.grants.iter().map(|asked| asked.kind).collect()
}

/// The grant that a function of preview 1 needs to be of use; waiting is over at once with a clock, too.
fn kind_of(function: &str) -> Option<Kind> {
    match function {
        "clock_time_get" | "clock_res_get" => Some(Kind::Clock),
        "random_get" => Some(Kind::Random),
        "environ_get" | "environ_sizes_get" => Some(Kind::Env),
        f if f.starts_with("fd_") || f.starts_with("path_") => Some(Kind::FsRead),
        _ => None,
    }
}

/// The module with the functions that are not asked for imported from [`UNASKED`], and whether any others are left.
fn part(module: &[u8], asked: &[Kind]) -> Result<(Vec<u8>, bool), String> {
    let mut parted = wasm_encoder::Module::new();
    let mut left = false;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|e| e.to_string())?;
        if let Payload::ImportSection(section) = payload {
            let mut imports = wasm_encoder::ImportSection::new();
            for import in section.into_imports() {
                let import = import.map_err(|e| e.to_string())?;
                let wasmparser::TypeRef::Func(index) = import.ty else {
                    return Err(format!("it imports {}.{}, which is no function", import.module, import.name));
                };
                let given = kind_of(import.name).is_some_and(|kind| asked.contains(&kind));
                left |= import.module == PREVIEW1 && given;
                let from = if import.module == PREVIEW1 && !given { UNASKED } else { import.module };
                imports.import(from, import.name, wasm_encoder::EntityType::Function(index));
            }
            parted.section(&imports);
        } else if let Some((id, range)) = payload.as_section() {
            let data = module.get(range.start as usize..range.end as usize).unwrap_or_default();
            parted.section(&wasm_encoder::RawSection { id, data });
        }
    }
    Ok((parted.finish(), left))
}

/// What exports a plugin in a language, as its author writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exporting {
    /// The plugin itself.
    pub(crate) plugin: &'static str,
    /// What it looks at.
    pub(crate) interface: &'static str,
}

/// Makes a component of such a module, by the contract that this weir carries. What the manifest asks for goes to WASI itself by the
/// component model's standard adapter, all else to ours: an operator who grants a clock is asked for no files.
pub(crate) fn encode(mut module: Vec<u8>, asked: &[Kind], words: Exporting) -> Result<Vec<u8>, AuthorError> {
    let failed = |reason: String| AuthorError::Component { what: "what the compiler made is no plugin", reason };
    let ends = Ends::of(&module).map_err(|e| failed(e.to_string()))?;
    let interfaces = ends.exports.iter().filter(|i| !i.contains("/lifecycle@")).count();
    let Exporting { plugin, interface } = words;
    match (interfaces == ends.exports.len(), interfaces) {
        (true, 0) => return Err(failed(format!("it exports nothing of weir's: {plugin} and {interface} do"))),
        (true, _) => return Err(failed(format!("{plugin} is missing: it gives the plugin its configuration"))),
        (false, 0) => return Err(failed(format!("it looks at nothing: {interface} says at what"))),
        (false, _) => {}
    }
    let mut wasi = false;
    if ends.preview1 {
        (module, wasi) = part(&module, asked).map_err(failed)?;
    }
    embed(&mut module, &ends, "plugin").map_err(failed)?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).map_err(|e| failed(format!("{e:#}")))?;
    if wasi {
        let adapter = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
        // what it keeps lies in memory of its own: the SDK's allocator takes everything back when a call is over
        encoder.realloc_via_memory_grow(true);
        encoder.adapter(PREVIEW1, adapter).map_err(|e| failed(format!("{e:#}")))?;
    }
    if ends.preview1 {
        let mut adapter = wat::parse_str(NOTHING_BEHIND).map_err(|e| failed(e.to_string()))?;
        let of_adapter = Ends::of(&adapter).map_err(|e| failed(e.to_string()))?;
        embed(&mut adapter, &of_adapter, "adapter").map_err(failed)?;
        encoder.adapter(UNASKED, &adapter).map_err(|e| failed(format!("{e:#}")))?;
    }
    encoder.encode().map_err(|e| failed(format!("{e:#}")))
}

/// Tells wit-component what a module's world is.
fn embed(module: &mut Vec<u8>, ends: &Ends, package: &str) -> Result<(), String> {
    let mut resolve = Resolve::default();
    for (path, text) in embedded("wit").filter(|(path, _)| Path::new(path).extension().is_some_and(|e| e == "wit")) {
        resolve.push_str(path, &String::from_utf8_lossy(text)).map_err(|e| format!("{e:#}"))?;
    }
    let own = resolve.push_str("world.wit", &ends.world(package)).map_err(|e| format!("{e:#}"))?;
    let world = resolve.select_world(&[own], None).map_err(|e| format!("{e:#}"))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false).map_err(|e| format!("{e:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_what_a_module_has() {
        let module = wat::parse_str(
            r#"(module
                (import "weir:plugin/host@0.1.0" "log" (func (param i32 i32 i32)))
                (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
                (func (export "weir:plugin/lifecycle@0.1.0#configure") (param i32 i32) (result i32) i32.const 0)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))"#,
        );
        let ends = Ends::of(&module.unwrap()).unwrap();
        assert!(ends.preview1);
        let world = "package weir-author:plugin;\nworld plugin {\n    import weir:plugin/host@0.1.0;\n    \
                     export weir:plugin/lifecycle@0.1.0;\n}\n";
        assert_eq!(ends.world("plugin"), world);
    }

    #[test]
    fn a_module_that_exports_nothing_of_weirs_is_told_so() {
        let words = Exporting { plugin: "P(f)", interface: "A or B" };
        for (exports, told) in [
            (&[][..], "it exports nothing of weir's: P(f) and A or B do"),
            (&["weir:plugin/lifecycle@0.1.0#configure"], "it looks at nothing: A or B says at what"),
            (&["weir:plugin/series@0.1.0#wants"], "P(f) is missing"),
        ] {
            let functions = exports.iter().map(|name| format!("(func (export \"{name}\"))"));
            let module = wat::parse_str(format!("(module {})", functions.collect::<String>())).unwrap();
            let error = encode(module, &[], words).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    /// Of what 0.1.0 has and what came later in one module; with the adapter, which imports `host` whether the module does or not.
    #[test]
    fn a_module_becomes_a_component_without_wasi() {
        let module = wat::parse_str(
            r#"(module
                (import "weir:plugin/state@0.1.1" "remove" (func (param i32 i32)))
                (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
                (memory (export "memory") 1)
                (func (export "weir:plugin/lifecycle@0.1.0#configure") (param i32 i32) (result i32) i32.const 0)
                (func (export "weir:plugin/tick@0.1.1#interval") (result i32) i32.const 1000)
                (func (export "weir:plugin/tick@0.1.1#tick") (param i64 i32) (result i32) i32.const 0)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))"#,
        );
        let component = encode(module.unwrap(), &[], Exporting { plugin: "", interface: "" }).unwrap();
        let mut names = BTreeSet::new();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(&component) {
            match payload.unwrap() {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 0 => {
                    names.extend(section.into_iter().map(|import| import.unwrap().name.name.to_owned()));
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    names.extend(section.into_iter().map(|export| export.unwrap().name.name.to_owned()));
                }
                _ => {}
            }
        }
        let weirs = names.iter().all(|name| name.starts_with(CONTRACT));
        let exports = names.contains("weir:plugin/lifecycle@0.1.0") && names.contains("weir:plugin/tick@0.1.1");
        assert!(weirs && exports && names.iter().any(|name| name.starts_with("weir:plugin/host@")), "{names:?}");
    }

    /// All of preview 1 is there, so that no program fails to become a component for a function that it never calls.
    #[test]
    fn all_of_preview_1_is_answered() {
        let adapter = wat::parse_str(NOTHING_BEHIND).unwrap();
        let exports = Parser::new(0).parse_all(&adapter).map(Result::unwrap).find_map(|payload| match payload {
            Payload::ExportSection(section) => Some(section.count()),
            _ => None,
        });
        assert_eq!(exports, Some(46));
    }

    /// The SDKs of Go and C have the contract's records as their own: `_Static_assert` in `sdk/c`, arrays of `unsafe.Sizeof` in
    /// `sdk/go` hold these sizes there, and the suite of `sdk/conformance` what lies where.
    #[test]
    fn records_are_as_large_as_the_sdks_have_them() {
        let contracts = [
            include_str!("../../../../wit/v0.1.0/weir-plugin.wit"),
            include_str!("../../../../wit/v0.1.1/weir-plugin.wit"),
            include_str!("../../../../wit/v0.1.2/weir-plugin.wit"),
        ];
        for (contract, minor) in contracts.iter().zip(0..) {
            let mut resolve = Resolve::default();
            let package = resolve.push_str("weir-plugin.wit", contract).unwrap();
            let mut sizes = wit_parser::SizeAlign::default();
            sizes.fill(&resolve).unwrap();
            let size = |interface: &str, name: &str| {
                let interface = resolve.packages[package].interfaces[interface];
                sizes.size(&wit_parser::Type::Id(resolve.interfaces[interface].types[name])).size_wasm32()
            };
            assert_eq!(
                (size("types", "label-edit"), size("types", "labels-wanted"), size("types", "label")),
                (32, 12, 16)
            );
            assert_eq!(size("series", "verdicts"), 44);
            assert_eq!((size("samples", "wanted"), size("samples", "batch"), size("samples", "edit")), (16, 76, 64));
            assert_eq!((size("logs", "wanted"), size("logs", "batch"), size("logs", "edit")), (28, 84, 128));
            if minor >= 1 {
                assert_eq!((size("emit", "sample-columns"), size("emit", "line-columns")), (68, 84));
                assert_eq!((size("emit", "refusal"), size("state", "refusal")), (12, 1));
            }
            if minor >= 2 {
                assert_eq!((size("http", "header"), size("http", "response"), size("http", "refusal")), (16, 20, 12));
            }
        }
    }
}
