//! A pattern with named groups.

use regex::{CaptureLocations, Regex};

use crate::found::{Found, Piece, Want, Wanted, name_of};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Pattern {
    expression: Regex,
    /// The groups that are wanted: their numbers, why each is wanted, and its name.
    groups: Vec<(usize, Want, String)>,
    places: CaptureLocations,
}

impl Pattern {
    pub(crate) fn new(expression: Regex, wanted: &Wanted) -> Self {
        let named = expression.capture_names().enumerate().filter_map(|(group, name)| Some((group, name_of(name?))));
        let groups = named.filter_map(|(group, name)| Some((group, wanted.wants(&name)?, name))).collect();
        Self { places: expression.capture_locations(), groups, expression }
    }

    /// Reads a line with a match; says whether it has one.
    pub(crate) fn read(&mut self, line: &str, found: &mut Found) -> bool {
        if self.expression.captures_read(&mut self.places, line).is_none() {
            return false;
        }
        for (group, want, name) in &self.groups {
            if let Some((start, end)) = self.places.get(*group) {
                found.add(*want, |found| found.write(|own| own.push_str(name)), Piece::Line(start..end));
            }
        }
        true
    }
}
