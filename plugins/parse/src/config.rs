//! What the operator writes, and what it comes to.

use std::collections::BTreeMap;

use regex::Regex;
use weir_sdk::Error;

use crate::Form;
use crate::found::{Wanted, is_name, name_of};
use crate::partial;
use crate::time::{self, Format};

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `cri` first, where lines come from a container runtime; then what their text may be, tried in this order.
    formats: Vec<Form>,
    /// The pattern of the format `regex`.
    expression: Option<String>,
    /// Keys that become labels of the stream.
    #[serde(default)]
    labels: Names,
    /// Keys that become structured metadata.
    #[serde(default)]
    structured_metadata: Names,
    /// The key that is the line's time.
    timestamp: Option<time::AsWritten>,
    /// The key whose value becomes the line.
    output: Option<String>,
    /// What becomes of lines that cannot be read.
    #[serde(default)]
    malformed: Malformed,
    /// How pieces of CRI lines are put together.
    cri: Option<Cri>,
}

/// Of the format `cri`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Cri {
    /// What `stdout` or `stderr` becomes.
    stream: StreamAs,
    /// Lines whose end has not come, at a time.
    max_partial_lines: usize,
    /// Bytes of one of them; when more comes the line goes on in parts.
    max_line_size: usize,
}

impl Default for Cri {
    fn default() -> Self {
        // Promtail's number, and the longest line that Loki takes
        Self { stream: StreamAs::default(), max_partial_lines: 100, max_line_size: 256 << 10 }
    }
}

/// What a CRI line's stream becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StreamAs {
    /// The label `stream`, as Promtail has it.
    #[default]
    Label,
    /// Structured metadata of that name.
    StructuredMetadata,
    /// Nothing.
    Nothing,
}

/// What becomes of a line that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Malformed {
    /// It goes on as it is, with the structured metadata `parse_error`.
    #[default]
    Mark,
    /// It goes on as it is.
    Keep,
    /// It is dropped.
    Drop,
}

/// Keys by the names that they get.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged, expecting = "expected a list of keys, or a table of names and keys")]
enum Names {
    /// `"all"`: all that are not used for anything else.
    All(String),
    /// `["level", "http.status"]`
    List(Vec<String>),
    /// `{ level = "lvl" }`
    Map(BTreeMap<String, String>),
}

impl Default for Names {
    fn default() -> Self {
        Self::List(vec![])
    }
}

/// What a wanted key becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A label of the stream.
    Label(String),
    /// Structured metadata.
    Metadata(String),
}

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Whether lines are a container runtime's.
    pub(crate) cri: Option<StreamAs>,
    pub(crate) limits: partial::Limits,
    /// What the text may be.
    pub(crate) formats: Vec<Form>,
    pub(crate) expression: Option<Regex>,
    pub(crate) wanted: Wanted,
    /// For each wanted key what it becomes.
    pub(crate) targets: Vec<Vec<Target>>,
    /// The number of the key that is the time.
    pub(crate) time: Option<(usize, Format)>,
    /// The number of the key that becomes the line.
    pub(crate) output: Option<usize>,
    pub(crate) malformed: Malformed,
}

