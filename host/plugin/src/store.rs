//! Components by content: compiled once, and kept compiled in files.
//!
//! A file is named `<sha256 of the component>-<hash of engine version and configuration>.cwasm` and holds a magic, the SHA-256
//! of what follows, and what wasmtime serialized. It is written beside and renamed, so half a file is never met under that
//! name; one that is damaged nevertheless is compiled and written anew. Beside them lie the functions of large ones (`functions`).

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::Compilation;
use crate::deserialize::compiled_component;
use crate::error::LoadReason;
use crate::functions;
use crate::outline::Outline;
use crate::settings::{PluginSettings, Settings};

const MAGIC: &[u8; 8] = b"weircwa1";

/// Ends the names of compiled components.
const EXTENSION: &str = ".cwasm";

/// Compiled components that are kept: the plugins of a process, and what they were before the last changes.
const MAX_KEPT: usize = 64;

/// Compiles, or finds compiled.
#[derive(Debug)]
pub(crate) struct Store {
    cache: Option<Cache>,
    compiler: Compilation,
}

/// A component, ready to be linked.
#[derive(Clone)]
pub(crate) struct Compiled {
    pub(crate) component: Component,
    /// Of the component's bytes, in hexadecimal.
    pub(crate) sha256: String,
    /// Whether it was found compiled.
    pub(crate) cached: bool,
    /// What it says of itself.
    pub(crate) outline: Arc<Outline>,
}

impl Compiled {
    /// The same for another engine: compiled already.
    pub(crate) fn on(&self, engine: &Engine) -> Result<Self, LoadReason> {
        if Engine::same(self.component.engine(), engine) {
            return Ok(self.clone());
        }
        let component = self.component.serialize().and_then(|compiled| compiled_component(engine, &compiled));
        Ok(Self { component: component.map_err(|e| LoadReason::Compile(format!("{e:#}")))?, ..self.clone() })
    }
}

impl Store {
    /// A store with its cache in the settings' `cache_dir`, for engines that compile as this one. Without a usable directory everything is compiled at each start. `stop` ends
    /// the wait for a compilation.
    pub(crate) fn open(engine: &Engine, settings: &Settings, stop: Arc<AtomicBool>) -> Self {
        let cache = settings.cache_dir.as_deref().and_then(|dir| match Cache::open(dir, engine) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "no cache of compiled plugins");
                None
            }
        });
        Self { cache, compiler: Compilation::new(settings.compiler.clone(), settings.places, stop) }
    }

    /// The component of these bytes, for an engine. What `settings` and the outline find wrong with it is found before it is compiled.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        bytes: Vec<u8>,
        settings: &PluginSettings,
    ) -> Result<Compiled, LoadReason> {
        let sha256 = sha256(&bytes);
        check_pin(&sha256, settings.sha256.as_deref())?;
        let outline = Arc::new(Outline::read(&bytes)?);
        crate::contract::check_exports(&outline.exports)?;
        crate::imports::check(&outline, &settings.grants)?;
        if let Some(component) = self.cache.as_ref().and_then(|c| c.get(engine, &sha256)) {
            return Ok(Compiled { component, sha256, cached: true, outline });
        }
        let compiled = self.compiler.run(bytes, self.cache.as_ref().map(|c| c.dir.as_path()), settings)?;
        let component = compiled_component(engine, &compiled)
            .map_err(|e| LoadReason::Compile(format!("what was compiled is not of this weir: {e:#}")))?;
        if let Some(cache) = &self.cache {
            cache.put(&compiled, &sha256);
        }
        Ok(Compiled { component, sha256, cached: false, outline })
    }
}

/// Of a component's bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Whether these bytes are the component of that SHA-256.
pub(crate) fn is_component(bytes: &[u8], sha256: &str) -> bool {
    self::sha256(bytes) == sha256
}

/// Whether a component is the one that the configuration wants.
pub(crate) fn check_pin(sha256: &str, pinned: Option<&str>) -> Result<(), LoadReason> {
    match pinned {
        Some(wanted) if !wanted.eq_ignore_ascii_case(sha256) => {
            Err(LoadReason::Checksum { found: sha256.to_owned(), wanted: wanted.to_owned() })
        }
        _ => Ok(()),
    }
}

#[derive(Debug)]
struct Cache {
    dir: PathBuf,
    /// In the names of files that this engine can use.
    engine: String,
    /// Files written, which tells those apart that are written at once.
    written: AtomicUsize,
}

