//! Paths of files of targets, with wildcards in their last element.

use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// A path that names no file of targets. Fatal for the configuration that holds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The ending does not tell the format.
    #[error("{0:?} does not end in .json, .yml or .yaml, which tells the format; rename the files")]
    Ending(String),
    /// A wildcard stands in a directory's name.
    #[error("{0:?} has a wildcard in a directory's name; wildcards work in the file's name only")]
    Directory(String),
    /// The wildcards cannot be understood.
    #[error("{pattern:?} is not a pattern: {reason}")]
    Glob {
        /// What was given.
        pattern: String,
        /// Why not.
        reason: String,
    },
}

/// Checks a path of `file_sd_configs`: it ends in `.json`, `.yml` or `.yaml`, and only its last element may hold `*`,
/// `?` and `[…]`.
pub fn check_pattern(pattern: &str) -> Result<(), PatternError> {
    Pattern::new(pattern).map(drop)
}

/// The format of a file of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
}

impl Format {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        match ending {
            _ if ending.eq_ignore_ascii_case("json") => Some(Self::Json),
            _ if ending.eq_ignore_ascii_case("yml") || ending.eq_ignore_ascii_case("yaml") => Some(Self::Yaml),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    path: PathBuf,
    /// For the file's name; `None` where it holds no wildcard.
    name: Option<GlobMatcher>,
}

const WILDCARDS: [char; 3] = ['*', '?', '['];

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Result<Self, PatternError> {
        let path = PathBuf::from(pattern);
        // `*.json` has no extension to Path's eyes only if nothing stands before the dot.
        if Format::of(&path).is_none() {
            return Err(PatternError::Ending(pattern.into()));
        }
        let (directory, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        if directory.contains(WILDCARDS) {
            return Err(PatternError::Directory(pattern.into()));
        }
        if !name.contains(WILDCARDS) {
            return Ok(Self { path, name: None });
        }
        // Braces are ordinary characters in Prometheus' patterns.
        let escaped: String = name
            .chars()
            .flat_map(|c| match c {
                '{' => "[{]".chars().collect::<Vec<_>>(),
                '}' => "[}]".chars().collect(),
                c => vec![c],
            })
            .collect();
        let glob = GlobBuilder::new(&escaped).backslash_escape(true).build();
        let glob = glob.map_err(|e| PatternError::Glob { pattern: pattern.into(), reason: e.kind().to_string() })?;
        Ok(Self { path, name: Some(glob.compile_matcher()) })
    }

    /// The directory to watch.
    pub(crate) fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// The files that match now, in no particular order. A directory that does not exist holds none.
    pub(crate) fn files(&self) -> io::Result<Vec<PathBuf>> {
        let Some(name) = &self.name else {
            return Ok(vec![self.path.clone()]);
        };
        let entries = match std::fs::read_dir(self.directory()) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let mut found = Vec::new();
        for entry in entries {
            let file = entry?.file_name();
            if name.is_match(Path::new(&file)) {
                found.push(self.path.with_file_name(file));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_belong_into_the_last_element() {
        for good in ["targets.json", "/etc/weir/*.yml", "sd/my/tgroup-?.YAML", "/a/[ab]*.json", "/a/{x}*.json"] {
            assert_eq!(check_pattern(good), Ok(()), "{good}");
        }
        assert_eq!(check_pattern("/a/b.toml"), Err(PatternError::Ending("/a/b.toml".into())));
        assert_eq!(check_pattern("/a/b"), Err(PatternError::Ending("/a/b".into())));
        assert_eq!(check_pattern("/*/b.json"), Err(PatternError::Directory("/*/b.json".into())));
        assert!(matches!(check_pattern("/a/[b.json"), Err(PatternError::Glob { .. })));
    }

    #[test]
    fn a_pattern_finds_its_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.json", "b.json", "{x}1.json", "a.yml", "ab.json"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let find = |pattern: &str| {
            let pattern = Pattern::new(&format!("{}/{pattern}", folder.path().display())).unwrap();
            let names =
                pattern.files().unwrap().into_iter().map(|p| p.file_name().unwrap().to_str().unwrap().to_string());
            let mut names: Vec<_> = names.collect();
            names.sort();
            names
        };
        assert_eq!(find("?.json"), ["a.json", "b.json"]);
        assert_eq!(find("a*.json"), ["a.json", "ab.json"]);
        assert_eq!(find("{x}*.json"), ["{x}1.json"]);
        assert_eq!(find("none.json"), ["none.json"]);
        assert!(Pattern::new("/does/not/exist/*.json").unwrap().files().unwrap().is_empty());
    }
}
