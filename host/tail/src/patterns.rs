//! Globs to files.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

use crate::settings::{FileLogsSettings, SettingsError};

/// Directories that `**` descends at most: bind mounts can make a tree endless.
const MAX_DEPTH: usize = 32;

/// What names end in whose content is not text.
const COMPRESSED: [&str; 7] = ["gz", "zst", "bz2", "xz", "lz4", "zip", "Z"];

/// A source's globs, compiled.
pub(crate) struct Patterns {
    include: Vec<Vec<Part>>,
    exclude: GlobSet,
    skip_compressed: bool,
}

enum Part {
    Literal(String),
    Glob(GlobMatcher),
    /// `**`
    Any,
}

/// What an expansion found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Candidate paths, sorted and unique; nothing says that they are files.
    pub(crate) paths: Vec<PathBuf>,
    /// The directories in which a new file could match.
    pub(crate) directories: Vec<PathBuf>,
    /// Directories that could not be listed.
    pub(crate) errors: Vec<(PathBuf, io::Error)>,
}

impl Patterns {
    pub(crate) fn compile(settings: &FileLogsSettings) -> Result<Self, SettingsError> {
        if settings.paths.is_empty() {
            return Err(SettingsError::NoPaths);
        }
        let mut exclude = GlobSetBuilder::new();
        for pattern in &settings.exclude {
            let whole = if pattern.contains('/') { absolute(pattern)? } else { format!("**/{pattern}") };
            exclude.add(glob(&whole, pattern)?);
        }
        let exclude =
            exclude.build().map_err(|source| SettingsError::Glob { pattern: settings.exclude.join(", "), source })?;
        let include = settings.paths.iter().map(|p| parts(p)).collect::<Result<_, _>>()?;
        Ok(Self { include, exclude, skip_compressed: settings.skip_compressed })
    }

    /// Looks for files now.
    pub(crate) fn expand(&self) -> Found {
        let mut found = Found::default();
        for parts in &self.include {
            walk(Path::new("/"), parts, 0, &mut found);
        }
        found.paths.retain(|p| self.wanted(p));
        found.paths.sort_unstable();
        found.paths.dedup();
        found.directories.sort_unstable();
        found.directories.dedup();
        found
    }

    fn wanted(&self, path: &Path) -> bool {
        let compressed = || path.extension().and_then(OsStr::to_str).is_some_and(|e| COMPRESSED.contains(&e));
        !(self.exclude.is_match(path) || (self.skip_compressed && compressed()))
    }
}

fn glob(part: &str, pattern: &str) -> Result<globset::Glob, SettingsError> {
    GlobBuilder::new(part)
        .literal_separator(true)
        .build()
        .map_err(|source| SettingsError::Glob { pattern: pattern.to_owned(), source })
}

fn absolute(pattern: &str) -> Result<String, SettingsError> {
    if pattern.starts_with("**/") {
        return Ok(format!("/{pattern}"));
    }
    std::path::absolute(pattern)
        .map(|p| p.to_string_lossy().into_owned())
        .map_err(|source| SettingsError::Relative { pattern: pattern.to_owned(), source })
}

fn parts(pattern: &str) -> Result<Vec<Part>, SettingsError> {
    let mut depth = 0i32;
    for c in pattern.chars() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '/' if depth > 0 => return Err(SettingsError::AcrossSlash { pattern: pattern.to_owned() }),
            _ => {}
        }
    }
    let mut parts = Vec::new();
    for component in Path::new(&absolute(pattern)?).components() {
        let name = match component {
            Component::Normal(name) => name.to_string_lossy().into_owned(),
            Component::ParentDir => "..".to_owned(),
            _ => continue,
        };
        parts.push(match name.as_str() {
            "**" => Part::Any,
            _ if name.contains(['*', '?', '[', '{', '\\']) => Part::Glob(glob(&name, pattern)?.compile_matcher()),
            _ => Part::Literal(name),
        });
    }
    Ok(parts)
}

