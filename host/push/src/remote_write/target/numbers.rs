//! The numbers of a target's series in its lane's symbols, by slot.

use std::cell::LazyCell;

use weir_model::{LabelsBuilder, Page, Slot, SlotBytes};
use weir_telemetry::PipelineAccount;

use super::sent;
use crate::remote_write::group::Group;
use crate::remote_write::later::Messages;
use crate::remote_write::symbols::Numbers;

/// See the [module](self). Whoever drops it [`clear`](Self::clear)s it first: the lane's symbols count their users.
#[derive(Debug, Default)]
pub(super) struct NumberStore(SlotBytes);

impl NumberStore {
    /// Writes a page; for so many sinks as it returns.
    pub(super) fn write(
        &mut self,
        group: &Group,
        lane: usize,
        page: &Page<'_>,
        messages: &mut Messages,
        from: &PipelineAccount,
        scratch: &mut Vec<u8>,
    ) -> usize {
        let changes = !page.births.is_empty() || !page.births.described().is_empty();
        if changes {
            self.take_in(group, lane, page, scratch);
        }
        // a page whose series all have messages in the request needs no labels
        let numbers = LazyCell::new(|| self.0.unpack(scratch));
        if !group.has(lane, messages.newest()) {
            LazyCell::force(&numbers);
        }
        let takers = group.write_numbers(lane, page, |slot| numbers.get(slot), messages, from);
        // A slot that dies on this page has its staleness marker on it, so it goes after the samples.
        self.remove(group, lane, page.deaths, scratch);
        if changes || !page.deaths.is_empty() {
            self.0.settle(scratch);
        }
        takers
    }

    /// Takes in what the page is the first to have, and what it is the first to say.
    fn take_in(&mut self, group: &Group, lane: usize, page: &Page<'_>, scratch: &mut Vec<u8>) {
        let (mut builder, mut numbers) = (LabelsBuilder::default(), Numbers::default());
        let births: Vec<Slot> = page.births.iter().map(|(slot, _)| slot).collect();
        // a slot without a death behind it: its numbers go, but not before the new ones are there
        let replaced = self.numbers_of(&births, scratch);
        group.with_symbols(lane, |symbols| {
            for ((slot, labels), metadata) in page.births.iter().zip(page.births.metadata()) {
                let labels = sent(group.encoding(), labels, &mut builder);
                if labels.is_empty() {
                    self.0.remove(slot);
                } else {
                    symbols.take(labels, metadata.map(AsRef::as_ref), &mut numbers);
                    self.0.insert(slot, numbers.as_bytes());
                }
            }
            for series in &replaced {
                symbols.release(series);
            }
        });
        let described: Vec<Slot> = page.births.described().iter().map(|(slot, _)| *slot).collect();
        let before = self.numbers_of(&described, scratch);
        let of_slot = before.iter().zip(page.births.described());
        group.with_symbols(lane, |symbols| {
            for (series, (slot, metadata)) in of_slot.filter(|(series, _)| !series.is_empty()) {
                symbols.redescribe(series, metadata, &mut numbers);
                symbols.release(series);
                self.0.insert(*slot, numbers.as_bytes());
            }
        });
    }

    /// Frees slots.
    pub(super) fn remove(&mut self, group: &Group, lane: usize, slots: &[Slot], scratch: &mut Vec<u8>) {
        if slots.is_empty() {
            return;
        }
        let all = self.0.unpack(scratch);
        group.with_symbols(lane, |symbols| {
            for slot in slots {
                symbols.release(all.get(*slot));
            }
        });
        for slot in slots {
            self.0.remove(*slot);
        }
    }

    /// No slot at or above this one has any.
    pub(super) fn slots(&self) -> Slot {
        self.0.slots()
    }

    /// The labels of some series, in their canonical form; what is not sent is not among them.
    pub(super) fn labels(
        &self,
        group: &Group,
        lane: usize,
        slots: impl Iterator<Item = Slot>,
        scratch: &mut Vec<u8>,
    ) -> Vec<(Slot, Vec<u8>)> {
        let all = self.0.unpack(scratch);
        let sent = slots.map(|slot| (slot, all.get(slot))).filter(|(_, series)| !series.is_empty());
        let labels = group.with_symbols(lane, |symbols| {
            let labels_of = |(slot, series)| {
                let mut labels = vec![];
                symbols.labels_of(series, &mut labels);
                (slot, labels)
            };
            sent.map(labels_of).collect()
        });
        labels.unwrap_or_default()
    }

    /// Frees all slots.
    pub(super) fn clear(&mut self, group: &Group, lane: usize, scratch: &mut Vec<u8>) {
        let slots: Vec<Slot> = (0..self.0.slots()).collect();
        self.remove(group, lane, &slots, scratch);
    }

    /// Copies of what some slots have; births are rare.
    fn numbers_of(&self, slots: &[Slot], scratch: &mut Vec<u8>) -> Vec<Vec<u8>> {
        if slots.is_empty() || self.0.slots() == 0 {
            return vec![vec![]; slots.len()];
        }
        let all = self.0.unpack(scratch);
        slots.iter().map(|slot| all.get(*slot).to_vec()).collect()
    }
}
