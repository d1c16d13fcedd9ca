//! What the pipeline writes to.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::{Arc, PoisonError, RwLock};

use weir_model::{LogBatch, Page, PageSink, Slot, TargetSink};
use weir_telemetry::PipelineAccount;

use super::{Inner, lock};
use crate::loki;
use crate::remote_write::TargetEncoder;

/// The names of the sinks that a pipeline writes to. They can change: who writes there sees it when it is renewed.
#[derive(Debug, Default)]
pub struct Destinations(RwLock<Arc<[String]>>);

impl Destinations {
    /// These sinks.
    pub fn new(names: &[String]) -> Self {
        Self(RwLock::new(names.into()))
    }

    /// Other sinks from now on.
    pub fn set(&self, names: &[String]) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = names.into();
    }

    /// The names.
    pub fn get(&self) -> Arc<[String]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One target's pages, to every group of sinks that it is routed to.
pub(super) struct TargetOutlet {
    inner: Arc<Inner>,
    to: Arc<Destinations>,
    target_hash: u64,
    from: PipelineAccount,
    parts: Vec<Part>,
}

/// The sinks of one group, by component, with the series as they are sent there.
struct Part {
    components: Vec<String>,
    encoder: TargetEncoder,
}

impl TargetOutlet {
    pub(super) fn new(inner: Arc<Inner>, to: Arc<Destinations>, target_hash: u64, from: &PipelineAccount) -> Self {
        let mut outlet = Self { inner, to, target_hash, from: from.clone(), parts: vec![] };
        outlet.parts = outlet.parts_of(&outlet.to.get());
        outlet
    }

    fn parts_of(&self, names: &[String]) -> Vec<Part> {
        let groups = lock(&self.inner.state).remote_write_groups(names);
        let part = |(components, group)| Part {
            components,
            encoder: TargetEncoder::new(group, self.inner.scratch.clone(), self.target_hash, self.from.clone()),
        };
        groups.into_iter().map(part).collect()
    }

    /// Ends what `former` has sent and the present parts do not send.
    fn end_former(&self, mut former: Part, time: i64, unmarked: &dyn Fn(Slot) -> bool) {
        former.encoder.forget(unmarked);
        let mut gone = former.components.clone();
        for part in &self.parts {
            let common: Vec<String> =
                former.components.iter().filter(|c| part.components.contains(c)).cloned().collect();
            if !common.is_empty() {
                gone.retain(|c| !common.contains(c));
                part.encoder.with_labels(|now| {
                    former.encoder.with_labels(|before| {
                        let ended: HashSet<&[u8]> = before.difference(now).copied().collect();
                        self.mark(part, &common, &ended, time);
                    });
                });
            }
        }
        if !gone.is_empty() {
            former.encoder.with_labels(|before| self.mark_at(&gone, before, time));
        }
    }

    /// Writes markers to some sinks of a part.
    fn mark(&self, part: &Part, components: &[String], ended: &HashSet<&[u8]>, time: i64) {
        if components.len() == part.components.len() {
            part.encoder.mark(ended.iter().copied(), time);
        } else {
            self.mark_at(components, ended, time);
        }
    }

    /// Writes markers to some sinks, as far as they are set up, in groups of their own.
    fn mark_at(&self, components: &[String], ended: &HashSet<&[u8]>, time: i64) {
        if ended.is_empty() {
            return;
        }
        let names: Vec<String> = components.iter().map(|c| bare(c).to_owned()).collect();
        for part in self.parts_of(&names) {
            part.encoder.mark(ended.iter().copied(), time);
            // what the target writes next comes through another group
            part.encoder.seal();
        }
    }
}

/// `remote_write.mimir` as `mimir`.
fn bare(component: &str) -> &str {
    component.split_once('.').map_or(component, |(_, name)| name)
}

impl PageSink for TargetOutlet {
    fn accept(&mut self, page: &Page<'_>) -> usize {
        self.parts.iter_mut().map(|part| part.encoder.accept(page)).sum()
    }
}

impl TargetSink for TargetOutlet {
    fn renew(&mut self, page: &Page<'_>, unmarked: &dyn Fn(Slot) -> bool) -> usize {
        let parts = self.parts_of(&self.to.get());
        let former = std::mem::replace(&mut self.parts, parts);
        let takers = self.accept(page);
        for part in former {
            self.end_former(part, page.time, unmarked);
        }
        takers
    }

    fn sent(&self, slots: &[Slot], show: &mut dyn FnMut(Slot, &str, u64)) {
        for part in &self.parts {
            part.encoder.with_each(slots, |slot, labels| {
                let hash = self.inner.hasher.hash_one(labels);
                part.components.iter().for_each(|c| show(slot, bare(c), hash));
            });
        }
    }

    fn end(&mut self, time: i64, slots: &[Slot], sink: &str) {
        for part in &self.parts {
            let is_it = |c: &&String| bare(c) == sink && self.inner.is_running(c);
            let components: Vec<String> = part.components.iter().filter(is_it).cloned().collect();
            if !components.is_empty() {
                part.encoder.with_labels_of(slots, |ended| self.mark(part, &components, ended, time));
            }
        }
    }

    fn sinks(&self) -> Arc<[String]> {
        let mut names: Vec<String> =
            self.parts.iter().flat_map(|p| &p.components).map(|c| bare(c).to_owned()).collect();
        names.sort();
        names.into()
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
