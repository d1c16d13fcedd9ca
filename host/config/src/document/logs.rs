//! `[[file_logs]]`.

use std::path::PathBuf;
use std::time::Duration;

use globset::GlobBuilder;

use crate::check::Check;
use crate::names;
use crate::section::{Section, wrong_type};
use crate::setting::{At, Setting, Size, word};
use crate::settings::{FileLog, ReadFrom};
use crate::tree::{Node, Value};

/// What a default Loki server takes.
const LINE_BYTES: u64 = 256 << 10;
/// A line is held in memory while it is read, once per file.
const LARGEST_LINE: u64 = 64 << 20;

/// Reads one source; nothing when it has no name, which was reported.
pub(super) fn read(section: Section<'_>, taken: &mut Vec<At<String>>, check: &mut Check<'_>) -> Option<FileLog> {
    let mut section = section.later(&["multiline", "encoding", "decompression", "pipeline_stages"]);
    let name: Option<At<String>> = section.need("name", check);
    if let Some(name) = &name {
        names::component(name, check);
        names::unique(name.clone(), "name", taken, check);
    }
    let paths: Option<At<Vec<Pattern>>> = section.need("paths", check);
    if let Some(paths) = paths.as_ref().filter(|paths| paths.value.is_empty()) {
        // a wrong pattern was reported and leaves the list empty as well
        if section.node("paths").is_some_and(|node| matches!(&node.value, Value::Array(items) if items.is_empty())) {
            check.error(paths.place, "there is no path to read", "", "add one, such as \"/var/log/app/*.log\"");
        }
    }
    let exclude: Vec<Pattern> = section.value("exclude", check).unwrap_or_default();
    let labels = section.map("labels", check, names::own_label);
    let sources = [("beginning", ReadFrom::Beginning), ("end", ReadFrom::End)];
    let max_line: Option<At<Size>> = section.get("max_line_bytes", check);
    if let Some(wrong) = max_line.as_ref().filter(|size| size.value.0 == 0 || size.value.0 > LARGEST_LINE) {
        check.error(wrong.place, "a line can have 1 byte to 64 MiB", "", "256KiB is what a default Loki server takes");
    }
    let poll: Option<At<Duration>> = section.get("poll_interval", check);
    if let Some(wrong) = poll.as_ref().filter(|poll| poll.value.is_zero()) {
        check.error(wrong.place, "this cannot be 0", "", "remove it for the default of 1s");
    }
    let config = FileLog {
        name: name.as_ref().map(|name| name.value.clone()).unwrap_or_default(),
        paths: paths.map(|paths| paths.value).unwrap_or_default().into_iter().map(|pattern| pattern.0).collect(),
        exclude: exclude.into_iter().map(|pattern| pattern.0).collect(),
        labels,
        filename_label: filename_label(&mut section, check),
        max_line_bytes: max_line.map_or(LINE_BYTES, |size| size.value.0),
        read_from: section
            .node("read_from")
            .and_then(|node| word(node, &sources, check))
            .unwrap_or(ReadFrom::Beginning),
        poll_interval: poll.map_or(Duration::from_secs(1), |poll| poll.value),
    };
    section.finish(check);
    name.map(|_| config)
}

fn filename_label(section: &mut Section<'_>, check: &mut Check<'_>) -> Option<String> {
    let default = Some("filename".to_owned());
    let Some(node) = section.node("filename_label") else { return default };
    match &node.value {
        Value::Boolean(false) => None,
        Value::String { text, .. } => {
            names::own_label(text, node.place, check);
            Some(text.clone())
        }
        Value::Boolean(true) => default,
        _ => {
            wrong_type(node, "a label name or false", check);
            default
        }
    }
}

struct Pattern(PathBuf);

impl Setting for Pattern {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        let path = PathBuf::read(node, check)?;
        if let Err(error) = GlobBuilder::new(&path.to_string_lossy()).literal_separator(true).build() {
            let help = "`*` and `?` match within a name, `**` any folders, `[ab]` and `{a,b}` one of several";
            check.error(node.place, format!("this is not a path pattern: {}", error.kind()), "", help);
            return None;
        }
        Some(Self(path))
    }
}
