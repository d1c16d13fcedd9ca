//! What was found in one line: values by what is to become of them.

use std::ops::Range;

/// The most values of one line that are kept. Loki takes 128 labels of structured metadata a line and refuses a line with more.
const MAX_VALUES: usize = 128;

/// Text in the line, or in what was written beside it because the line has it in another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// These bytes of the line.
    Line(Range<usize>),
    /// These bytes of [`Found`]'s own text.
    Own(Range<usize>),
}

/// Why a value is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Its key is, which has this number.
    Key(usize),
    /// All others are.
    Other,
}

/// A value that the operator wants.
#[derive(Clone, Debug)]
struct Hit {
    want: Want,
    /// The key, of [`Want::Other`].
    name: Piece,
    value: Piece,
}

/// The keys that are wanted, with the number of each.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// As [`name_of`] writes them.
    pub(crate) keys: Vec<String>,
    /// Whether all other keys are wanted too.
    pub(crate) others: bool,
}

impl Wanted {
    /// Whether a value of this key is wanted, and why.
    pub(crate) fn wants(&self, key: &str) -> Option<Want> {
        let number = self.keys.iter().position(|k| k == key);
        number.map(Want::Key).or_else(|| self.others.then_some(Want::Other))
    }

    /// Whether a key of this beginning may be wanted: one that it is, or one below it.
    pub(crate) fn reaches(&self, beginning: &str) -> bool {
        self.others || self.keys.iter().any(|k| k.starts_with(beginning))
    }
}

/// What was found in one line. Kept from line to line for its memory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    hits: Vec<Hit>,
    own: String,
    /// Values that came when there were [`MAX_VALUES`].
    pub(crate) beyond: usize,
}

impl Found {
    pub(crate) fn clear(&mut self) {
        self.hits.clear();
        self.own.clear();
        self.beyond = 0;
    }

    /// Writes into the own text.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut String)) -> Piece {
        let start = self.own.len();
        write(&mut self.own);
        Piece::Own(start..self.own.len())
    }

    /// Adds a value. `name` is asked for where the key is not one of the wanted.
    pub(crate) fn add(&mut self, want: Want, name: impl FnOnce(&mut Self) -> Piece, value: Piece) {
        if self.hits.len() >= MAX_VALUES {
            self.beyond += 1;
            return;
        }
        let name = if want == Want::Other { name(self) } else { Piece::Line(0..0) };
        self.hits.push(Hit { want, name, value });
    }

    fn text<'f>(&'f self, line: &'f str, piece: &Piece) -> &'f str {
        match piece {
            Piece::Line(range) => line.get(range.clone()),
            Piece::Own(range) => self.own.get(range.clone()),
        }
        .unwrap_or_default()
    }

    /// All values with the number of their key, or its name; in the order of the line.
    pub(crate) fn iter<'f>(&'f self, line: &'f str) -> impl Iterator<Item = (Result<usize, &'f str>, &'f str)> {
        self.hits.iter().map(move |hit| {
            let key = match hit.want {
                Want::Key(number) => Ok(number),
                Want::Other => Err(self.text(line, &hit.name)),
            };
            (key, self.text(line, &hit.value))
        })
    }

    /// The last value of a wanted key.
    pub(crate) fn value<'f>(&'f self, line: &'f str, number: usize) -> Option<&'f str> {
        self.hits.iter().rev().find(|h| h.want == Want::Key(number)).map(|h| self.text(line, &h.value))
    }
}

/// Whether a key is the name of a label as it is.
pub(crate) fn is_name(key: &str) -> bool {
    let mut bytes = key.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Writes a key, or what comes behind the beginning of one, as the name of a label: each other character becomes `_`.
pub(crate) fn write_name(key: &str, out: &mut String) {
    out.extend(key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
}

/// A key as the name of a label; one that is empty or begins with a digit gets a `_` before it.
pub(crate) fn name_of(key: &str) -> String {
    let mut name = String::with_capacity(key.len() + 1);
    if key.as_bytes().first().is_none_or(u8::is_ascii_digit) {
        name.push('_');
    }
    write_name(key, &mut name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_labels() {
        for (key, name) in
            [("a_b", "a_b"), ("http.status-code", "http_status_code"), ("9a", "_9a"), ("", "_"), ("größe", "gr__e")]
        {
            assert_eq!(name_of(key), name);
            assert!(is_name(name));
            assert_eq!(is_name(key), key == name, "{key}");
        }
    }
}
