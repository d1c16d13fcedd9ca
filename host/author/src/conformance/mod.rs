//! The suite that a guest of every SDK passes: the cases of `sdk/conformance`, out of the binary.
//!
//! The files that `LATER` names are only for guests that import what they look at, so that an SDK of an older contract has a suite, too.

mod server;

use std::fmt::Write as _;
use std::path::Path;

use wasmparser::{Parser, Payload};
use weir_plugin::Grant;

use crate::embedded::embedded;
use crate::error::AuthorError;
use crate::fixture::Document;

/// Files of cases, and the import without which they are passed over.
const LATER: [(&str, &str); 2] = [("http.toml", HTTP), ("verdicts.toml", "weir:plugin/verdicts@")];

/// The import that runs only with a grant.
const HTTP: &str = "weir:plugin/http@";

/// How the cases call the server: no name that anybody has.
const SERVER: &str = "server.test";

/// Where nobody listens: the port is reserved, and on loopback the system says so at once.
const NOBODY: &str = "127.0.0.1:1";

/// The suite's files for a guest, by name. Where it makes requests, a server is started for it, and all cases grant it.
pub fn documents(component: &[u8]) -> Result<Vec<Document>, AuthorError> {
    let imports = imports(component);
    let has = |import: &str| imports.iter().any(|name| name.starts_with(import));
    let server = if has(HTTP) {
        Some(server::start().map_err(AuthorError::file("a server on loopback"))?.to_string())
    } else {
        None
    };
    let files = embedded("sdk/conformance").filter(|(path, _)| path.rsplit('.').next() == Some("toml"));
    let text = |(path, bytes)| (path, String::from_utf8_lossy(bytes).into_owned());
    let mut documents = vec![];
    for (path, text) in files.map(text).chain([("large.toml", large())]) {
        if LATER.iter().any(|(file, import)| *file == path && !has(import)) {
            continue;
        }
        let text = server.iter().fold(text, |text, at| text.replace(SERVER, at));
        let mut document = Document::parse(&Path::new("conformance").join(path), text)?;
        for case in &mut document.cases {
            case.grants
                .extend(server.iter().map(|at| Grant::Http { hosts: vec![at.clone(), NOBODY.into()], ca_file: None }));
        }
        documents.push(document);
    }
    Ok(documents)
}

/// What a component imports; nothing where it is none, which loading it will say.
fn imports(component: &[u8]) -> Vec<String> {
    let mut names = vec![];
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                names.extend(section.into_iter().flatten().map(|import| import.name.name.to_owned()));
            }
            _ => {}
        }
    }
    names
}

/// A page and a batch that go to the plugin in several calls: more rows than one may have.
fn large() -> String {
    let [mut samples, mut kept, mut lines, mut left] = [const { String::new() }; 4];
    for i in 0..10_000_u32 {
        let (job, value) = (i % 7, f64::from(i) - 100.0);
        let _ = if i % 3 == 0 {
            writeln!(samples, "m{{i=\"{i}\", job=\"é{job}\", unit=\"ms\"}} {}", value * 1000.0)
        } else {
            writeln!(samples, "m{{i=\"{i}\", job=\"é{job}\"}} {value}")
        };
        if value >= 0.0 {
            let unit = if i % 3 == 0 { ", unit=\"s\"" } else { "" };
            let _ = writeln!(kept, "m{{cluster=\"eu-1\", i=\"{i}\", job=\"é{job}\"{unit}}} {value}");
        }
        let stream = format!("job=\"é{job}\"}}");
        let _ = match i % 5 {
            0 => writeln!(lines, "{{{stream} | line {i} DEBUG"),
            1 => {
                let _ = writeln!(lines, "{{{stream} | line {i} password=ö{i} ERROR");
                writeln!(left, "{{cluster=\"eu-1\", {stream} {{level=\"error\"}} | line {i} password=*** ERROR")
            }
            _ => {
                let _ = writeln!(lines, "{{{stream} | line {i}");
                writeln!(left, "{{cluster=\"eu-1\", {stream} | line {i}")
            }
        };
    }
    format!(
        "config = {{ cluster = \"eu-1\" }}\n\
         limits = {{ timeout = \"2s\", memory = \"128MiB\" }}\n\
         [[case]]\nname = \"a page of 10,000 samples\"\nsamples = '''\n{samples}'''\nout = '''\n{kept}'''\n\
         [[case]]\nname = \"a batch of 10,000 lines\"\nlines = '''\n{lines}'''\nout = '''\n{left}'''\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(documents: &[Document]) -> Vec<&str> {
        documents.iter().filter_map(|d| d.path.file_name()?.to_str()).collect()
    }

    #[test]
    fn the_suite_is_read() {
        let older = documents(&[]).unwrap();
        assert!(older.iter().map(|d| d.cases.len()).sum::<usize>() > 20);
        assert!(!names(&older).contains(&"http.toml") && !names(&older).contains(&"verdicts.toml"));
        assert!(older.iter().flat_map(|d| &d.cases).all(|case| case.grants.is_empty()));
    }

    #[test]
    fn who_imports_something_newer_is_asked_about_it() {
        let importing = |what: &str| {
            let text = format!(r#"(component (import "weir:plugin/{what}@0.1.2" (instance)))"#);
            documents(&wat::parse_str(text).unwrap()).unwrap()
        };
        let verdicts = importing("verdicts");
        assert!(names(&verdicts).contains(&"verdicts.toml") && !names(&verdicts).contains(&"http.toml"));
        let http = importing("http");
        assert!(names(&http).contains(&"http.toml") && !names(&http).contains(&"verdicts.toml"));
        assert!(http.iter().flat_map(|d| &d.cases).all(|case| case.grants.len() == 1));
        assert!(http.iter().all(|d| !d.text.contains(SERVER)), "the cases know where it is");
    }
}
