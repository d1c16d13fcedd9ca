//! The files of one `file_sd_configs` list and what they said last.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::parse::{FileError, read};
use crate::pattern::Pattern;
use crate::{DiscoveryMetrics, TargetGroup};

#[derive(Debug)]
pub(crate) struct Files {
    patterns: Vec<Pattern>,
    /// The last good groups of each file that exists.
    groups: BTreeMap<PathBuf, Vec<TargetGroup>>,
    /// What was last said about what cannot be read, so that it is said once.
    problems: BTreeMap<PathBuf, String>,
    metrics: DiscoveryMetrics,
}

impl Files {
    /// Nothing is read yet. Patterns that are none are left out, with an error in the log.
    pub(crate) fn new(patterns: &[String], metrics: DiscoveryMetrics) -> Self {
        let patterns = patterns.iter().filter_map(|pattern| match Pattern::new(pattern) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                tracing::error!(%error, "cannot look for targets");
                None
            }
        });
        Self { patterns: patterns.collect(), groups: BTreeMap::new(), problems: BTreeMap::new(), metrics }
    }

    /// The directories in which a change may matter.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.patterns.iter().map(Pattern::directory)
    }

    /// All groups as of the last [`refresh`](Self::refresh), by path.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &TargetGroup> {
        self.groups.values().flatten()
    }

    /// Reads all files. One that cannot be understood keeps its last good groups; one that is gone loses them.
    pub(crate) fn refresh(&mut self) {
        let former = std::mem::take(&mut self.groups);
        let mut problems = BTreeMap::new();
        for pattern in &self.patterns {
            match pattern.files() {
                Ok(files) => {
                    for path in files {
                        if !self.groups.contains_key(&path) {
                            self.groups.extend(self.read(&path, &former, &mut problems).map(|g| (path, g)));
                        }
                    }
                }
                Err(error) => {
                    self.report(pattern.directory(), &error.to_string(), &mut problems);
                    let kept = former.iter().filter(|(path, _)| path.parent() == Some(pattern.directory()));
                    self.groups.extend(kept.map(|(path, groups)| (path.clone(), groups.clone())));
                }
            }
        }
        self.problems = problems;
    }

    fn read(
        &self,
        path: &Path,
        former: &BTreeMap<PathBuf, Vec<TargetGroup>>,
        problems: &mut BTreeMap<PathBuf, String>,
    ) -> Option<Vec<TargetGroup>> {
        match read(path) {
            Ok(groups) => return Some(groups),
            Err(FileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                // A file that is named in full and not there deserves a word; it is no error once it was there.
                if !former.contains_key(path) {
                    self.report(path, &error.to_string(), problems);
                }
                return None;
            }
            Err(error) => self.report(path, &error.to_string(), problems),
        }
        former.get(path).cloned()
    }

    fn report(&self, path: &Path, error: &str, problems: &mut BTreeMap<PathBuf, String>) {
        self.metrics.file_read_errors.inc();
        if self.problems.get(path).is_none_or(|said| said != error) {
            tracing::warn!(file = %path.display(), error, "cannot read targets; those known from here stay");
        }
        problems.insert(path.to_path_buf(), error.to_string());
    }
}
