//! Replacements: text with references to groups of a match, read as Go's `regexp.Expand` does.

/// A replacement, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(Group),
}

/// A reference to a group of the match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// By its number; 0 is the whole match.
    Index(usize),
    /// By its name.
    Name(String),
}

impl Template {
    pub(crate) fn new(text: &str) -> Self {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            if let Some(escaped) = after.strip_prefix('$') {
                plain.push('$');
                rest = escaped;
            } else if let Some((name, tail)) = reference(after) {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Group(group(name)));
                rest = tail;
            } else {
                plain.push('$');
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self(parts)
    }

    /// Appends the text with each group's; a group that does not exist is empty.
    pub(crate) fn expand<'t>(&self, groups: impl Fn(&Group) -> Option<&'t str>, out: &mut String) {
        for part in &self.0 {
            out.push_str(match part {
                Part::Text(text) => text,
                Part::Group(group) => groups(group).unwrap_or_default(),
            });
        }
    }

    /// Whether what it makes can be a label name, as far as that shows before the groups are known.
    pub(crate) fn can_be_a_name(&self) -> bool {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let texts_fit = self.0.iter().all(|part| match part {
            Part::Text(text) => text.chars().all(word),
            Part::Group(_) => true,
        });
        let starts_well = match self.0.first() {
            Some(Part::Text(text)) => !text.starts_with(|c: char| c.is_ascii_digit()),
            Some(Part::Group(_)) => true,
            None => false,
        };
        texts_fit && starts_well
    }
}

/// The name after a `$`, in braces or not, and what follows it.
fn reference(after: &str) -> Option<(&str, &str)> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (name, tail) = match after.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => after.split_at(after.find(|c| !word(c)).unwrap_or(after.len())),
    };
    (!name.is_empty() && name.chars().all(word)).then_some((name, tail))
}

fn group(name: &str) -> Group {
    let leading_zero = name.len() > 1 && name.starts_with('0');
    match name.parse() {
        Ok(index) if !leading_zero => Group::Index(index),
        _ => Group::Name(name.into()),
    }
}
