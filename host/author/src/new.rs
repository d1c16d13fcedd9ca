//! A new project: template, SDK and contract out of the binary.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::embedded::embedded;
use crate::error::AuthorError;
use crate::language::{Language, NewFile};

/// weir's version, and so that of the SDKs it carries.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes a project into `dir`, which must not exist, and gives the files' paths from there. The plugin's name is the folder's.
pub fn new(language: &dyn Language, dir: &Path) -> Result<Vec<String>, AuthorError> {
    let name = dir.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    check_name(name)?;
    if language.taken().contains(&name) {
        return Err(AuthorError::Taken { name: name.to_owned(), language: language.name() });
    }
    if dir.exists() {
        return Err(AuthorError::Exists(dir.to_owned()));
    }
    let mut files = template(language, name);
    files.extend(provided(language)?);
    write(dir, &files)?;
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// A plugin's name is its file's, a metric's label value, a package in five languages.
pub(crate) fn check_name(name: &str) -> Result<(), AuthorError> {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if good { Ok(()) } else { Err(AuthorError::Name(name.to_owned())) }
}

fn template(language: &dyn Language, name: &str) -> Vec<NewFile> {
    let folder = format!("sdk/{}", language.template());
    embedded(&folder)
        .map(|(path, bytes)| {
            let path = path.strip_suffix(".in").unwrap_or(path);
            let bytes =
                std::str::from_utf8(bytes).map_or_else(|_| bytes.to_vec(), |text| fill(text, name).into_bytes());
            (fill(path, name), bytes)
        })
        .collect()
}

/// The part of a project that is weir's: the folder `weir`.
fn provided(language: &dyn Language) -> Result<Vec<NewFile>, AuthorError> {
    let sdk = language.sdk();
    let mut files: Vec<NewFile> = embedded(&format!("sdk/{sdk}"))
        .filter(|(path, _)| !path.starts_with("template"))
        .map(|(path, bytes)| (format!("weir/sdk/{sdk}/{path}"), bytes.to_vec()))
        .collect();
    files.extend(embedded("wit").map(|(path, bytes)| (format!("weir/wit/{path}"), bytes.to_vec())));
    // how tests and a manifest are written, and what costs what: the same for all
    let pages = embedded("sdk").filter(|(path, _)| !path.contains('/') && is_page(path) && *path != "README.md");
    files.extend(pages.map(|(path, bytes)| (format!("weir/sdk/{path}"), bytes.to_vec())));
    files.push(("weir/VERSION".to_owned(), format!("{VERSION}\n").into_bytes()));
    language.finish_new(&mut files)?;
    let paths: BTreeSet<String> = files.iter().map(|(path, _)| path.clone()).collect();
    for (path, bytes) in files.iter_mut().filter(|(path, _)| is_page(path)) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            *bytes = without_dead_links(path, text, &paths).into_bytes();
        }
    }
    Ok(files)
}

fn is_page(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|e| e == "md")
}

/// A page whose links go to what a project has: those to weir's own tree leave their words.
fn without_dead_links(page: &str, text: &str, files: &BTreeSet<String>) -> String {
    let mut alive = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, target, after)) = next_link(rest) {
        let kept = target.contains("://") || target.starts_with('#') || leads(page, target, files);
        match before.rsplit_once('[').filter(|_| !kept) {
            Some((before, words)) => alive.extend([before, words]),
            None => alive.extend([before, "](", target, ")"]),
        }
        rest = after;
    }
    alive.push_str(rest);
    alive
}

/// What stands before the next link's target, with its words; the target; what follows.
fn next_link(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("](")?;
    let (target, after) = rest.split_once(')')?;
    Some((before, target, after))
}

