//! Looking at one component without taking it into service.

use sha2::{Digest, Sha256};
use weir_pipeline::guest::Wants;

use crate::contract::newest;
use crate::error::LoadReason;
use crate::grants::{self, Grant, Need};
use crate::manifest::Manifest;
use crate::outline::{Import, Outline};
use crate::plugins::Plugins;
use crate::settings::{PluginSource, Settings};
use crate::store::hex;

/// What there is to know of a component.
#[derive(Debug)]
pub struct Inspection {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal: what `sha256` in the configuration pins.
    pub sha256: String,
    /// The version of weir's contract that it needs: the newest of what it exports and imports.
    pub contract: Option<String>,
    /// What it exports, with versions.
    pub exports: Vec<String>,
    /// What it imports, by interface.
    pub imports: Vec<Import>,
    /// What its author says of it.
    pub manifest: Option<Manifest>,
    /// What it does not work without.
    pub needs: Vec<Need>,
    /// The line for `[plugins.NAME]` that grants all that it needs, and what the settings grant already; `None` where nothing
    /// is missing.
    pub grant_line: Option<String>,
    /// What it reads, once it was compiled, instantiated and configured with the plugin's settings; or why it would not run.
    /// Nothing else of it was called.
    pub outcome: Result<Wants, LoadReason>,
}

/// Inspects a component under the settings that it would have as the plugin of its name; `settings.dir` and other plugins are left
/// alone. Blocks while it compiles. An error is a file that is no component; all other faults are in the inspection.
pub fn inspect(source: PluginSource, settings: &Settings) -> Result<Inspection, LoadReason> {
    let outline = Outline::read(&source.bytes)?;
    let granted: Vec<Grant> = settings.plugins.get(&source.name).map(|p| p.grants.clone()).unwrap_or_default();
    let needs = grants::needs(&outline);
    let missing = needs.iter().any(|n| !n.is_met(&granted));
    let names = outline.exports.iter().chain(outline.imports.iter().map(|i| &i.name)).map(String::as_str);
    let contract = newest(names).map(str::to_owned);
    let sha256 = hex(&Sha256::digest(&source.bytes));
    let bytes = source.bytes.len() as u64;
    Ok(Inspection {
        bytes,
        sha256,
        contract,
        grant_line: missing.then(|| grants::line(&granted, &needs)),
        needs,
        outcome: try_out(source, settings),
        exports: outline.exports,
        imports: outline.imports,
        manifest: outline.manifest,
    })
}

fn try_out(source: PluginSource, settings: &Settings) -> Result<Wants, LoadReason> {
    let mut plugins = settings.plugins.clone();
    plugins.retain(|name, _| *name == source.name);
    let alone = Settings { dir: None, embedded: vec![source], plugins, ..settings.clone() };
    match Plugins::check(&alone) {
        Ok(status) => Ok(status.into_iter().next().map(|s| s.wants).unwrap_or_default()),
        Err(errors) => Err(errors
            .into_iter()
            .next()
            .map_or_else(|| LoadReason::Runtime("no plugin was loaded".to_owned()), |e| e.reason)),
    }
}
