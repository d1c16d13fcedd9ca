//! How a command fails: a message for the operator and an exit code.

use std::fmt;
use std::io::IsTerminal;

use weir_config::{Colour, Diagnostics};

/// Why a command ends with exit code 1.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure in words.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The configuration is not valid.
    pub(crate) fn config(diagnostics: &Diagnostics) -> Self {
        Self(diagnostics.render(colour()))
    }
}

/// Colour where standard error is a terminal and nobody asked for none (`NO_COLOR`).
pub(crate) fn colour() -> Colour {
    let wanted = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    if wanted { Colour::Always } else { Colour::Never }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = format!("error: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // many errors print their source themselves
            if !message.contains(&cause_text) {
                message.push_str(": ");
                message.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self(message)
    }
}
