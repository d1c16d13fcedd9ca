//! A plugin's folder.

use std::fs;
use std::path::{Path, PathBuf};

use weir_plugin::{MAX_MANIFEST, Manifest};

use crate::error::AuthorError;
use crate::language::{Language, by_name};
use crate::new::check_name;

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
        if manifest_text.len() > MAX_MANIFEST {
            return Err(wrong(format!("it has {} bytes, and may have {MAX_MANIFEST}", manifest_text.len())));
        }
        let manifest = Manifest::parse(&manifest_text).map_err(|e| wrong(e.to_string()))?;
        // it becomes a file's name in a directory of somebody else's
        check_name(&manifest.name).map_err(|e| wrong(format!("name: {e}")))?;
        let language = match manifest.language.as_deref() {
            Some(name) => by_name(name).map_err(|e| wrong(format!("language: {e}")))?,
            None => return Err(wrong("it needs a `language`, as in: language = \"rust\"".to_owned())),
        };
        Ok(Self { dir, manifest, manifest_text, language })
    }

    /// The plugin's name, which is its file's.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// A file of the project as a shell takes it from the working directory.
    pub fn from_here(&self, file: &str) -> String {
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
        // of no file it is the folder, without a slash at its end
        let path: PathBuf = self.dir.strip_prefix(&here).unwrap_or(&self.dir).join(file).components().collect();
        let path = if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() };
        let plain = path.chars().all(|c| c.is_alphanumeric() || "/._-+@%:".contains(c));
        if plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_makes_no_sense_is_told_with_its_file_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let nothing = Project::open(dir.path()).unwrap_err().to_string();
        assert!(nothing.contains("no weir-plugin.toml") && nothing.contains("weir plugin new"), "{nothing}");
        let nowhere = Project::open(&dir.path().join("nowhere")).unwrap_err().to_string();
        assert!(nowhere.contains("nowhere: "), "{nowhere}");
        let long = format!("name = \"a\"\n# {}", "x".repeat(MAX_MANIFEST));
        let cases = [
            ("name = \"a\"", "it needs a `language`, as in"),
            ("language = \"rust\"", "missing field `name`"),
            ("name = \"a\"\nlanguage = \"cobol\"", "language: there is no language \"cobol\": one of rust, "),
            ("name = \"../a\"\nlanguage = \"rust\"", "name: \"../a\" is no name for a plugin: use letters"),
            ("name = \"a\"\nlang = \"rust\"", "line 2"),
            ("name = \"a", "line 1"),
            (long.as_str(), "and may have 16384"),
        ];
        let path = dir.path().join(MANIFEST_FILE);
        for (text, part) in cases {
            std::fs::write(&path, text).unwrap();
            let error = Project::open(dir.path()).unwrap_err().to_string();
            assert!(error.contains("weir-plugin.toml: ") && error.contains(part), "{error}");
        }
        std::fs::write(&path, b"name = \"\xff\"").unwrap();
        let error = Project::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("weir-plugin.toml: ") && error.contains("UTF-8"), "{error}");
    }

    #[test]
    fn files_are_told_as_a_shell_takes_them() {
        let dir = tempfile::tempdir().unwrap();
        for (name, quoted) in [("plain-1", false), ("with a blank", true)] {
            let dir = dir.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join(MANIFEST_FILE), "name = \"a\"\nlanguage = \"c\"").unwrap();
            let project = Project::open(&dir).unwrap();
            let path = project.dir.join("x").display().to_string();
            assert_eq!(project.from_here("x"), if quoted { format!("'{path}'") } else { path });
            assert!(!project.from_here("").ends_with('/'));
        }
    }
}
