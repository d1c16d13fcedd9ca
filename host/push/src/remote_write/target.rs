//! One target's series in one group.

use std::collections::HashSet;
use std::sync::Arc;

use weir_model::{LabelStore, Labels, LabelsBuilder, Page, PageSink, Slot};
use weir_telemetry::PipelineAccount;

use super::group::Group;
use crate::scratch::ScratchPool;

/// Keeps the ready label bytes of a target's series, by slot, and writes its pages into its lane.
pub(crate) struct TargetEncoder {
    group: Arc<Group>,
    pool: Arc<ScratchPool>,
    lane: usize,
    store: LabelStore,
    /// Whose samples they are until the group takes them.
    from: PipelineAccount,
}

impl TargetEncoder {
    pub(crate) fn new(group: Arc<Group>, pool: Arc<ScratchPool>, target_hash: u64, from: PipelineAccount) -> Self {
        let lane = group.lane_of(target_hash);
        Self { group, pool, lane, store: LabelStore::default(), from }
    }

    /// What is sent of a new series: nothing where the rules drop it or leave it without a name. The latter no receiver
    /// takes, and it would take its whole request down with it.
    fn birth(&mut self, slot: Slot, labels: Labels<'_>, builder: &mut LabelsBuilder) {
        let encoding = self.group.encoding();
        let external = encoding.external_labels.as_labels();
        if external.is_empty() && encoding.write_relabel.is_empty() {
            self.store.insert(slot, labels);
            return;
        }
        builder.reset(labels);
        for (name, value) in external {
            builder.set_missing(name, value);
        }
        let kept = encoding.write_relabel.apply(builder) && builder.get(weir_model::labels::METRIC_NAME).is_some();
        if kept {
            self.store.insert(slot, builder.finish());
        } else {
            self.store.remove(slot);
        }
    }
}

impl TargetEncoder {
    /// Forgets series for which `forgotten` is true.
    pub(crate) fn forget(&mut self, forgotten: &dyn Fn(Slot) -> bool) {
        for slot in (0..self.store.slots()).filter(|s| forgotten(*s)) {
            self.store.remove(slot);
        }
    }

    /// Shows the labels of all series, as they are sent.
    pub(crate) fn with_labels<R>(&self, look: impl FnOnce(&HashSet<&[u8]>) -> R) -> R {
        self.look_up(0..self.store.slots(), look)
    }

    /// Shows those of some series; what is not sent is not among them.
    pub(crate) fn with_labels_of<R>(&self, slots: &[Slot], look: impl FnOnce(&HashSet<&[u8]>) -> R) -> R {
        self.look_up(slots.iter().copied(), look)
    }

    fn look_up<R>(&self, slots: impl Iterator<Item = Slot>, look: impl FnOnce(&HashSet<&[u8]>) -> R) -> R {
        let mut scratch = self.pool.take();
        let all = self.store.unpack(&mut scratch);
        let labels = slots.map(|slot| all.get(slot).as_bytes()).filter(|labels| !labels.is_empty()).collect();
        let seen = look(&labels);
        self.pool.give(scratch);
        seen
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
        if !page.births.is_empty() {
            let mut builder = LabelsBuilder::default();
            for (slot, labels) in page.births.iter() {
                self.birth(slot, labels, &mut builder);
            }
        }
        let mut scratch = self.pool.take();
        let takers = self.group.write(self.lane, page, self.store.unpack(&mut scratch), &self.from);
        // A slot that dies on this page has its staleness marker on it, so it goes after the samples.
        for slot in page.deaths {
            self.store.remove(*slot);
        }
        if !page.births.is_empty() || !page.deaths.is_empty() {
            self.store.settle(&mut scratch);
        }
        self.pool.give(scratch);
        takers
    }
}
