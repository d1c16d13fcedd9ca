//! The files that a configuration is made of, and places in them.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A stretch of one source file, in bytes. Ordered as the reader of the files would meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// All files read so far; [`Place::file`] is an index into it.
#[derive(Default)]
pub(crate) struct Sources {
    files: Vec<Source>,
}

/// One file as it was read.
pub(crate) struct Source {
    /// As shown in diagnostics.
    pub(crate) name: String,
    pub(crate) text: String,
    /// What relative paths in this file are relative to.
    pub(crate) folder: PathBuf,
    /// Stretches that no message may show, found in the document's structure.
    secrets: Vec<Range<usize>>,
}

/// A line of a file with a stretch of it pointed at.
pub(crate) struct Spot {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Counted from 1, in characters.
    pub(crate) column: usize,
    /// The line with its secrets masked, without its end.
    pub(crate) text: String,
    /// Characters pointed at, at least 1; what goes on to the next line is left out.
    pub(crate) width: usize,
}

impl Sources {
    pub(crate) fn add(&mut self, name: String, text: String) -> usize {
        let folder = Path::new(&name).parent().map(Path::to_path_buf).unwrap_or_default();
        self.files.push(Source { name, text, folder, secrets: Vec::new() });
        self.files.len() - 1
    }

    pub(crate) fn get(&self, file: usize) -> Option<&Source> {
        self.files.get(file)
    }

    /// Relative paths are relative to the file that they are written in, so a folder of configuration can be moved.
    pub(crate) fn resolve(&self, place: Place, path: &str) -> PathBuf {
        self.get(place.file).map_or_else(|| PathBuf::from(path), |source| source.folder.join(path))
    }

    pub(crate) fn hide(&mut self, place: Place) {
        if let Some(source) = self.files.get_mut(place.file) {
            source.secrets.push(place.start..place.end);
        }
    }
}

impl Source {
    pub(crate) fn spot(&self, place: Place) -> Spot {
        let start = floor(&self.text, place.start);
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = self.text.get(line_start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let end = floor(&self.text, place.end).clamp(start, line_start + line.len().max(start - line_start));
        let width = self.text.get(start..end).map_or(1, |text| text.chars().count().max(1));
        Spot {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(1, |text| text.chars().count() + 1),
            text: self.masked(line_start, line),
            width,
        }
    }

    /// The line with every character of a secret replaced by `*`: columns stay what they were.
    fn masked(&self, line_start: usize, line: &str) -> String {
        let guessed = guess_secrets(line);
        line.char_indices()
            .map(|(at, c)| {
                let known = self.secrets.iter().any(|secret| secret.contains(&(line_start + at)));
                if known || guessed.iter().any(|secret| secret.contains(&at)) { '*' } else { c }
            })
            .collect()
    }
}

/// Strings after a key whose name speaks of a secret. The document's structure tells better ([`Sources::hide`]), but a
/// file with a syntax error has none.
fn guess_secrets(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(equals) = line.get(from..).and_then(|rest| rest.find('=')).map(|at| at + from) {
        from = equals + 1;
        let key = line.get(..equals).unwrap_or_default().trim_end().trim_end_matches(['"', '\'']);
        let key = key.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next().unwrap_or_default();
        let value = line.get(from..).unwrap_or_default();
        let open = from + (value.len() - value.trim_start().len());
        let Some(quote @ ('"' | '\'')) = line.get(open..).and_then(|text| text.chars().next()) else { continue };
        let inside = open + 1;
        let close = line.get(inside..).and_then(|text| text.find(quote)).map_or(line.len(), |at| at + inside);
        if names_a_secret(key) && !line.get(inside..).is_some_and(|value| value.starts_with("${")) {
            found.push(inside..close);
        }
        from = close.max(from);
    }
    found.extend(in_urls(line));
    found
}

/// User and password of the URLs in a line.
fn in_urls(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("://").filter_map(move |(at, scheme)| {
        let from = at + scheme.len();
        let rest = line.get(from..)?;
        let end = rest.find(['/', '"', '\'', ' ']).unwrap_or(rest.len());
        let at = rest.get(..end)?.rfind('@')?;
        Some(from..from + at)
    })
}

/// Whether a key's name says that its value is to be kept from eyes.
pub(crate) fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let speaks = ["password", "credentials", "secret", "token", "authorization", "api_key", "api-key", "apikey"];
    !key.ends_with("_file") && !key.ends_with("_url") && speaks.iter().any(|word| key.contains(word))
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
