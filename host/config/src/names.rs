//! What names may look like.

use crate::check::Check;
use crate::setting::At;
use crate::source::Place;

/// A label name as the text format writes it.
pub(crate) fn label(name: &str, place: Place, check: &mut Check<'_>) {
    let mut letters = name.chars();
    let starts = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !starts || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let help = "a label name has letters, digits and underscores, and does not begin with a digit";
        check.error(place, format!("`{name}` is not a label name"), "", help);
    }
}

/// A label name that leaves weir as it is: `__…` is for relabelling only.
pub(crate) fn own_label(name: &str, place: Place, check: &mut Check<'_>) {
    label(name, place, check);
    if name.starts_with("__") {
        let help = "names that begin with `__` exist during relabelling only; choose another";
        check.error(place, format!("`{name}` cannot be set here"), "", help);
    }
}

/// The name of a tail, sink, plugin or pipeline: it becomes part of file names, label values and patterns. False when it
/// was reported.
pub(crate) fn component(name: &At<String>, check: &mut Check<'_>) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let good = !name.value.is_empty() && name.value.chars().all(fits);
    if !good {
        let help = "use letters, digits, `_` and `-`";
        check.error(name.place, format!("`{}` cannot be a name here", name.value), "", help);
    }
    good
}

/// Adds a name to those of its kind, or reports that it is taken.
pub(crate) fn unique(name: At<String>, key: &str, taken: &mut Vec<At<String>>, check: &mut Check<'_>) {
    if let Some(first) = taken.iter().find(|other| other.value == name.value) {
        let (place, message) = (first.place, format!("the {key} `{}` is used twice", name.value));
        check.error(name.place, message, "used again here", "give each its own");
        check.also(place, "first used here");
    }
    taken.push(name);
}
