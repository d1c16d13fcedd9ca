//! The text of a file of targets.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

use serde::Deserialize;

use crate::TargetGroup;
use crate::pattern::Format;

/// A file of targets may be this large: a hundred thousand targets with their labels. More is a mistaken path, and must
/// not fill memory.
const FILE_BYTES: u64 = 32 << 20;

/// The label with the path of the file a target comes from.
const FILE_PATH_LABEL: &str = "__meta_filepath";

/// Why a file gave no groups. Retryable: it is read again when it changes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is too large.
    #[error("is over {} MiB; split it", FILE_BYTES >> 20)]
    TooLarge,
    /// It is no list of groups; the message tells the place.
    #[error("{0}")]
    Json(serde_json::Error),
    /// It is no list of groups; the message tells the place.
    #[error("{0}")]
    Yaml(String),
    /// A label's name is none.
    #[error("group {}: {name:?} is not a label name; use letters, digits and _ (not a digit first)", .group + 1)]
    LabelName { group: usize, name: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireGroup {
    #[serde(default)]
    targets: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// Reads a file of targets.
pub(crate) fn read(path: &Path) -> Result<Vec<TargetGroup>, FileError> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(FileError::TooLarge);
    }
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<TargetGroup>, FileError> {
    let groups: Vec<WireGroup> = match Format::of(path) {
        Some(Format::Json) => serde_json::from_str(text).map_err(FileError::Json)?,
        _ => yaml(text)?,
    };
    let groups = groups.into_iter().enumerate().map(|(i, wire)| {
        let mut labels = wire.labels.unwrap_or_default();
        if let Some(name) = labels.keys().find(|n| !is_label_name(n)) {
            return Err(FileError::LabelName { group: i, name: name.clone() });
        }
        labels.insert(FILE_PATH_LABEL.into(), path.display().to_string());
        let source = format!("{}:{i}", path.display());
        Ok(TargetGroup { source, targets: wire.targets.unwrap_or_default(), labels })
    });
    groups.collect()
}

fn yaml(text: &str) -> Result<Vec<WireGroup>, FileError> {
    let groups: Result<Option<Vec<WireGroup>>, _> = serde_saphyr::from_str(text);
    groups.map(Option::unwrap_or_default).map_err(|e| FileError::Yaml(e.without_snippet().to_string()))
}

/// Whether text is a classic label name (Prometheus data model, "Metric names and labels").
fn is_label_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(name: &str, text: &str) -> Vec<TargetGroup> {
        parse(Path::new(name), text).unwrap()
    }

    fn error(name: &str, text: &str) -> String {
        parse(Path::new(name), text).unwrap_err().to_string()
    }

    #[test]
    fn json_and_yaml_say_the_same() {
        let json = r#"[{"targets": ["a:1", "[::1]:2"], "labels": {"env": "1", "zone": "x y"}}, {"targets": []}]"#;
        let yaml = "# comment\n- targets: ['a:1', \"[::1]:2\"]\n  labels:\n    env: 1\n    zone: x y\n- targets: []\n";
        let rename = |mut groups: Vec<TargetGroup>| {
            for (i, group) in groups.iter_mut().enumerate() {
                assert_eq!(group.source, format!("{}:{i}", group.labels.remove(FILE_PATH_LABEL).unwrap()));
                group.source.clear();
            }
            groups
        };
        let from_json = groups("/sd/t.json", json);
        assert_eq!(from_json[0].source, "/sd/t.json:0");
        assert_eq!(from_json[0].targets, ["a:1", "[::1]:2"]);
        assert_eq!(from_json[0].labels["env"], "1");
        assert_eq!(rename(from_json), rename(groups("/sd/t.yml", yaml)));
        assert_eq!(rename(groups("t.yaml", json)), rename(groups("t.JSON", json)), "JSON is YAML too");
    }

    #[test]
    fn plain_yaml_scalars_stay_as_written() {
        let text = "- targets: [db-1:9100]\n  labels: {version: 1.10, on: yes, id: 0123, none: ~x}\n";
        let labels = &groups("t.yml", text)[0].labels;
        let values: Vec<_> = ["version", "on", "id", "none"].map(|n| labels[n].as_str()).into();
        assert_eq!(values, ["1.10", "yes", "0123", "~x"]);
        assert_eq!(groups("t.yml", "- targets:\n  - a:1\n  labels:\n")[0].targets, ["a:1"]);
    }

    #[test]
    fn an_empty_yaml_file_is_an_empty_list() {
        assert!(groups("t.yml", "").is_empty());
        assert!(groups("t.yml", "# nothing yet\n").is_empty());
    }

    #[test]
    fn errors_tell_the_place() {
        assert!(error("t.json", "[{\"targets\": [1]}]").contains("line 1 column 15"));
        assert!(error("t.json", "").contains("line 1 column 0"));
        assert!(error("t.json", "[{\"target\": []}]").contains("unknown field `target`"));
        let yaml = error("t.yml", "- targets: [a]\n- targts: [b]\n");
        assert!(yaml.contains("line 2") && yaml.contains("targts") && !yaml.contains('\n'), "{yaml}");
        assert!(error("t.yml", "- targets: [a]\n  labels: {a-b: c}\n").starts_with("group 1: \"a-b\" is not"));
    }
}
