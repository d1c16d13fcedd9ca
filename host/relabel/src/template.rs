//! Replacement templates with the rules of Go's `regexp.Expand`.

use std::ops::Range;

/// A template, cut into its parts once.
pub(crate) struct Template(Vec<Part>);

enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// Cuts a template for an expression with the given groups (index 0 is the whole match).
    ///
    /// A group that the expression does not have stands for nothing; a `$` that begins no name stands for itself.
    pub(crate) fn new(template: &str, groups: &[Option<String>]) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                text.push('$');
                rest = after;
            } else if let Some((name, after)) = variable(rest) {
                rest = after;
                if let Some(group) = group_of(name, groups) {
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(Part::Group(group));
                }
            } else {
                text.push('$');
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Self(parts)
    }

    /// The highest group the template names, `None` where it names none.
    pub(crate) fn last_group(&self) -> Option<usize> {
        self.0.iter().filter_map(|p| if let Part::Group(g) = p { Some(*g) } else { None }).max()
    }

    /// Appends the expansion for `value`; `group` tells where in it a group matched.
    pub(crate) fn expand(&self, value: &str, group: impl Fn(usize) -> Option<Range<usize>>, out: &mut String) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(g) => out.push_str(group(*g).and_then(|r| value.get(r)).unwrap_or_default()),
            }
        }
    }
}

/// Whether text begins, somewhere, a `$name` or `${name}`: then it is a template rather than a plain label name.
pub(crate) fn has_variable(text: &str) -> bool {
    // Prometheus asks for "$" followed by a word character or a brace; a lone "$" makes an invalid name either way.
    text.contains('$')
}

/// The name of the variable that begins at `rest` (behind its `$`) and what follows it.
///
/// Without braces the name is as long as it can be: `$1x` is the group named `1x`.
fn variable(rest: &str) -> Option<(&str, &str)> {
    let (braced, body) = match rest.strip_prefix('{') {
        Some(body) => (true, body),
        None => (false, rest),
    };
    let end = body.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(body.len());
    let (name, after) = body.split_at(end);
    let after = if braced { after.strip_prefix('}')? } else { after };
    (!name.is_empty()).then_some((name, after))
}

fn group_of(name: &str, groups: &[Option<String>]) -> Option<usize> {
    let is_number = name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if is_number {
        return name.parse().ok().filter(|&n: &usize| n < groups.len());
    }
    groups.iter().position(|g| g.as_deref() == Some(name))
}
