//! A plugin's folder.

use std::fs;
use std::path::{Path, PathBuf};

use weir_plugin::Manifest;

use crate::error::AuthorError;
use crate::language::{Language, by_name};

/// The name of the manifest's file, which makes a folder a plugin's.
pub const MANIFEST_FILE: &str = "weir-plugin.toml";

/// A plugin's folder, with its manifest read.
pub struct Project {
    /// The folder, absolute.
    pub dir: PathBuf,
    /// What the manifest says.
    pub manifest: Manifest,
    /// The manifest as it is written.
    pub manifest_text: String,
    /// The language that the manifest names.
    pub language: &'static dyn Language,
}

impl Project {
    /// Reads the manifest of a folder.
    pub fn open(dir: &Path) -> Result<Self, AuthorError> {
        let dir = dir.canonicalize().map_err(AuthorError::file(dir))?;
        let path = dir.join(MANIFEST_FILE);
        if !path.is_file() {
            return Err(AuthorError::NoProject(dir));
        }
        let manifest_text = fs::read_to_string(&path).map_err(AuthorError::file(&path))?;
        let wrong = |what: String| AuthorError::Manifest { path: path.clone(), what };
        let manifest = Manifest::parse(&manifest_text).map_err(|e| wrong(e.to_string()))?;
        let language = match manifest.language.as_deref() {
            Some(name) => by_name(name)?,
            None => return Err(wrong("it needs a `language`, as in: language = \"rust\"".to_owned())),
        };
        Ok(Self { dir, manifest, manifest_text, language })
    }

    /// The plugin's name, which is its file's.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Where a build leaves what it makes, made where it is missing. It is in no repository: the templates' `.gitignore` has it.
    pub fn build_dir(&self) -> Result<PathBuf, AuthorError> {
        let dir = self.dir.join("build");
        fs::create_dir_all(&dir).map_err(AuthorError::file(&dir))?;
        Ok(dir)
    }

    /// Where the component goes unless another place is asked for: `build/NAME.wasm`.
    pub fn component(&self) -> PathBuf {
        self.dir.join("build").join(format!("{}.wasm", self.name()))
    }
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Project").field("dir", &self.dir).field("manifest", &self.manifest).finish_non_exhaustive()
    }
}
