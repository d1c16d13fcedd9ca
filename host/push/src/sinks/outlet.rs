//! What the pipeline writes to.

use std::sync::Arc;

use weir_model::{LogBatch, Page, PageSink};
use weir_telemetry::PipelineAccount;

use crate::loki;
use crate::remote_write::{Group, TargetEncoder};
use crate::scratch::ScratchPool;

/// One target's pages, to every group of sinks that it is routed to.
pub(super) struct TargetOutlet(Vec<TargetEncoder>);

impl TargetOutlet {
    pub(super) fn new(
        groups: Vec<Arc<Group>>,
        pool: &Arc<ScratchPool>,
        target_hash: u64,
        from: &PipelineAccount,
    ) -> Self {
        let encoder = |group| TargetEncoder::new(group, pool.clone(), target_hash, from.clone());
        Self(groups.into_iter().map(encoder).collect())
    }
}

impl PageSink for TargetOutlet {
    fn accept(&mut self, page: &Page<'_>) -> usize {
        self.0.iter_mut().map(|encoder| encoder.accept(page)).sum()
    }
}

/// Takes log batches to every Loki sink that they are routed to. Cheap to clone.
#[derive(Clone)]
pub struct LokiOutlet(Arc<[Arc<loki::Group>]>);

impl LokiOutlet {
    pub(super) fn new(groups: Vec<Arc<loki::Group>>) -> Self {
        Self(groups.into())
    }

    /// Takes a batch. While a sink that blocks has a full queue, this waits. The batch's acknowledgement is settled once
    /// its lines are durable in every sink's queue, or dropped by a queue's policy.
    ///
    /// Cancel-safe in this sense: until it returns, either all of the batch is taken or nothing, and then its
    /// acknowledgement fails.
    ///
    /// Returns how many sinks have each taken all lines over from the account `from`.
    pub async fn accept(&self, mut batch: LogBatch, from: &PipelineAccount) -> usize {
        for group in self.0.iter() {
            group.room().await;
        }
        let takers = self.0.iter().map(|group| group.write(&batch, from)).sum();
        // the lanes hold clones
        if let Some(ack) = batch.ack.take() {
            ack.done();
        }
        takers
    }
}

impl std::fmt::Debug for LokiOutlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LokiOutlet({} groups)", self.0.len())
    }
}
