//! What a component says of itself, read out of its bytes before anything of it is compiled or run.
//!
//! Only types are looked at: function bodies are skipped, so this costs a few milliseconds for the largest interpreter. It decides
//! which message an author gets; what a component can reach is decided by what it is linked with.

use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::Types;
use wasmparser::{Chunk, Parser, Payload, ValidPayload, Validator, WasmFeatures};

use crate::error::LoadReason;
use crate::foreign;
use crate::manifest::{MANIFEST_SECTION, MAX_MANIFEST, Manifest};

/// Imports and exports of one component together: weir's contract and all of WASI have about 40. A file of nothing but
/// names should not fill a log or a terminal.
const MAX_NAMES: usize = 1024;

/// An interface (or a bare function) that a component imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its name with its version, as `wasi:clocks/wall-clock@0.2.6`.
    pub name: String,
    /// The functions that the component takes from it. None where it needs only types, which give no access to anything.
    pub functions: Vec<String>,
    /// Whether it takes a resource from it, such as an open file.
    pub(crate) resources: bool,
}

impl Import {
    /// Whether it is only words for data: an import that anybody may have.
    pub fn is_types_only(&self) -> bool {
        self.functions.is_empty() && !self.resources
    }
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<String>,
    pub(crate) manifest: Option<Manifest>,
}

impl Outline {
    /// Reads a component; says what the bytes are where they are none.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, LoadReason> {
        foreign::check_header(bytes)?;
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let mut outline = Self::default();
        let (mut names, mut manifest) = (Names::default(), None);
        let types = walk(bytes, |depth, payload| {
            if depth == 0 {
                match &payload {
                    Payload::CustomSection(custom) if custom.name() == MANIFEST_SECTION => {
                        manifest = Some(custom.data());
                    }
                    Payload::ComponentImportSection(section) => {
                        for import in section.clone() {
                            names.imports.push(import.map_err(invalid)?.name.name.to_owned());
                        }
                    }
                    Payload::ComponentExportSection(section) => {
                        for export in section.clone() {
                            names.exports.push(export.map_err(invalid)?.name.name.to_owned());
                        }
                    }
                    _ => {}
                }
            }
            validator.payload(&payload).map_err(invalid)
        })?;
        if names.imports.len() + names.exports.len() > MAX_NAMES {
            return Err(LoadReason::Compile(format!("it has more than {MAX_NAMES} imports and exports")));
        }
        outline.imports = names.imports.into_iter().map(|name| import(&types, name)).collect();
        outline.exports = names.exports;
        if let Some(section) = manifest {
            outline.manifest = Some(read_manifest(section)?);
        }
        Ok(outline)
    }
}

#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Goes through all sections, those of nested modules and components too, and brings the types of the outermost.
fn walk<'a>(
    bytes: &'a [u8],
    mut each: impl FnMut(usize, Payload<'a>) -> Result<ValidPayload<'a>, LoadReason>,
) -> Result<Types, LoadReason> {
    let (mut rest, mut parser, mut outer) = (bytes, Parser::new(0), Vec::new());
    loop {
        let truncated = LoadReason::Truncated { bytes: bytes.len() as u64 };
        // Between two sections a component may end; what ends within one was cut off.
        let (consumed, payload) = match parser.parse(rest, rest.is_empty()).map_err(invalid)? {
            Chunk::NeedMoreData(_) => return Err(truncated),
            Chunk::Parsed { consumed, payload } => (consumed, payload),
        };
        rest = rest.get(consumed..).unwrap_or_default();
        let depth = outer.len();
        match &payload {
            Payload::ModuleSection { parser: inner, unchecked_range }
            | Payload::ComponentSection { parser: inner, unchecked_range } => {
                if unchecked_range.end > bytes.len() as u64 {
                    return Err(truncated);
                }
                outer.push(std::mem::replace(&mut parser, inner.clone()));
                each(depth, payload)?;
            }
            Payload::End(_) => match (each(depth, payload)?, outer.pop()) {
                (_, Some(back)) => parser = back,
                (ValidPayload::End(types), None) => return Ok(types),
                (_, None) => return Err(LoadReason::Compile("it has no end".to_owned())),
            },
            _ => _ = each(depth, payload)?,
        }
    }
}

