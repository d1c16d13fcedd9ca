//! The suite that a guest of every SDK passes: the cases of `sdk/conformance`, out of the binary.

use std::fmt::Write as _;
use std::path::Path;

use crate::embedded::embedded;
use crate::error::AuthorError;
use crate::fixture::Document;

/// The suite's files, by name.
pub fn documents() -> Result<Vec<Document>, AuthorError> {
    let files = embedded("sdk/conformance").filter(|(path, _)| path.rsplit('.').next() == Some("toml"));
    let text = |(path, bytes)| (path, String::from_utf8_lossy(bytes).into_owned());
    files
        .map(text)
        .chain([("large.toml", large())])
        .map(|(path, text)| Document::parse(&Path::new("conformance").join(path), text))
        .collect()
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

    #[test]
    fn the_suite_is_read() {
        assert!(documents().unwrap().iter().map(|d| d.cases.len()).sum::<usize>() > 20);
    }
}
