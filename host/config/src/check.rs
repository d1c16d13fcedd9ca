//! The state of one reading: the files, the surroundings, and what was found so far.

use crate::diagnostic::{Diagnostic, Severity, Snippet};
use crate::environment::Environment;
use crate::source::{Place, Sources};

pub(crate) struct Check<'e> {
    pub(crate) sources: Sources,
    pub(crate) environment: &'e dyn Environment,
    found: Vec<(Place, Diagnostic)>,
}

impl<'e> Check<'e> {
    pub(crate) fn new(environment: &'e dyn Environment) -> Self {
        Self { sources: Sources::default(), environment, found: Vec::new() }
    }

    /// Reports an error; the label stands beside the caret and may be empty.
    pub(crate) fn error(&mut self, place: Place, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.report(Severity::Error, place, message.into(), label, help.into());
    }

    pub(crate) fn warn(&mut self, place: Place, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.report(Severity::Warning, place, message.into(), label, help.into());
    }

    /// Adds another place to the finding reported last.
    pub(crate) fn also(&mut self, place: Place, label: &str) {
        let snippet = self.snippet(place, label);
        if let Some((_, last)) = self.found.last_mut() {
            last.related.extend(snippet);
        }
    }

    /// How many errors were reported so far.
    pub(crate) fn errors(&self) -> usize {
        self.found.iter().filter(|(_, found)| found.severity == Severity::Error).count()
    }

    /// All findings in the order of the files.
    pub(crate) fn into_findings(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|(place, _)| *place);
        self.found.into_iter().map(|(_, found)| found).collect()
    }

    fn report(&mut self, severity: Severity, place: Place, message: String, label: &str, help: String) {
        let snippet = self.snippet(place, label);
        let help = (!help.is_empty()).then_some(help);
        self.found.push((place, Diagnostic { severity, message, snippet, related: Vec::new(), help }));
    }

    fn snippet(&self, place: Place, label: &str) -> Option<Snippet> {
        let source = self.sources.get(place.file)?;
        let spot = source.spot(place);
        Some(Snippet {
            file: source.name.clone(),
            line: spot.line,
            column: spot.column,
            text: spot.text,
            width: spot.width,
            label: label.to_owned(),
        })
    }
}
