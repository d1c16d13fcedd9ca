//! One target's series in one group.

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
