//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;

use crate::render;

/// Whether a finding stops the configuration from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but does something that the operator may not expect.
    Warning,
}

/// A line of a file with a stretch pointed at. Secrets in the line are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The file's name as it was given or found.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// The whole line.
    pub text: String,
    /// How many characters are pointed at.
    pub width: usize,
    /// What stands beside the caret; may be empty.
    pub label: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where; only a file that cannot be read at all has no place.
    pub snippet: Option<Snippet>,
    /// Other places that belong to it, such as the first of two equal names.
    pub related: Vec<Snippet>,
    /// What to do.
    pub help: Option<String>,
}

/// A finding that does not stop the configuration from being used; its severity is [`Severity::Warning`].
pub type Warning = Diagnostic;

/// Whether findings are rendered with terminal colours. The caller knows where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text, also what `Display` gives.
    Never,
    /// ANSI colours.
    Always,
}

impl Diagnostic {
    /// The finding as text of several lines within 80 columns, ending in a newline.
    pub fn render(&self, colour: Colour) -> String {
        render::diagnostic(self, colour)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Never))
    }
}

/// Everything that is wrong with a configuration, in the order of the files; at least one finding is an error.
///
/// Fatal for the configuration at hand: a program that already runs with another keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// The findings that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter().filter(|found| found.severity == Severity::Error)
    }

    /// All findings with a last line that counts them, ending in a newline.
    pub fn render(&self, colour: Colour) -> String {
        render::diagnostics(&self.0, colour)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Never))
    }
}

impl std::error::Error for Diagnostics {}
