//! From a core module to a component, within this process.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::error::AuthorError;

/// The custom section of a component that holds its manifest: the text of `weir-plugin.toml`.
pub const MANIFEST_SECTION: &str = weir_plugin::MANIFEST_SECTION;

/// What a core module imports that is no part of the component model, and the module that has it.
#[derive(Clone, Copy, Debug)]
pub struct Adapter<'a> {
    /// The imported module's name, as in `wasi_snapshot_preview1`.
    pub name: &'a str,
    /// The adapter, a core module.
    pub module: &'a [u8],
}

/// The world of a module that does not say it itself.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// A folder of WIT, with what it needs in `deps`.
    pub wit: &'a Path,
    /// The name of a world in it.
    pub name: &'a str,
}

/// Makes a component of a core module. What is one already comes back as it is. Modules of Rust and C say their world
/// themselves; for others it is given.
pub fn encode(module: Vec<u8>, world: Option<World<'_>>, adapter: Option<Adapter<'_>>) -> Result<Vec<u8>, AuthorError> {
    if wasmparser::Parser::is_component(&module) {
        return Ok(module);
    }
    let failed = |reason: String| AuthorError::Component { what: "what the compiler made is no plugin", reason };
    let mut module = module;
    if let Some(World { wit, name }) = world {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(wit).map_err(|e| failed(format!("{e:#}")))?;
        let world = resolve.select_world(&[package], Some(name)).map_err(|e| failed(format!("{e:#}")))?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
            .map_err(|e| failed(format!("{e:#}")))?;
    }
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).map_err(|e| failed(format!("{e:#}")))?;
    if let Some(Adapter { name, module }) = adapter {
        encoder.adapter(name, module).map_err(|e| failed(format!("{e:#}")))?;
    }
    encoder.encode().map_err(|e| failed(format!("{e:#}")))
}

/// Adds a custom section with the manifest behind a component; one that is there is not looked for, so this is done once.
pub(crate) fn add_manifest(component: &mut Vec<u8>, manifest: &str) {
    use wasm_encoder::ComponentSection as _;
    wasm_encoder::CustomSection { name: MANIFEST_SECTION.into(), data: manifest.as_bytes().into() }
        .append_to_component(component);
}

/// Whether a component exports what every plugin does.
pub(crate) fn exports_lifecycle(component: &[u8]) -> bool {
    use wasmparser::{Parser, Payload};
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentExportSection(section)) if depth == 0 => {
                let mut names = section.into_iter().filter_map(|export| Some(export.ok()?.name.name));
                if names.any(|name| name.starts_with("weir:plugin/lifecycle@")) {
                    return true;
                }
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}