fn walk(at: &Path, parts: &[Part], depth: usize, found: &mut Found) {
    let Some((part, rest)) = parts.split_first() else { return };
    match part {
        Part::Literal(name) if rest.is_empty() => {
            found.directories.push(at.to_owned());
            let path = at.join(name);
            if !matches!(path.try_exists(), Ok(false)) {
                found.paths.push(path);
            }
        }
        Part::Literal(name) => walk(&at.join(name), rest, depth, found),
        Part::Glob(matcher) => list(at, found, |path, is_directory, found| {
            if !path.file_name().is_some_and(|name| matcher.is_match(name)) {
            } else if rest.is_empty() {
                if !is_directory {
                    found.paths.push(path);
                }
            } else if is_directory || path.is_dir() {
                walk(&path, rest, depth, found);
            }
        }),
        Part::Any => {
            if !rest.is_empty() {
                walk(at, rest, depth, found);
            }
            // links to directories are not followed here: they can lead back up
            list(at, found, |path, is_directory, found| {
                if is_directory && depth < MAX_DEPTH {
                    walk(&path, parts, depth + 1, found);
                } else if !is_directory && rest.is_empty() {
                    found.paths.push(path);
                }
            });
        }
    }
}

fn list(at: &Path, found: &mut Found, mut each: impl FnMut(PathBuf, bool, &mut Found)) {
    let entries = match std::fs::read_dir(at) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return,
        Err(e) => return found.errors.push((at.to_owned(), e)),
    };
    found.directories.push(at.to_owned());
    for entry in entries.flatten() {
        let is_directory = entry.file_type().is_ok_and(|t| t.is_dir());
        each(entry.path(), is_directory, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(root: &Path, include: &[&str], exclude: &[&str]) -> Vec<String> {
        let at = |p: &&str| root.join(p).to_str().unwrap().to_owned();
        let mut settings = FileLogsSettings::new("t", include.iter().map(at));
        settings.exclude = exclude.iter().map(at).collect();
        let found = Patterns::compile(&settings).unwrap().expand();
        assert!(found.errors.is_empty());
        found.paths.iter().map(|p| p.strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn globs_find_what_a_shell_would() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.log", "b.log", "b.log.gz", "c.txt", "x/a.log", "x/y/deep.log", "x/y/z/deep.log"] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let root = dir.path();
        assert_eq!(found(root, &["*.log", "a.*"], &[]), ["a.log", "b.log"]);
        assert_eq!(found(root, &["*.log*"], &["b*"]), ["a.log"]);
        let mut named = FileLogsSettings::new("t", [root.join("*.log").to_str().unwrap()]);
        named.exclude = vec!["b.*".to_owned()];
        assert_eq!(Patterns::compile(&named).unwrap().expand().paths, [root.join("a.log")], "a bare name, anywhere");
        assert_eq!(found(root, &["*/*.log"], &[]), ["x/a.log"]);
        assert_eq!(found(root, &["**/deep.log"], &[]), ["x/y/deep.log", "x/y/z/deep.log"]);
        assert_eq!(found(root, &["**/*.log"], &["x/**"]), ["a.log", "b.log"]);
        assert_eq!(found(root, &["x/**"], &[]), ["x/a.log", "x/y/deep.log", "x/y/z/deep.log"]);
        assert_eq!(found(root, &["{a,c}.{log,txt}"], &[]), ["a.log", "c.txt"]);
        assert_eq!(found(root, &["[bc].*"], &[]), ["b.log", "c.txt"]);
        assert_eq!(found(root, &["none/*.log"], &[]), Vec::<String>::new());
        assert_eq!(found(root, &["a.log", "later.log"], &[]), ["a.log"]);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let check = |settings: FileLogsSettings| Patterns::compile(&settings).err().unwrap().to_string();
        assert_eq!(check(FileLogsSettings::new("t", [""; 0])), "no paths");
        assert!(check(FileLogsSettings::new("t", ["/var/{log,/tmp}/x"])).contains("must not reach over a /"));
        assert!(check(FileLogsSettings::new("t", ["/var/[z-a]"])).starts_with("glob \"/var/[z-a]\": "));
    }
}
