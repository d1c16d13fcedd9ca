//! What was found in a batch, and the lines rewritten with it.

use std::ops::Range;
use weir_sdk::LogsBatch;

/// Places in the text of a batch.
#[derive(Debug, Default)]
pub(crate) struct Found {
    places: Vec<Place>,
    /// Replacements that depend on what was found.
    own: String,
}

#[derive(Debug)]
struct Place {
    start: usize,
    end: usize,
    pattern: usize,
    /// A replacement of its own in place of the pattern's mask.
    own: Option<Range<usize>>,
}

impl Found {
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.own.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn add(&mut self, start: usize, end: usize, pattern: usize) {
        self.places.push(Place { start, end, pattern, own: None });
    }

    /// Adds a place whose replacement `write` appends.
    pub(crate) fn add_with(&mut self, place: Range<usize>, pattern: usize, write: impl FnOnce(&mut String)) {
        let from = self.own.len();
        write(&mut self.own);
        let own = Some(from..self.own.len());
        self.places.push(Place { start: place.start, end: place.end, pattern, own });
    }

    /// Brings the places into order. Where two overlap the earlier is kept (of two that start together the longer) and
    /// grows over the other: nothing that any pattern found is left to be read.
    pub(crate) fn resolve(&mut self) {
        self.places.sort_by_key(|p| (p.start, std::cmp::Reverse(p.end), p.pattern));
        self.places.dedup_by(|later, kept| {
            let overlap = later.start < kept.end;
            if overlap {
                kept.end = kept.end.max(later.end);
            }
            overlap
        });
    }

    /// How often each pattern's mask is used.
    pub(crate) fn counts(&self, patterns: usize) -> Vec<u32> {
        let mut counts = vec![0; patterns];
        for place in &self.places {
            if let Some(count) = counts.get_mut(place.pattern) {
                *count += 1;
            }
        }
        counts
    }

    /// Gives every line in which something was found its new text.
    pub(crate) fn replace(&self, batch: &LogsBatch<'_>, ends: &[usize], masks: &[String]) {
        let (mut places, mut row) = (self.places.as_slice(), 0);
        while let Some(first) = places.first() {
            row += ends.get(row..).unwrap_or_default().iter().take_while(|end| **end <= first.start).count();
            let Some(line) = batch.row(row) else { return };
            let here = places.iter().take_while(|p| p.start < line.range().end).count().max(1);
            let (of_line, rest) = places.split_at(here);
            line.set_line_parts(self.parts(batch.text(), line.range(), of_line, masks));
            places = rest;
        }
    }

    /// A line as what stays and what comes in between.
    fn parts<'t>(
        &'t self,
        text: &'t str,
        line: Range<usize>,
        places: &'t [Place],
        masks: &'t [String],
    ) -> impl Iterator<Item = &'t str> {
        let mut from = line.start;
        let changed = places.iter().flat_map(move |place| {
            let before = text.get(from..place.start).unwrap_or_default();
            from = place.end;
            [before, self.replacement(place, masks)]
        });
        let tail = places.last().map_or(line.start, |place| place.end);
        changed.chain([text.get(tail..line.end).unwrap_or_default()])
    }

    fn replacement<'t>(&'t self, place: &Place, masks: &'t [String]) -> &'t str {
        match &place.own {
            Some(own) => self.own.get(own.clone()).unwrap_or_default(),
            None => masks.get(place.pattern).map_or("", String::as_str),
        }
    }
}
