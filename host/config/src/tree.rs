//! The document as written: values with their places, merged from several files.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::check::Check;
use crate::source::{Place, names_a_secret};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    String {
        text: String,
        /// Something from the environment or a file stands in it, which is not for showing.
        expanded: bool,
    },
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
    /// Already reported; whoever reads it stays silent.
    Broken,
}

impl Value {
    /// For messages: what stands there.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::String { .. } => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a date",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
            Self::Broken => "a broken value",
        }
    }
}

/// Keys in order of their names: TOML gives order no meaning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(pub(crate) BTreeMap<String, Entry>);

/// A key's place and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Place,
    pub(crate) node: Node,
}

/// Parses one file. Reports its syntax errors, all that can be found, and then returns nothing: what stands in a
/// file that does not parse would only be guessed.
pub(crate) fn parse(file: usize, check: &mut Check<'_>) -> Option<Table> {
    let text = check.sources.get(file)?.text.clone();
    let (document, mut errors) = DeTable::parse_recoverable(&text);
    // an open string swallows the brackets behind it: it comes first, for it is the cause
    errors.sort_by_key(|error| !error.message().contains("string"));
    let mut lines = BTreeSet::new();
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        // what follows in the same line is the parser finding its way again
        let line = text.get(..span.start).map_or(usize::MAX, |before| before.matches('\n').count());
        if !lines.insert(line) {
            continue;
        }
        let place = Place { file, start: span.start, end: span.end };
        let duplicate = error.message().starts_with("duplicate key");
        let help = if duplicate {
            "a key may be given once in a table; arrays of tables take double brackets, as in [[scrape_configs]]"
        } else {
            "this is not valid TOML; strings need quotes, arrays brackets: https://toml.io/en/v1.0.0"
        };
        check.error(place, format!("syntax error: {}", error.message()), "", help);
    }
    errors.is_empty().then(|| table(file, document.get_ref(), check))
}

/// Tables whose values can be secrets, under whatever name.
const HEADERS: [&str; 3] = ["headers", "endpoint_params", "proxy_connect_header"];

fn table(file: usize, from: &DeTable<'_>, check: &mut Check<'_>) -> Table {
    let entries = from.iter().map(|(key, value)| {
        let node = node(file, value, check);
        let name = key.get_ref().to_string();
        let is_private = matches!(&node.value, Value::String { text, .. } if text.contains("PRIVATE KEY"));
        if names_a_secret(&name) || HEADERS.contains(&name.as_str()) || is_private {
            hide_strings(&node, check);
        }
        (name, Entry { key: place(file, key), node })
    });
    Table(entries.collect())
}

fn hide_strings(node: &Node, check: &mut Check<'_>) {
    match &node.value {
        // a reference to a secret is none
        Value::String { text, .. } if text.starts_with("${") => {}
        Value::String { .. } => {
            // the quotes stay visible
            let Place { file, start, end } = node.place;
            check.sources.hide(Place { file, start: start + 1, end: end.saturating_sub(1) });
        }
        Value::Array(items) => items.iter().for_each(|item| hide_strings(item, check)),
        Value::Table(table) => {
            table.0.iter().filter(|(key, _)| !key.ends_with("_file") && *key != "type").for_each(|(_, entry)| {
                hide_strings(&entry.node, check);
            });
        }
        _ => {}
    }
}

fn node(file: usize, from: &Spanned<DeValue<'_>>, check: &mut Check<'_>) -> Node {
    let place = place(file, from);
    let value = match from.get_ref() {
        DeValue::String(text) => Value::String { text: text.to_string(), expanded: false },
        DeValue::Integer(number) => {
            if let Ok(number) = i64::from_str_radix(number.as_str(), number.radix()) {
                Value::Integer(number)
            } else {
                check.error(place, "this number does not fit into 64 bits", "", "write a smaller number");
                Value::Broken
            }
        }
        DeValue::Float(number) => number.as_str().parse().map_or(Value::Broken, Value::Float),
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Datetime(time) => Value::Datetime(time.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| node(file, item, check)).collect()),
        DeValue::Table(inner) => Value::Table(table(file, inner, check)),
    };
    Node { value, place }
}

fn place<T>(file: usize, spanned: &Spanned<T>) -> Place {
    let span = spanned.span();
    Place { file, start: span.start, end: span.end }
}

impl Table {
    /// Adds what another file says: arrays of tables are appended, tables merged, anything else may stand in one
    /// file only.
    pub(crate) fn merge(&mut self, other: Self, check: &mut Check<'_>) {
        for (name, theirs) in other.0 {
            let Some(ours) = self.0.get_mut(&name) else {
                self.0.insert(name, theirs);
                continue;
            };
            match (&mut ours.node.value, theirs.node.value) {
                (Value::Table(ours), Value::Table(theirs)) => ours.merge(theirs, check),
                (Value::Array(ours), Value::Array(theirs)) if all_tables(ours) && all_tables(&theirs) => {
                    ours.extend(theirs);
                }
                _ => {
                    let help = "keep it in one file; only arrays of tables and tables are merged";
                    check.error(theirs.key, format!("`{name}` is set in two files"), "set again here", help);
                    check.also(ours.key, "first set here");
                }
            }
        }
    }
}

fn all_tables(items: &[Node]) -> bool {
    !items.is_empty() && items.iter().all(|item| matches!(item.value, Value::Table(_)))
}