fn import(types: &Types, name: String) -> Import {
    let (mut functions, mut resources) = (Vec::new(), false);
    match types.component_item_for_import(&name).map(|item| item.ty) {
        Some(ComponentEntityType::Instance(id)) => {
            for (export, item) in &types[id].exports {
                match item.ty {
                    ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(_), .. } => resources = true,
                    ComponentEntityType::Type { .. } => {}
                    // functions; and modules, components, values: more than words in any case
                    _ => functions.push(export.clone()),
                }
            }
        }
        Some(ComponentEntityType::Type { .. }) => {}
        _ => functions.push(name.clone()),
    }
    Import { name, functions, resources }
}

fn read_manifest(section: &[u8]) -> Result<Manifest, LoadReason> {
    let wrong = |why: String| LoadReason::Manifest(why);
    if section.len() > MAX_MANIFEST {
        return Err(wrong(format!("it has {} bytes, and may have {MAX_MANIFEST}", section.len())));
    }
    let text = std::str::from_utf8(section).map_err(|e| wrong(e.to_string()))?;
    Manifest::parse(text).map_err(|e| wrong(e.to_string()))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid(error: wasmparser::BinaryReaderError) -> LoadReason {
    LoadReason::Compile(crate::guest_log::tidy(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wat: &str) -> Outline {
        Outline::read(&wat::parse_str(wat).unwrap()).unwrap()
    }

    #[test]
    fn types_are_told_from_what_gives_access() {
        let o = read(
            r#"(component
                (import "wasi:clocks/wall-clock@0.2.6" (instance (type $d (record (field "s" u64))) (export "datetime" (type (eq $d)))))
                (import "wasi:clocks/monotonic-clock@0.2.6" (instance (export "now" (func (result u64)))))
                (import "wasi:filesystem/types@0.2.6" (instance (export "descriptor" (type (sub resource)))))
                (instance $i) (export "weir:plugin/series@0.1.0" (instance $i))
                (@custom "weir:manifest" "name = \"x\"")
            )"#,
        );
        let brief: Vec<_> = o.imports.iter().map(|i| (i.name.as_str(), i.functions.len(), i.is_types_only())).collect();
        assert_eq!(
            brief,
            [
                ("wasi:clocks/wall-clock@0.2.6", 0, true),
                ("wasi:clocks/monotonic-clock@0.2.6", 1, false),
                ("wasi:filesystem/types@0.2.6", 0, false)
            ]
        );
        assert_eq!(o.exports, ["weir:plugin/series@0.1.0"]);
        assert_eq!(o.manifest.unwrap().name, "x");
    }

    #[test]
    fn a_manifest_of_a_nested_component_is_not_the_plugins() {
        let o = read(r#"(component (component (@custom "weir:manifest" "name = \"inner\"")))"#);
        assert_eq!(o.manifest, None);
    }

    #[test]
    fn every_cut_is_seen_or_between_two_sections() {
        let whole = wat::parse_str(
            r#"(component (core module (func (export "f") (result i32) i32.const 1))
                (instance $i) (export "weir:plugin/series@0.1.0" (instance $i)))"#,
        )
        .unwrap();
        Outline::read(&whole).unwrap();
        let mut unseen = 0;
        for end in 1..whole.len() {
            match Outline::read(&whole[..end]) {
                Err(LoadReason::Truncated { bytes }) => assert_eq!(bytes, end as u64),
                // A section that is missing whole: what it held is missing from the outline, if it tells of it at all.
                Ok(_) => unseen += 1,
                Err(other) => panic!("cut at {end}: {other}"),
            }
        }
        assert!(unseen <= 4, "{unseen}");
    }

    #[test]
    fn a_manifest_that_is_none_is_named() {
        let long = format!("# {}", "x".repeat(MAX_MANIFEST));
        for (text, says) in [("name = ", "line 1"), (long.as_str(), "and may have")] {
            let wat = format!("(component (@custom \"weir:manifest\" {text:?}))");
            let e = Outline::read(&wat::parse_str(wat).unwrap()).unwrap_err().to_string();
            assert!(e.starts_with("its manifest (custom section weir:manifest)") && e.contains(says), "{e}");
        }
    }
}
