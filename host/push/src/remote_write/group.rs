//! An encoding group: the lanes that several sinks share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use weir_model::{LabelSet, Labels, Page, STALE_NAN, Slot};
use weir_relabel::Rules;
use weir_telemetry::PipelineAccount;

use super::lane::Lane;
use super::later::Messages;
use super::series::SampleField;
use super::symbols::SymbolTable;
use crate::batch::BatchSettings;
use crate::intake::Intake;
use crate::protocol::Protocol;

/// What decides the bytes of a request and where requests are cut; sinks for which it is equal share a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// [`Protocol::RemoteWrite1`] or [`Protocol::RemoteWrite2`].
    pub(crate) protocol: Protocol,
    /// Whether exemplars are sent (Prometheus: `send_exemplars`). Nothing brings any yet.
    pub(crate) exemplars: bool,
    /// Whether native histograms are sent (Prometheus: `send_native_histograms`). Nothing brings any yet.
    pub(crate) native_histograms: bool,
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
    lanes: Box<[Mutex<Lane>]>,
    retired: AtomicBool,
}

impl Group {
    pub(crate) fn new(encoding: Encoding, sinks: Vec<Arc<dyn Intake>>) -> Self {
        let count = encoding.lanes.max(1);
        let lane = |_| Mutex::new(Lane::new(encoding.protocol, sinks.len(), count));
        let lanes = (0..count).map(lane).collect();
        Self { encoding, sinks, lanes, retired: AtomicBool::new(false) }
    }

    pub(crate) fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The lane of a target: the same in every process while the number of lanes is.
    pub(crate) fn lane_of(&self, target_hash: u64) -> usize {
        (target_hash % self.lanes.len() as u64) as usize
    }

    /// Whether a lane's request under way has a message.
    pub(super) fn has(&self, lane: usize, message: u64) -> bool {
        self.lanes.get(lane).is_some_and(|lane| lock(lane).later.has(message))
    }

    /// Writes a page's samples in 1.0, for so many sinks as it returns. Slots without labels are those that the rules dropped.
    pub(super) fn write_labels<'a>(
        &self,
        lane: usize,
        page: &Page<'_>,
        labels: impl Fn(Slot) -> &'a [u8],
        messages: &mut Messages,
        from: &PipelineAccount,
    ) -> usize {
        self.write_with(lane, page, from, |lane, at| {
            lane.write(at, &self.sinks, &self.encoding.batch, page, messages, labels, Lane::put_1)
        })
    }

    /// The same in 2.0. Slots without numbers are those that the rules dropped.
    pub(super) fn write_numbers<'a>(
        &self,
        lane: usize,
        page: &Page<'_>,
        numbers: impl Fn(Slot) -> &'a [u8],
        messages: &mut Messages,
        from: &PipelineAccount,
    ) -> usize {
        self.write_with(lane, page, from, |lane, at| {
            lane.write(at, &self.sinks, &self.encoding.batch, page, messages, numbers, Lane::put_2)
        })
    }

    fn write_with(
        &self,
        at: usize,
        page: &Page<'_>,
        from: &PipelineAccount,
        write: impl FnOnce(&mut Lane, usize) -> u64,
    ) -> usize {
        let Some(mutex) = self.lanes.get(at) else { return 0 };
        for sink in &self.sinks {
            sink.routed(from, page.samples.len() as u64, page.time);
        }
        let mut lane = lock(mutex);
        let dropped = write(&mut lane, at);
        if self.retired.load(Ordering::Acquire) {
            lane.seal(at, &self.sinks);
        }
        drop(lane);
        if dropped > 0 {
            for sink in &self.sinks {
                sink.dropped("write_relabel", dropped);
            }
        }
        self.sinks.len()
    }

    /// Writes a staleness marker for each of these label sets, which are as they are sent.
    pub(crate) fn mark<'a>(&self, at: usize, ended: impl ExactSizeIterator<Item = &'a [u8]>, time: i64) {
        let Some(mutex) = self.lanes.get(at).filter(|_| ended.len() > 0) else { return };
        for sink in &self.sinks {
            sink.generated(ended.len() as u64, time);
        }
        let mut lane = lock(mutex);
        let mut field = SampleField::at(time);
        for labels in ended {
            lane.put_labels(&mut field, Labels::from_trusted(labels), STALE_NAN);
            lane.added(at, &self.sinks, &self.encoding.batch, time);
        }
        lane.batch.touch();
        if self.retired.load(Ordering::Acquire) {
            lane.seal(at, &self.sinks);
        }
    }

    /// Makes a request of what a lane has buffered.
    pub(crate) fn seal(&self, lane: usize) {
        if let Some(mutex) = self.lanes.get(lane) {
            lock(mutex).seal(lane, &self.sinks);
        }
    }

    /// A lane's symbols, for births and deaths.
    pub(super) fn with_symbols<T>(&self, lane: usize, change: impl FnOnce(&mut SymbolTable) -> T) -> Option<T> {
        self.lanes.get(lane).map(|lane| change(&mut lock(lane).symbols))
    }

    /// Seals the lanes whose oldest sample has waited long enough, and offers again what found no place.
    pub(crate) fn tick(&self, now: Instant) {
        for (lane, mutex) in self.lanes.iter().enumerate() {
            let mut guard = lock(mutex);
            guard.batch.offer(lane, &self.sinks);
            if guard.batch.is_due(&self.encoding.batch, now) {
                guard.seal(lane, &self.sinks);
            }
            guard.batch.shed(&self.sinks);
        }
    }

    /// Seals all lanes.
    pub(crate) fn flush(&self) {
        for (lane, mutex) in self.lanes.iter().enumerate() {
            let mut guard = lock(mutex);
            guard.seal(lane, &self.sinks);
            guard.batch.offer(lane, &self.sinks);
        }
    }

    /// From now on each page is sealed at once: the group has a successor, whose records must come behind.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.flush();
    }

    /// A lane's request as it would be compressed; for benchmarks.
    pub(crate) fn raw(&self, lane: usize) -> Vec<u8> {
        let complete = |lane: &Mutex<Lane>| {
            let mut lane = lock(lane);
            lane.complete();
            lane.batch.uncompressed()
        };
        self.lanes.get(lane).map(complete).unwrap_or_default()
    }

    /// Throws a lane's messages away; for benchmarks.
    pub(crate) fn forget(&self, lane: usize) {
        if let Some(lane) = self.lanes.get(lane) {
            let mut lane = lock(lane);
            lane.batch.forget();
            lane.later.clear();
        }
    }

    /// Whether nothing is buffered and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.lanes.iter().all(|lane| lock(lane).batch.is_idle())
    }
}

fn lock(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    // A panic while a message was half written would leave it in the buffer; the encoder has no way to panic there.
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}
