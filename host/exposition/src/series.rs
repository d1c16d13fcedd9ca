//! A series as the page writes it, `name{label="value",…}`, taken apart.

use crate::error::{Fault, Reason};
use crate::line::{name_len, quote_end, skip_spaces};

/// The name and labels of one series, unescaped. Reused from series to series, it does not allocate once it is warm.
///
/// Labels with an empty value are kept: with `honor_labels` they say that the target's label of that name is unwanted.
#[derive(Clone, Debug, Default)]
pub struct Series {
    text: String,
    name: Span,
    labels: Vec<(Span, Span)>,
}

type Span = (usize, usize);

/// No series in use has a tenth of this; names are compared with each other, so the cap bounds what a hostile page costs.
const MAX_LABELS: usize = 1024;

impl Series {
    /// Takes a series apart: all of `text`, from the name's first byte to the closing brace, as
    /// [`series_end`](crate::line::series_end) delimits it. A fault's position is within `text`.
    pub fn parse(&mut self, text: &[u8]) -> Result<(), Fault> {
        self.text.clear();
        self.labels.clear();
        self.name = (0, 0);
        let name_end = name_len(text);
        if name_end > 0 {
            self.name = self.keep(text, 0, name_end)?;
        }
        let brace = skip_spaces(text, name_end);
        let end = match text.get(brace) {
            Some(b'{') => self.braces(text, brace + 1)?,
            _ => brace,
        };
        if end < text.len() {
            return Err(fault(end, if end == 0 { Reason::NoName } else { Reason::NoValue }));
        }
        if self.name().is_empty() {
            return Err(fault(0, Reason::NameNotSet));
        }
        Ok(())
    }

    /// The metric's name.
    pub fn name(&self) -> &str {
        self.at(self.name)
    }

    /// The labels in the page's order, without the name; names are unique, values may be empty.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.labels.iter().map(|&(n, v)| (self.at(n), self.at(v)))
    }

    /// Reads what follows `{`; where `}` ends.
    fn braces(&mut self, text: &[u8], mut at: usize) -> Result<usize, Fault> {
        at = skip_spaces(text, at);
        loop {
            let (quoted, name_end) = match text.get(at) {
                Some(b'}') => return Ok(at + 1),
                Some(b'"') => (true, quote_end(text, at)?),
                None => return Err(fault(at, Reason::OpenBrace)),
                _ => (false, at + label_len(text.get(at..).unwrap_or_default())),
            };
            if name_end == at {
                return Err(fault(at, Reason::NoLabelName));
            }
            let name = if quoted { self.unescape(text, at + 1, name_end - 1)? } else { self.keep(text, at, name_end)? };
            if name.0 == name.1 {
                return Err(fault(at, Reason::EmptyName));
            }
            let after = skip_spaces(text, name_end);
            at = match text.get(after) {
                Some(b'=') => self.label(text, at, name, after + 1)?,
                Some(b',' | b'}') if quoted && self.name().is_empty() => {
                    self.name = name;
                    after
                }
                Some(b',' | b'}') if quoted => return Err(fault(at, Reason::NameTwice)),
                _ => return Err(fault(after, Reason::NoEqual)),
            };
            // One comma, or none: Prometheus takes blanks between labels as well.
            at = skip_spaces(text, at);
            if text.get(at) == Some(&b',') {
                at = skip_spaces(text, at + 1);
            }
        }
    }

    /// Reads the value of the label whose name was found at `name_at`; where the value ends.
    fn label(&mut self, text: &[u8], name_at: usize, name: Span, at: usize) -> Result<usize, Fault> {
        let open = skip_spaces(text, at);
        if text.get(open) != Some(&b'"') {
            return Err(fault(open, Reason::NoLabelValue));
        }
        let end = quote_end(text, open)?;
        let value = self.unescape(text, open + 1, end - 1)?;
        let word = self.at(name);
        if self.labels.len() == MAX_LABELS {
            return Err(fault(name_at, Reason::TooManyLabels));
        }
        if word == "__name__" || self.labels.iter().any(|l| self.at(l.0) == word) {
            return Err(fault(name_at, Reason::LabelTwice));
        }
        self.labels.push((name, value));
        Ok(end)
    }

    fn unescape(&mut self, text: &[u8], start: usize, end: usize) -> Result<Span, Fault> {
        let from = self.text.len();
        let mut at = start;
        while let Some(n) = memchr::memchr(b'\\', text.get(at..end).unwrap_or_default()) {
            self.keep(text, at, at + n)?;
            at += n;
            let plain = match text.get(at + 1) {
                Some(b'n') => '\n',
                Some(b'"') => '"',
                Some(b'\\') => '\\',
                // Any other escape is none: both bytes stay, the second as part of what follows.
                _ => {
                    self.text.push('\\');
                    at += 1;
                    continue;
                }
            };
            self.text.push(plain);
            at += 2;
        }
        self.keep(text, at, end)?;
        Ok((from, self.text.len()))
    }

    fn keep(&mut self, text: &[u8], start: usize, end: usize) -> Result<Span, Fault> {
        let bytes = text.get(start..end).unwrap_or_default();
        let part = std::str::from_utf8(bytes).map_err(|e| fault(start + e.valid_up_to(), Reason::NotUtf8))?;
        let from = self.text.len();
        self.text.push_str(part);
        Ok((from, self.text.len()))
    }

    fn at(&self, (start, end): Span) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }
}

/// How long the classic label name is that a text begins with.
fn label_len(text: &[u8]) -> usize {
    let len = name_len(text);
    text.iter().take(len).position(|b| *b == b':').unwrap_or(len)
}

fn fault(at: usize, reason: Reason) -> Fault {
    Fault { at, reason }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