/// Whether a relative link of a page is to a file, or a folder, among these.
fn leads(page: &str, target: &str, files: &BTreeSet<String>) -> bool {
    let mut path: Vec<&str> = page.split('/').collect();
    path.pop();
    for part in target.split('#').next().unwrap_or_default().split('/') {
        match part {
            ".." if path.pop().is_none() => return false,
            ".." | "." | "" => {}
            part => path.push(part),
        }
    }
    let path = path.join("/");
    files
        .iter()
        .any(|file| file.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Types that a template or its language has already: the plugin's own is then called `…Plugin`.
const SPOKEN_FOR: &[&str] = &[
    "Config",
    "Err",
    "Error",
    "False",
    "Labels",
    "New",
    "None",
    "Ok",
    "Plugin",
    "Result",
    "Self",
    "Series",
    "SeriesBatch",
    "Some",
    "String",
    "True",
    "Vec",
];

fn fill(text: &str, name: &str) -> String {
    let mut pascal: String = name
        .split(['-', '_'])
        .map(|part| {
            let mut chars = part.chars();
            chars.next().map_or_else(String::new, |c| c.to_ascii_uppercase().to_string() + chars.as_str())
        })
        .collect();
    if SPOKEN_FOR.contains(&pascal.as_str()) {
        pascal.push_str("Plugin");
    }
    text.replace("{{name}}", name)
        .replace("{{snake}}", &name.replace('-', "_"))
        .replace("{{pascal}}", &pascal)
        .replace("{{version}}", VERSION)
}

fn write(dir: &Path, files: &[NewFile]) -> Result<(), AuthorError> {
    for (path, bytes) in files {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(AuthorError::file(parent))?;
        }
        fs::write(&path, bytes).map_err(AuthorError::file(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{ALL, by_name};
    use crate::project::Project;

    #[test]
    fn names() {
        for good in ["a", "tidy", "log-metrics", "A_1"] {
            check_name(good).unwrap();
        }
        for bad in ["", "1a", "-a", "a b", "a/b", "é", "a.b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert_eq!(fill("{{name}} {{snake}} {{pascal}}", "log-metrics"), "log-metrics log_metrics LogMetrics");
        assert_eq!(fill("{{pascal}} {{pascal}}", "labels"), "LabelsPlugin LabelsPlugin");
    }

    #[test]
    fn links_that_lead_nowhere_leave_their_words() {
        let files = ["weir/sdk/go/README.md", "weir/sdk/fixtures.md"].map(str::to_owned).into();
        let page = "see [a](../fixtures.md#b), [`c`](../../examples/c) [d](https://e.f) [g](#h) [i](.)";
        let alive = "see [a](../fixtures.md#b), `c` [d](https://e.f) [g](#h) [i](.)";
        assert_eq!(without_dead_links("weir/sdk/go/README.md", page, &files), alive);
    }

    #[test]
    fn what_a_language_has_already_is_no_name_in_it() {
        let dir = tempfile::tempdir().unwrap();
        for (language, name) in [("rust", "weir-sdk"), ("rust", "self")] {
            let error = new(by_name(language).unwrap(), &dir.path().join(name)).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(language) && error.contains("another name"), "{error}");
            assert!(!dir.path().join(name).exists());
        }
        new(by_name("c").unwrap(), &dir.path().join("weir")).unwrap();
    }

    #[test]
    fn every_language_writes_a_project_that_opens() {
        for language in ALL {
            let dir = tempfile::tempdir().unwrap();
            let dir = dir.path().join("my-plugin");
            let files = new(*language, &dir).unwrap();
            for (contract, _) in embedded("wit") {
                assert!(files.contains(&format!("weir/wit/{contract}")), "{contract}");
            }
            let project = Project::open(&dir).unwrap();
            assert_eq!((project.name(), project.language.name()), ("my-plugin", language.name()));
            for file in &files {
                let text = fs::read(dir.join(file)).unwrap();
                let whole = !String::from_utf8_lossy(&text).contains("{{name}}");
                assert!(whole || file.starts_with("weir/"), "{file} has a placeholder left");
                let page = if is_page(file) { String::from_utf8(text).unwrap() } else { String::new() };
                let mut links = page.as_str();
                while let Some((_, target, after)) = next_link(links) {
                    let there = dir.join(file).parent().unwrap().join(target.split('#').next().unwrap());
                    assert!(target.contains("://") || target.starts_with('#') || there.exists(), "{file}: {target}");
                    links = after;
                }
            }
            assert!(matches!(new(*language, &dir), Err(AuthorError::Exists(_))));
        }
    }
}
