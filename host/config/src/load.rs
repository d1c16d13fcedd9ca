//! Reading the main file and what it includes.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use crate::check::Check;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Warning};
use crate::document;
use crate::environment::{Environment, System};
use crate::expand::expand;
use crate::setting::{At, Setting};
use crate::settings::Config;
use crate::source::Place;
use crate::tree::{self, Table};

/// Reads the configuration in `path` with the process' own environment.
///
/// # Errors
/// Everything that is wrong with it, warnings included. Fatal for this configuration.
pub fn load(path: &Path) -> Result<(Config, Vec<Warning>), Diagnostics> {
    load_with(path, &System)
}

/// Reads the configuration in `path` with the given surroundings.
///
/// # Errors
/// As [`load`].
pub fn load_with(path: &Path, environment: &dyn Environment) -> Result<(Config, Vec<Warning>), Diagnostics> {
    match environment.read(path) {
        Ok(text) => parse(&path.to_string_lossy(), &text, environment),
        Err(error) => Err(Diagnostics(vec![Diagnostic {
            severity: Severity::Error,
            message: format!("cannot read the configuration `{}`: {error}", path.display()),
            snippet: None,
            related: Vec::new(),
            help: Some("give the file with --config; it must be readable to the user that weir runs as".to_owned()),
        }])),
    }
}

/// Reads a configuration from a text. `name` is the file's name for messages, and relative paths are relative to its
/// folder.
///
/// # Errors
/// As [`load`].
pub fn parse(name: &str, text: &str, environment: &dyn Environment) -> Result<(Config, Vec<Warning>), Diagnostics> {
    let mut check = Check::new(environment);
    let mut files = Vec::new();
    let document = documents(name, text, &mut files, &mut check);
    // half a document would only lead to errors that are none
    let config = document.map(|mut document| {
        expand(&mut document, &mut check);
        document::read(&document, &mut check)
    });
    let failed = check.errors() > 0;
    let found = check.into_findings();
    match config {
        Some(config) if !failed => Ok((Config { files, ..config }, found)),
        _ => Err(Diagnostics(found)),
    }
}

/// The main file with its includes merged in, or nothing when one of them cannot be read. Notes the files.
fn documents(name: &str, text: &str, files: &mut Vec<PathBuf>, check: &mut Check<'_>) -> Option<Table> {
    let main = check.sources.add(name.to_owned(), text.to_owned());
    files.push(PathBuf::from(name));
    let mut document = tree::parse(main, check)?;
    let Some(include) = document.0.get("include").map(|entry| entry.node.clone()) else { return Some(document) };
    // expanded on its own: the rest is expanded once everything is merged
    let mut alone = Table([("include".to_owned(), tree::Entry { key: include.place, node: include })].into());
    expand(&mut alone, check);
    let patterns = alone.0.get("include").and_then(|entry| Vec::<At<String>>::read(&entry.node, check));
    let mut whole = true;
    for pattern in patterns.unwrap_or_default() {
        for path in included(&pattern, check) {
            if files.contains(&path) {
                continue;
            }
            match included_document(&path, pattern.place, check) {
                Some(other) => document.merge(other, check),
                None => whole = false,
            }
            files.push(path);
        }
    }
    // was expanded above, and a failure reported
    document.0.remove("include");
    whole.then_some(document)
}

fn included_document(path: &Path, place: Place, check: &mut Check<'_>) -> Option<Table> {
    let text = match check.environment.read(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("cannot read the included file `{}`: {error}", path.display());
            check.error(place, message, "included here", "make it readable to the user that weir runs as");
            return None;
        }
    };
    let file = check.sources.add(path.to_string_lossy().into_owned(), text);
    let mut other = tree::parse(file, check)?;
    if let Some(entry) = other.0.remove("include") {
        let help = "list all files in the main one";
        check.error(entry.key, "an included file cannot include others", "", help);
    }
    Some(other)
}

/// The files that a pattern stands for, in the order of their names. A pattern with `*` may match nothing.
fn included(pattern: &At<String>, check: &mut Check<'_>) -> Vec<PathBuf> {
    let path = check.sources.resolve(pattern.place, &pattern.value);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    if !has_glob(&pattern.value) {
        return vec![path];
    }
    let glob = GlobBuilder::new(&name).literal_separator(true).build();
    let (Ok(glob), false) = (glob, has_glob(&folder.to_string_lossy())) else {
        let help = "`*`, `?` and `[ab]` may stand in the last part of the path";
        check.error(pattern.place, "this is not a pattern of files to include", "", help);
        return Vec::new();
    };
    let matcher = glob.compile_matcher();
    match check.environment.list(&folder) {
        Ok(mut names) => {
            // a name with a dot first is an editor's or a package manager's
            names.retain(|name| !name.starts_with('.') && matcher.is_match(name));
            names.sort();
            names.into_iter().map(|name| folder.join(name)).collect()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let help = "create the folder, or remove the pattern";
            check.warn(pattern.place, format!("there is no folder `{}`", folder.display()), "", help);
            Vec::new()
        }
        Err(error) => {
            let message = format!("cannot list the folder `{}`: {error}", folder.display());
            check.error(pattern.place, message, "", "make it readable to the user that weir runs as");
            Vec::new()
        }
    }
}

fn has_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}
