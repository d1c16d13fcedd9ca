//! `${env:NAME}` and `${file:/path}` in string values.
//!
//! Expansion works on parsed strings, never on the file's text: a value with a quote or a newline in it cannot change
//! the document's structure. `$${` stands for `${`. A `${` without a kind, as the `${1}` of a relabel rule, stays.

use crate::check::Check;
use crate::source::Place;
use crate::tree::{Node, Table, Value};

/// Expands every string of the table, at any depth.
pub(crate) fn expand(table: &mut Table, check: &mut Check<'_>) {
    for entry in table.0.values_mut() {
        expand_node(&mut entry.node, check);
    }
}

fn expand_node(node: &mut Node, check: &mut Check<'_>) {
    let place = node.place;
    match &mut node.value {
        Value::String { text, expanded } => match expand_text(text, place, check) {
            None => node.value = Value::Broken,
            Some((to, any)) => {
                *text = to;
                *expanded = any;
            }
        },
        Value::Array(items) => items.iter_mut().for_each(|item| expand_node(item, check)),
        Value::Table(table) => expand(table, check),
        _ => {}
    }
}

/// The expanded text and whether anything was expanded; nothing when an error was reported.
fn expand_text(text: &str, place: Place, check: &mut Check<'_>) -> Option<(String, bool)> {
    let (mut out, mut rest, mut any, mut good) = (String::new(), text, false, true);
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let inside = from.get(2..).unwrap_or_default();
        rest = inside;
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            continue;
        }
        out.push_str(before);
        let reference = inside.split_once('}').and_then(|(within, after)| Some((within.split_once(':')?, after)));
        let Some(((kind, name), after)) = reference.filter(|((kind, _), _)| is_kind(kind)) else {
            out.push_str("${");
            continue;
        };
        rest = after;
        any = true;
        match look_up(kind, name, place, check) {
            Some(value) => out.push_str(&value),
            None => good = false,
        }
    }
    out.push_str(rest);
    good.then_some((out, any))
}

fn is_kind(kind: &str) -> bool {
    !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphabetic())
}

fn look_up(kind: &str, name: &str, place: Place, check: &mut Check<'_>) -> Option<String> {
    match kind {
        "env" => {
            let value = check.environment.var(name);
            if value.is_none() {
                let help = format!("set it where weir is started; to write `${{` itself, write `$${{env:{name}}}`");
                check.error(place, format!("the environment variable `{name}` is not set"), "used here", help);
            }
            value
        }
        "file" => match check.environment.read(&check.sources.resolve(place, name)) {
            // an editor's or `echo`'s last newline is no part of a secret
            Ok(text) => {
                Some(text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t)).to_owned())
            }
            Err(error) => {
                let help = "the file must exist and be readable to the user that weir runs as";
                check.error(place, format!("cannot read the file `{name}`: {error}"), "used here", help);
                None
            }
        },
        other => {
            let help = "weir knows ${env:NAME} and ${file:/path}; to write `${` itself, write `$${`";
            check.error(place, format!("unknown expansion `${{{other}:…}}`"), "", help);
            None
        }
    }
}