impl Cache {
    fn open(dir: &Path, engine: &Engine) -> std::io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        // Also fails where the directory is somebody else's.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        let cache = Self { dir: dir.to_owned(), engine: engine_hash(engine), written: AtomicUsize::default() };
        cache.tidy()?;
        Ok(cache)
    }

    /// Removes what this engine cannot use, what was left half-written, and the oldest beyond [`MAX_KEPT`].
    fn tidy(&self) -> std::io::Result<()> {
        let [compiled, functions] = [EXTENSION, functions::EXTENSION].map(|e| format!("-{}{e}", self.engine));
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.ends_with(&compiled)
                && !name.ends_with(&functions)
                && [EXTENSION, functions::EXTENSION, ".tmp"].iter().any(|e| name.ends_with(e))
            {
                fs::remove_file(entry.path())?;
            }
        }
        self.shed()
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.dir.join(format!("{sha256}-{}{EXTENSION}", self.engine))
    }

    fn get(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let path = self.path(sha256);
        let file = fs::read(&path).ok()?;
        let compiled = intact(&file);
        let component = compiled.and_then(|c| compiled_component(engine, c).ok());
        if component.is_none() {
            tracing::warn!(path = %path.display(), "a cached plugin is damaged: compiling it again");
        }
        component
    }

    fn put(&self, compiled: &[u8], sha256: &str) {
        let path = self.path(sha256);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let temporary = self.dir.join(format!("{sha256}.{}.{number}.tmp", std::process::id()));
        let write = || {
            let mut file =
                fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            // Not synced: after a crash the checksum finds what is missing.
            for part in [&MAGIC[..], &Sha256::digest(compiled), compiled] {
                file.write_all(part)?;
            }
            fs::rename(&temporary, &path)
        };
        if let Err(error) = write() {
            let _ = fs::remove_file(&temporary);
            tracing::warn!(path = %path.display(), %error, "a compiled plugin could not be kept: it is compiled again at the next start");
        }
        // A version after each edit, for weeks: what is removed too much is compiled again at the next start.
        if number % (MAX_KEPT / 4) == MAX_KEPT / 4 - 1
            && let Err(error) = self.shed()
        {
            tracing::warn!(dir = %self.dir.display(), %error, "compiled plugins of before cannot be removed");
        }
    }

    /// Removes the oldest beyond [`MAX_KEPT`].
    fn shed(&self) -> std::io::Result<()> {
        let kept = by_age(&self.dir, &format!("-{}{EXTENSION}", self.engine))?;
        for file in kept.into_iter().skip(MAX_KEPT) {
            fs::remove_file(file.path)?;
        }
        Ok(())
    }
}

/// A file of the directory.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CacheFile {
    modified: SystemTime,
    /// Bytes.
    pub(crate) len: u64,
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// The files whose names end so, the newest first. One that another process removes meanwhile is none.
pub(crate) fn by_age(dir: &Path, suffix: &str) -> std::io::Result<Vec<CacheFile>> {
    let mut all: Vec<_> = fs::read_dir(dir)?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(suffix))
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            Some(CacheFile { modified: meta.modified().ok()?, len: meta.len(), path: entry.path() })
        })
        .collect();
    all.sort_by(|a, b| b.cmp(a));
    Ok(all)
}

/// Tells those engines apart that compile differently: by wasmtime's version, its configuration and the processor's features.
pub(crate) fn engine_hash(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What is in a file of the cache, where it is whole.
fn intact(file: &[u8]) -> Option<&[u8]> {
    let (sum, compiled) = file.strip_prefix(MAGIC)?.split_at_checked(32)?;
    (Sha256::digest(compiled).as_slice() == sum).then_some(compiled)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        for nibble in [b >> 4, b & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Runtime, STACK};

    #[test]
    fn a_version_after_each_edit_fills_no_disk() {
        let (dir, runtime) = (tempfile::tempdir().unwrap(), Runtime::new(1, STACK, false).unwrap());
        let cache = Cache::open(dir.path(), runtime.engine()).unwrap();
        for version in 0..3 * MAX_KEPT {
            cache.put(b"compiled", &format!("{version:064x}"));
        }
        let kept = fs::read_dir(dir.path()).unwrap().count();
        assert!((MAX_KEPT..=MAX_KEPT + MAX_KEPT / 4).contains(&kept), "{kept}");
        assert!(dir.path().join(cache.path(&format!("{:064x}", 3 * MAX_KEPT - 1))).exists());
    }
}
