//! One target's series in one group.

use std::cell::LazyCell;
use std::collections::HashSet;
use std::sync::Arc;

use weir_model::labels::METRIC_NAME;
use weir_model::{LabelStore, Labels, LabelsBuilder, Page, PageSink, Slot};
use weir_telemetry::PipelineAccount;

use super::group::{Encoding, Group};
use super::later::Messages;
use crate::protocol::Protocol;
use crate::scratch::ScratchPool;

mod numbers;

use numbers::NumberStore;

/// Keeps what is ready to be written of a target's series, by slot, and writes its pages into its lane.
pub(crate) struct TargetEncoder {
    group: Arc<Group>,
    pool: Arc<ScratchPool>,
    lane: usize,
    ready: Ready,
    /// What its series have in the lane's request under way.
    messages: Messages,
    /// Whose samples they are until the group takes them.
    from: PipelineAccount,
}

/// What lies ready of each series.
enum Ready {
    /// For 1.0: its labels' bytes.
    Labels(LabelStore),
    /// For 2.0: its numbers in the lane's symbols.
    Numbers(NumberStore),
}

impl TargetEncoder {
    pub(crate) fn new(group: Arc<Group>, pool: Arc<ScratchPool>, target_hash: u64, from: PipelineAccount) -> Self {
        let lane = group.lane_of(target_hash);
        let ready = match group.encoding().protocol {
            Protocol::RemoteWrite2 => Ready::Numbers(NumberStore::default()),
            Protocol::RemoteWrite1 | Protocol::Loki => Ready::Labels(LabelStore::default()),
        };
        Self { group, pool, lane, ready, messages: Messages::default(), from }
    }
}

/// The labels that are sent of a new series: none where the rules drop it or leave it without a name. The latter no receiver
/// takes, and it would take its whole request down with it.
fn sent<'a>(encoding: &Encoding, labels: Labels<'a>, builder: &'a mut LabelsBuilder) -> Labels<'a> {
    let external = encoding.external_labels.as_labels();
    if external.is_empty() && encoding.write_relabel.is_empty() {
        return labels;
    }
    builder.reset(labels);
    for (name, value) in external {
        builder.set_missing(name, value);
    }
    let kept = encoding.write_relabel.apply(builder) && builder.get(METRIC_NAME).is_some();
    if kept { builder.finish() } else { Labels::default() }
}

impl TargetEncoder {
    /// Forgets series for which `forgotten` is true.
    pub(crate) fn forget(&mut self, forgotten: &dyn Fn(Slot) -> bool) {
        let slots: Vec<Slot> = (0..self.slots()).filter(|s| forgotten(*s)).collect();
        for slot in &slots {
            self.messages.forget(*slot);
        }
        match &mut self.ready {
            Ready::Labels(store) => slots.iter().for_each(|slot| store.remove(*slot)),
            Ready::Numbers(store) => {
                let mut scratch = self.pool.take();
                store.remove(&self.group, self.lane, &slots, &mut scratch);
                self.pool.give(scratch);
            }
        }
    }

    /// Shows the labels of all series, as they are sent.
    pub(crate) fn with_labels<R>(&self, look: impl FnOnce(&HashSet<&[u8]>) -> R) -> R {
        self.look_up(0..self.slots(), look)
    }

    /// Shows those of some series; what is not sent is not among them.
    pub(crate) fn with_labels_of<R>(&self, slots: &[Slot], look: impl FnOnce(&HashSet<&[u8]>) -> R) -> R {
        self.look_up(slots.iter().copied(), look)
    }

    fn slots(&self) -> Slot {
        match &self.ready {
            Ready::Labels(store) => store.slots(),
            Ready::Numbers(store) => store.slots(),
        }
    }

    fn look_up<R>(&self, slots: impl Iterator<Item = Slot>, look: impl FnOnce(&HashSet<&[u8]>) -> R) -> R {
        let mut scratch = self.pool.take();
        let seen = match &self.ready {
            Ready::Labels(store) => {
                let all = store.unpack(&mut scratch);
                look(&slots.map(|slot| all.get(slot).as_bytes()).filter(|labels| !labels.is_empty()).collect())
            }
            Ready::Numbers(store) => {
                let labels = store.labels(&self.group, self.lane, slots, &mut scratch);
                look(&labels.iter().map(|(_, labels)| labels.as_slice()).collect())
            }
        };
        self.pool.give(scratch);
        seen
    }

    /// Shows the labels of each of some series, as they are sent; what is not sent is left out.
    pub(crate) fn with_each(&self, slots: &[Slot], mut look: impl FnMut(Slot, &[u8])) {
        let mut scratch = self.pool.take();
        match &self.ready {
            Ready::Labels(store) => {
                let all = store.unpack(&mut scratch);
                let labels = slots.iter().map(|slot| (*slot, all.get(*slot).as_bytes()));
                labels.filter(|(_, labels)| !labels.is_empty()).for_each(|(slot, labels)| look(slot, labels));
            }
            Ready::Numbers(store) => {
                let labels = store.labels(&self.group, self.lane, slots.iter().copied(), &mut scratch);
                for (slot, labels) in &labels {
                    look(*slot, labels);
                }
            }
        }
        self.pool.give(scratch);
    }

    /// Ends series of these labels with a marker each.
    pub(crate) fn mark<'a>(&self, ended: impl ExactSizeIterator<Item = &'a [u8]>, time: i64) {
        self.group.mark(self.lane, ended, time);
    }

    /// Makes a request of what the lane has buffered.
    pub(crate) fn seal(&self) {
        self.group.seal(self.lane);
    }
}

impl PageSink for TargetEncoder {
    fn accept(&mut self, page: &Page<'_>) -> usize {
        let mut scratch = self.pool.take();
        let described = page.births.described().iter().map(|(slot, _)| *slot);
        for slot in page.births.iter().map(|(slot, _)| slot).chain(described) {
            self.messages.forget(slot);
        }
        let Self { group, lane, messages, from, .. } = self;
        let takers = match &mut self.ready {
            Ready::Labels(store) => write_labels(group, *lane, store, page, messages, from, &mut scratch),
            Ready::Numbers(store) => store.write(group, *lane, page, messages, from, &mut scratch),
        };
        for slot in page.deaths {
            self.messages.forget(*slot);
        }
        self.pool.give(scratch);
        takers
    }
}

fn write_labels(
    group: &Group,
    lane: usize,
    store: &mut LabelStore,
    page: &Page<'_>,
    messages: &mut Messages,
    from: &PipelineAccount,
    scratch: &mut Vec<u8>,
) -> usize {
    if !page.births.is_empty() {
        let mut builder = LabelsBuilder::default();
        for (slot, labels) in page.births.iter() {
            store.insert(slot, sent(group.encoding(), labels, &mut builder));
        }
    }
    // a page whose series all have messages in the request needs no labels
    let labels = LazyCell::new(|| store.unpack(scratch));
    if !group.has(lane, messages.newest()) {
        LazyCell::force(&labels);
    }
    let takers = group.write_labels(lane, page, |slot| labels.get(slot).as_bytes(), messages, from);
    // A slot that dies on this page has its staleness marker on it, so it goes after the samples.
    for slot in page.deaths {
        store.remove(*slot);
    }
    if !page.births.is_empty() || !page.deaths.is_empty() {
        store.settle(scratch);
    }
    takers
}

impl Drop for TargetEncoder {
    fn drop(&mut self) {
        if let Ready::Numbers(store) = &mut self.ready {
            let mut scratch = self.pool.take();
            store.clear(&self.group, self.lane, &mut scratch);
            self.pool.give(scratch);
        }
    }
}
