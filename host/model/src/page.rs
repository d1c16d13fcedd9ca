//! Samples of one target, as they travel from the scraper through the pipeline to the encoders.
//!
//! A *slot* is a small number that stands for one series of one target for as long as the series lives. Every stage
//! keeps arrays by slot, so that in steady state a sample is (slot, time, value) and no label is looked at.

use std::sync::Arc;

use crate::labels::Labels;
use crate::metadata::Metadata;

/// A series of one target; dense, reused after its death (never within the page of its death).
pub type Slot = u32;

/// The NaN whose bits mark a series as ended (Prometheus `model/value`, `StaleNaN`). No other NaN of weir's has them.
pub const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// The ordinary NaN (Prometheus `model/value`, `NormalNaN`).
pub const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// One value of one series.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The series, within its target.
    pub slot: Slot,
    /// Whether the target itself gave the time; such a series gets no staleness marker.
    pub own_time: bool,
    /// Milliseconds since the epoch.
    pub time: i64,
    /// The value; [`STALE_NAN`] only behind the pipeline.
    pub value: f64,
}

/// The series that a page is the first to have, with their labels and what is known of them; and what has become known of
/// other ones.
#[derive(Clone, Debug, Default)]
pub struct Births {
    bytes: Vec<u8>,
    slots: Vec<(Slot, u32)>,
    /// By birth; shorter where the last ones have none.
    metadata: Vec<Option<Arc<Metadata>>>,
    described: Vec<(Slot, Arc<Metadata>)>,
}

impl Births {
    /// Adds a series.
    pub fn push(&mut self, slot: Slot, labels: Labels<'_>) {
        self.bytes.extend_from_slice(labels.as_bytes());
        self.slots.push((slot, self.bytes.len() as u32));
    }

    /// Adds a series of which something is known. The series of a family share it.
    pub fn push_described(&mut self, slot: Slot, labels: Labels<'_>, metadata: Option<Arc<Metadata>>) {
        if metadata.is_some() {
            self.metadata.resize(self.slots.len(), None);
            self.metadata.push(metadata);
        }
        self.push(slot, labels);
    }

    /// From this page on, this is known of a series that lives already (or is born on it).
    pub fn describe(&mut self, slot: Slot, metadata: Arc<Metadata>) {
        self.described.push((slot, metadata));
    }

    /// Forgets all, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.slots.clear();
        self.metadata.clear();
        self.described.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The series in the order they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Slot, Labels<'_>)> {
        let mut start = 0;
        self.slots.iter().map(move |&(slot, end)| {
            let labels = Labels::from_trusted(&self.bytes[start as usize..end as usize]);
            start = end;
            (slot, labels)
        })
    }

    /// What is known of each series, in the same order.
    pub fn metadata(&self) -> impl Iterator<Item = Option<&Arc<Metadata>>> {
        (0..self.slots.len()).map(|i| self.metadata.get(i).and_then(Option::as_ref))
    }

    /// What has become known of living series.
    pub fn described(&self) -> &[(Slot, Arc<Metadata>)] {
        &self.described
    }
}

/// What one scrape of one target brought, relative to the page before.
///
/// The order of meaning: `deaths` end first, then `births` begin, then `samples` are written. A slot that dies on a page
/// is not born on it and has no sample on it, but for the staleness marker that the pipeline puts there.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// When the scrape began, in milliseconds since the epoch; the time of every sample without a time of its own.
    pub time: i64,
    /// Series that were on the page before and are not on this one.
    pub deaths: &'a [Slot],
    /// Series that were not on the page before.
    pub births: &'a Births,
    /// The samples, in the page's order; at most one a slot and time, every slot alive.
    pub samples: &'a [Sample],
}

/// Takes the pages of one target, one after the other. The sink keeps what it needs by slot.
pub trait PageSink: Send {
    /// Takes a page. What cannot be kept is dropped and counted by the sink. Returns how many takers have each taken all of
    /// the page's samples over.
    fn accept(&mut self, page: &Page<'_>) -> usize;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelSet;

    #[test]
    fn births_keep_what_is_known_of_each() {
        let (set, mut births) = (LabelSet::default(), Births::default());
        let about = |help: &str| Arc::new(Metadata { help: help.into(), ..Metadata::default() });
        births.push(7, set.as_labels());
        births.push_described(8, set.as_labels(), Some(about("a")));
        births.push_described(9, set.as_labels(), None);
        births.describe(3, about("b"));
        let known: Vec<_> = births.metadata().map(|m| m.map(|m| m.help.to_string())).collect();
        assert_eq!(known, [None, Some("a".to_owned()), None]);
        assert_eq!((births.len(), births.described()[0].0), (3, 3));
        births.clear();
        births.push(1, set.as_labels());
        assert_eq!((births.metadata().next(), births.described().len()), (Some(None), 0));
    }
}