impl Plan {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        let Config { formats, expression, labels, structured_metadata, timestamp, output, malformed, cri } = config;
        let (formats, is_cri) = order(formats)?;
        if cri.is_some() && !is_cri {
            return Err("config.cri: belongs to the format cri; formats = [\"cri\", …]".into());
        }
        let cri = cri.unwrap_or_default();
        // together they are what the plugin may hold, so limits.memory must fit them
        if !(1..=10_000).contains(&cri.max_partial_lines) || !(1..=16 << 20).contains(&cri.max_line_size) {
            return Err(
                "config.cri: max_partial_lines is between 1 and 10000, max_line_size between 1 and 16777216".into()
            );
        }
        let mut plan = Self {
            cri: is_cri.then_some(cri.stream),
            limits: partial::Limits { lines: cri.max_partial_lines, bytes: cri.max_line_size },
            expression: pattern(&formats, expression.as_deref())?,
            formats,
            wanted: Wanted::default(),
            targets: vec![],
            time: None,
            output: None,
            malformed,
        };
        if plan.formats.is_empty()
            && (output.is_some() || timestamp.is_some() || !labels.is_empty() || !structured_metadata.is_empty())
        {
            return Err(
                "config.formats: cri alone finds nothing but its stream; add json, logfmt or regex for the keys".into(),
            );
        }
        if let Names::All(_) = labels {
            return Err("config.labels: a list of keys, or a table; all keys as labels would make a stream of nearly every line".into());
        }
        plan.aim("labels", labels, Target::Label)?;
        plan.aim("structured_metadata", structured_metadata, Target::Metadata)?;
        if let Some(written) = timestamp {
            let form = Format::new(&written).map_err(|e| format!("config.timestamp: {e}"))?;
            plan.time = Some((plan.number(&written.source), form));
        }
        plan.output = output.map(|key| plan.number(&key));
        Ok(plan)
    }

    /// Whether it reads when a line was read.
    pub(crate) fn reads_times(&self) -> bool {
        self.cri.is_some() || matches!(self.time, Some((_, Format::Pattern { .. })))
    }

    fn aim(&mut self, of: &str, names: Names, target: fn(String) -> Target) -> Result<(), Error> {
        let pairs: Vec<(String, String)> = match names {
            Names::All(word) if word == "all" => {
                self.wanted.others = true;
                vec![]
            }
            Names::All(word) => {
                return Err(format!("config.{of}: {word:?} is neither \"all\" nor a list or table of keys").into());
            }
            Names::List(keys) => keys.into_iter().map(|key| (name_of(&key), key)).collect(),
            // Promtail and Alloy write an empty key for the one of the label's own name
            Names::Map(map) => {
                map.into_iter().map(|(n, k)| if k.is_empty() { (n.clone(), n) } else { (n, k) }).collect()
            }
        };
        for (name, key) in pairs {
            if !is_name(&name) {
                return Err(format!("config.{of}: {name:?} is not a label name").into());
            }
            let number = self.number(&key);
            if let Some(targets) = self.targets.get_mut(number) {
                targets.push(target(name));
            }
        }
        Ok(())
    }

    /// The number of a key, which is wanted from now on. `http.status` is what is found as `http_status`.
    fn number(&mut self, key: &str) -> usize {
        let key = name_of(key);
        if let Some(number) = self.wanted.keys.iter().position(|k| *k == key) {
            return number;
        }
        self.wanted.keys.push(key);
        self.targets.push(vec![]);
        self.targets.len() - 1
    }
}

impl Names {
    fn is_empty(&self) -> bool {
        match self {
            Self::All(_) => false,
            Self::List(keys) => keys.is_empty(),
            Self::Map(map) => map.is_empty(),
        }
    }
}

/// The formats of the text, and whether it is in CRI lines.
fn order(mut formats: Vec<Form>) -> Result<(Vec<Form>, bool), Error> {
    let is_cri = formats.first() == Some(&Form::Cri);
    if is_cri {
        formats.remove(0);
    }
    if formats.contains(&Form::Cri) {
        return Err("config.formats: cri comes first and once; the others read the text that is in its lines".into());
    }
    if formats.is_empty() && !is_cri {
        return Err("config.formats: name at least one of cri, json, logfmt, regex".into());
    }
    let twice = |form: &Form| formats.iter().filter(|f| *f == form).count() > 1;
    if let Some(form) = formats.iter().find(|f| twice(f)) {
        return Err(format!("config.formats: {} is named twice", form.name()).into());
    }
    Ok((formats, is_cri))
}

fn pattern(formats: &[Form], expression: Option<&str>) -> Result<Option<Regex>, Error> {
    match (formats.contains(&Form::Regex), expression) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err("config.expression: belongs to the format regex; formats = [\"regex\"]".into()),
        (true, None) => Err("config.expression: the format regex needs a pattern with named groups".into()),
        (true, Some(expression)) => {
            let pattern = Regex::new(expression).map_err(|e| format!("config.expression: {e}"))?;
            if pattern.capture_names().flatten().next().is_none() {
                return Err("config.expression: has no named group such as (?P<level>\\w+)".into());
            }
            Ok(Some(pattern))
        }
    }
}
