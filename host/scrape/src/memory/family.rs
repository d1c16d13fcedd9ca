//! What a page says of the families of its series: looked at for births, and where it has changed.
//!
//! In steady state the lines about a family are passed like all others, by their hash. Noted is only where the last of them
//! began; a birth then reads them, once for all births below them. Where one of these lines is not what it was, the series
//! below it are gone through once more behind the walk, and those that are not born are described anew.

use std::sync::Arc;

use weir_exposition::Family;
use weir_exposition::line::{line_end, skip_blank};
use weir_exposition::metadata::{Type, unescaped};
use weir_model::{Births, Metadata, MetricKind};

use super::{Bits, Entry, state};

/// Help and unit are cut to so many bytes: every request carries them once, and no exporter's help comes near.
const LONGEST: usize = 1024;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct FamilyMemo {
    /// Where the comments begin that are above the samples now.
    above: Option<usize>,
    /// How many samples there were before them.
    samples_before: u64,
    /// Where the comments begin that the following was read from.
    read: Option<usize>,
    name: Vec<u8>,
    kind: Type,
    metadata: Option<Arc<Metadata>>,
    /// Blocks with a line that is new: where they begin, and which entry of the layout that line is.
    changed: Vec<(usize, usize)>,
}

impl FamilyMemo {
    /// A page begins.
    pub(super) fn clear(&mut self) {
        (self.above, self.samples_before, self.read, self.metadata) = (None, 0, None, None);
        self.changed.clear();
    }

    /// A line about a family, behind so many samples.
    pub(super) fn line(&mut self, at: usize, samples: u64) {
        if self.above.is_none() || self.samples_before != samples {
            (self.above, self.samples_before) = (Some(at), samples);
        }
    }

    /// The line just noted is new, and will be this entry of the layout.
    pub(super) fn changed(&mut self, entry: usize) {
        if let Some(above) = self.above
            && self.changed.last().is_none_or(|(at, _)| *at != above)
        {
            self.changed.push((above, entry));
        }
    }

    /// What is known of a series that stands here.
    pub(super) fn of(&mut self, page: &[u8], series: &str) -> Option<Arc<Metadata>> {
        let above = self.above?;
        if self.read != Some(above) {
            let family = Family::above_samples(page, above)?;
            self.name.clear();
            self.name.extend_from_slice(family.name);
            (self.read, self.kind) = (Some(above), family.kind);
            self.metadata = Some(Arc::new(metadata(&family)));
        }
        let family = Family { name: &self.name, kind: self.kind, ..Family::default() };
        self.metadata.clone().filter(|_| family.has(series))
    }

    /// Describes the series of this page's changed families anew that were `live` before it. `name` is the name that a series'
    /// text has on the page.
    pub(super) fn describe_changed(
        &mut self,
        page: &[u8],
        layout: &[Entry],
        live: &Bits,
        births: &mut Births,
        mut name: impl FnMut(&[u8]) -> Option<String>,
    ) {
        for (above, first) in std::mem::take(&mut self.changed) {
            let Some(family) = Family::above_samples(page, above) else { continue };
            let known = Arc::new(metadata(&family));
            let entries = layout.get(first..).unwrap_or_default();
            let samples = entries.iter().skip_while(|e| e.slot == state::COMMENT);
            let mut at = behind_comments(page, above);
            for entry in samples.take_while(|e| e.slot != state::COMMENT) {
                at = skip_blank(page, at);
                let text = page.get(at..at + entry.len as usize).unwrap_or_default();
                at = line_end(page, at);
                if entry.slot < state::NEW
                    && live.contains(entry.slot)
                    && name(text).is_some_and(|name| family.has(&name))
                {
                    births.describe(entry.slot, known.clone());
                }
            }
        }
    }
}

/// Where the first line is that is no comment.
fn behind_comments(page: &[u8], mut at: usize) -> usize {
    loop {
        at = skip_blank(page, at);
        if page.get(at) != Some(&b'#') {
            return at;
        }
        at = line_end(page, at);
    }
}

fn metadata(family: &Family<'_>) -> Metadata {
    Metadata {
        kind: match family.kind {
            Type::Unknown => MetricKind::Unknown,
            Type::Counter => MetricKind::Counter,
            Type::Gauge => MetricKind::Gauge,
            Type::Histogram => MetricKind::Histogram,
            Type::Summary => MetricKind::Summary,
        },
        help: unescaped(family.help, LONGEST).into(),
        unit: unescaped(family.unit, LONGEST).into(),
    }
}
