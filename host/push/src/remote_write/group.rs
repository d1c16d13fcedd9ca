//! An encoding group: the lanes that several sinks share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use weir_model::label_store::Unpacked;
use weir_model::{LabelSet, Page, STALE_NAN};
use weir_relabel::Rules;
use weir_telemetry::PipelineAccount;

use super::series::SampleField;
use crate::batch::{Batch, BatchSettings};
use crate::intake::Intake;
use crate::protocol::Protocol;

/// What decides the bytes of a request and where requests are cut; sinks for which it is equal share a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// Labels that every series gets, unless it has one of that name (Prometheus: `external_labels`).
    pub(crate) external_labels: LabelSet,
    /// Rules over what is sent, after the external labels (Prometheus: `write_relabel_configs`).
    pub(crate) write_relabel: Rules,
    /// When a buffer becomes a request.
    pub(crate) batch: BatchSettings,
    /// How many lanes the queues have.
    pub(crate) lanes: usize,
}

/// See the [module](self).
pub(crate) struct Group {
    encoding: Encoding,
    sinks: Vec<Arc<dyn Intake>>,
    lanes: Box<[Mutex<Batch>]>,
    retired: AtomicBool,
}

impl Group {
    pub(crate) fn new(encoding: Encoding, sinks: Vec<Arc<dyn Intake>>) -> Self {
        let lane = |_| Mutex::new(Batch::new(Protocol::RemoteWrite1, sinks.len()));
        let lanes = (0..encoding.lanes.max(1)).map(lane).collect();
        Self { encoding, sinks, lanes, retired: AtomicBool::new(false) }
    }

    pub(crate) fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The lane of a target: the same in every process while the number of lanes is.
    pub(crate) fn lane_of(&self, target_hash: u64) -> usize {
        (target_hash % self.lanes.len() as u64) as usize
    }

    /// Writes a page's samples, for so many sinks as it returns. Slots without labels are those that the rules dropped.
    pub(crate) fn write(&self, lane: usize, page: &Page<'_>, labels: Unpacked<'_>, from: &PipelineAccount) -> usize {
        let Some(mutex) = self.lanes.get(lane) else { return 0 };
        for sink in &self.sinks {
            sink.routed(from, page.samples.len() as u64, page.time);
        }
        let mut batch = lock(mutex);
        let mut field = SampleField::at(page.time);
        let mut dropped = 0;
        for sample in page.samples {
            let labels = labels.get(sample.slot).as_bytes();
            if labels.is_empty() {
                dropped += 1;
                continue;
            }
            if sample.time != field.time {
                field = SampleField::at(sample.time);
            }
            field.put_series(&mut batch.raw, labels, sample.value);
            batch.added(sample.time);
            if batch.is_full(&self.encoding.batch) {
                batch.seal(lane, &self.sinks);
                batch.shed(&self.sinks);
            }
        }
        batch.touch();
        if self.retired.load(Ordering::Acquire) {
            batch.seal(lane, &self.sinks);
        }
        drop(batch);
        if dropped > 0 {
            for sink in &self.sinks {
                sink.dropped("write_relabel", dropped);
            }
        }
        self.sinks.len()
    }

    /// Writes a staleness marker for each of these label sets, which are as they are sent.
    pub(crate) fn mark<'a>(&self, lane: usize, ended: impl ExactSizeIterator<Item = &'a [u8]>, time: i64) {
        let Some(mutex) = self.lanes.get(lane).filter(|_| ended.len() > 0) else { return };
        for sink in &self.sinks {
            sink.generated(ended.len() as u64, time);
        }
        let mut batch = lock(mutex);
        let mut field = SampleField::at(time);
        for labels in ended {
            field.put_series(&mut batch.raw, labels, STALE_NAN);
            batch.added(time);
            if batch.is_full(&self.encoding.batch) {
                batch.seal(lane, &self.sinks);
                batch.shed(&self.sinks);
            }
        }
        batch.touch();
        if self.retired.load(Ordering::Acquire) {
            batch.seal(lane, &self.sinks);
        }
    }

    /// Makes a request of what a lane has buffered.
    pub(crate) fn seal(&self, lane: usize) {
        if let Some(mutex) = self.lanes.get(lane) {
            lock(mutex).seal(lane, &self.sinks);
        }
    }

    /// Seals the lanes whose oldest sample has waited long enough, and offers again what found no place.
    pub(crate) fn tick(&self, now: Instant) {
        for (lane, mutex) in self.lanes.iter().enumerate() {
            let mut batch = lock(mutex);
            batch.offer(lane, &self.sinks);
            if batch.is_due(&self.encoding.batch, now) {
                batch.seal(lane, &self.sinks);
            }
            batch.shed(&self.sinks);
        }
    }

    /// Seals all lanes.
    pub(crate) fn flush(&self) {
        for (lane, mutex) in self.lanes.iter().enumerate() {
            let mut batch = lock(mutex);
            batch.seal(lane, &self.sinks);
            batch.offer(lane, &self.sinks);
        }
    }

    /// From now on each page is sealed at once: the group has a successor, whose records must come behind.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.flush();
    }

    /// Looks at a lane's uncompressed messages; for benchmarks and tests.
    pub(crate) fn with_raw<T>(&self, lane: usize, look: impl FnOnce(&mut Vec<u8>) -> T) -> Option<T> {
        self.lanes.get(lane).map(|lane| look(&mut lock(lane).raw))
    }

    /// Whether nothing is buffered and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.lanes.iter().all(|lane| lock(lane).is_idle())
    }
}

fn lock(lane: &Mutex<Batch>) -> MutexGuard<'_, Batch> {
    // A panic while a message was half written would leave it in the buffer; the encoder has no way to panic there.
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}
