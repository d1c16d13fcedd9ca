//! A lane's accumulation buffer: messages come in, compressed request bodies go out to the queues of a group.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use weir_model::Ack;
use weir_queue::{OnDurable, RecordMeta};

use crate::intake::{Intake, Offered, Parcel};
use crate::protocol::Protocol;

/// When a buffer becomes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchSettings {
    /// Samples or lines (Prometheus: `max_samples_per_send`).
    pub max_records: u32,
    /// Bytes before compression.
    pub max_bytes: usize,
    /// How long the first record may wait for others (Prometheus: `batch_send_deadline`).
    pub deadline: Duration,
}

impl BatchSettings {
    /// For remote write: 10,000 samples, 1 MiB, 1 s.
    ///
    /// A request costs sender and receiver some 100 µs beside its samples, so Prometheus' 2,000 would add 50 ns to each;
    /// past some thousands nothing is gained. 1 MiB before compression (about 4,000 samples of 240 label bytes) is what a
    /// core's cache holds while snappy walks it, far below every receiver's limit, and 8 MiB for all lanes. The disk
    /// queue already evens out bursts, so waiting 5 s as Prometheus does would only age the data: at 1 s, a mid-sized
    /// host still fills its requests.
    pub const REMOTE_WRITE: Self = Self { max_records: 10_000, max_bytes: 1 << 20, deadline: Duration::from_secs(1) };

    /// For remote write with other limits: what is more than 10,000 samples has bytes in proportion, up to 16 MiB, which is half
    /// of what VictoriaMetrics and Prometheus 3 take of a request unpacked.
    ///
    /// A deadline beyond the scrape interval puts several scrapes of a target into a request, where a series' labels stand
    /// once; the limits must leave room for them, or they cut the request first. What waits is not durable: a crash loses it.
    pub fn remote_write(max_records: u32, deadline: Duration) -> Self {
        let times = (max_records as usize).div_ceil(Self::REMOTE_WRITE.max_records as usize).clamp(1, 16);
        Self { max_records, max_bytes: Self::REMOTE_WRITE.max_bytes * times, deadline }
    }

    /// For Loki: 1 MiB before compression as Promtail, a quarter of what a default Loki takes in one message; 1 s as
    /// Promtail. Lines are not counted against a limit of their own: 100,000 only bounds the work of one request.
    pub const LOKI: Self = Self { max_records: 100_000, max_bytes: 1 << 20, deadline: Duration::from_secs(1) };
}

/// Parcels that may wait in a lane for a sink that never blocks its callers: enough to bridge the reopening of a queue
/// on reload, few enough to be small change in memory.
const MAX_WAITING: usize = 16;

/// See the [module](self). Lives behind its lane's mutex; appends to the queues happen under it, which keeps the order.
pub(crate) struct Batch {
    protocol: Protocol,
    /// How many lanes the encoder has.
    lanes: usize,
    /// What goes before the messages; empty where the protocol has no such thing, and at a request's beginning.
    pub(crate) head: Vec<u8>,
    /// Messages, end to end; encoders append here and then call [`added`](Self::added).
    pub(crate) raw: Vec<u8>,
    packed: Vec<u8>,
    snappy: snap::raw::Encoder,
    records: u32,
    time_min_ms: i64,
    time_max_ms: i64,
    since: Option<Instant>,
    acks: Vec<Ack>,
    waiting: Vec<VecDeque<Parcel>>,
}

impl Batch {
    pub(crate) fn new(protocol: Protocol, sinks: usize, lanes: usize) -> Self {
        Self {
            protocol,
            lanes,
            head: Vec::new(),
            raw: Vec::new(),
            packed: Vec::new(),
            snappy: snap::raw::Encoder::new(),
            records: 0,
            time_min_ms: i64::MAX,
            time_max_ms: i64::MIN,
            since: None,
            acks: Vec::new(),
            waiting: (0..sinks).map(|_| VecDeque::new()).collect(),
        }
    }

    /// A record was appended to `raw`.
    #[inline]
    pub(crate) fn added(&mut self, time_ms: i64) {
        self.records += 1;
        self.time_min_ms = self.time_min_ms.min(time_ms);
        self.time_max_ms = self.time_max_ms.max(time_ms);
    }

    /// Holds an acknowledgement until everything in the buffer is durable.
    pub(crate) fn hold(&mut self, ack: Ack) {
        self.acks.push(ack);
    }

    /// Whether a limit is reached, with so many bytes that are still to be written.
    #[inline]
    pub(crate) fn is_full(&self, limits: &BatchSettings, to_come: usize) -> bool {
        self.head.len() + self.raw.len() + to_come >= limits.max_bytes || self.records >= limits.max_records
    }

    /// Whether the oldest record has waited long enough. Starts the wait where there is something new.
    pub(crate) fn is_due(&mut self, limits: &BatchSettings, now: Instant) -> bool {
        self.records > 0 && now >= *self.since.get_or_insert(now) + limits.deadline
    }

    /// Notes that records may have come in just now, for [`is_due`](Self::is_due).
    pub(crate) fn touch(&mut self) {
        if self.records > 0 && self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    /// Makes a request of what there is and offers it to the sinks.
    pub(crate) fn seal(&mut self, lane: usize, sinks: &[Arc<dyn Intake>]) {
        if self.records == 0 {
            return;
        }
        let meta = RecordMeta {
            protocol: self.protocol.number(),
            flags: 0,
            entries: self.records,
            time_min_ms: self.time_min_ms,
            time_max_ms: self.time_max_ms,
        };
        let body = self.compress();
        for (waiting, sink) in self.waiting.iter_mut().zip(sinks) {
            match &body {
                Some(body) => {
                    let on_durable = settle(&self.acks);
                    waiting.push_back(Parcel { meta, lanes: self.lanes, body: body.clone(), on_durable });
                }
                None => sink.dropped("encode", u64::from(self.records)),
            }
        }
        for ack in self.acks.drain(..) {
            // every sink holds a clone of its own by now
            ack.done();
        }
        self.head.clear();
        self.raw.clear();
        (self.records, self.time_min_ms, self.time_max_ms, self.since) = (0, i64::MAX, i64::MIN, None);
        self.offer(lane, sinks);
    }

    /// Offers what waits. Parcels of one lane stay in order for each sink.
    pub(crate) fn offer(&mut self, lane: usize, sinks: &[Arc<dyn Intake>]) {
        for (waiting, sink) in self.waiting.iter_mut().zip(sinks) {
            while let Some(parcel) = waiting.front_mut() {
                if sink.offer(lane, parcel) == Offered::Later {
                    break;
                }
                waiting.pop_front();
            }
        }
    }

    /// Gives up the oldest parcels beyond what may wait for a sink whose callers cannot be made to wait.
    pub(crate) fn shed(&mut self, sinks: &[Arc<dyn Intake>]) {
        for (waiting, sink) in self.waiting.iter_mut().zip(sinks) {
            while waiting.len() > MAX_WAITING {
                if let Some(parcel) = waiting.pop_front() {
                    sink.give_up(parcel);
                }
            }
        }
    }

    /// The first sink, by index, for which a parcel waits, and the parcel's bytes.
    pub(crate) fn stuck(&self) -> Option<(usize, usize)> {
        self.waiting.iter().enumerate().find_map(|(i, w)| w.front().map(|p| (i, p.body.len())))
    }

    /// Whether nothing is buffered and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.records == 0 && self.stuck().is_none()
    }

    /// The request as it would be compressed; for benchmarks.
    pub(crate) fn uncompressed(&self) -> Vec<u8> {
        [self.head.as_slice(), &self.raw].concat()
    }

    /// Throws away what is in the buffer, uncounted; for benchmarks.
    pub(crate) fn forget(&mut self) {
        self.head.clear();
        self.raw.clear();
        self.records = 0;
    }

    fn compress(&mut self) -> Option<Bytes> {
        // snappy wants one piece; the copy is some 3 ns for the sample of 2.0, which alone has a head
        let raw = if self.head.is_empty() {
            &self.raw
        } else {
            self.head.extend_from_slice(&self.raw);
            &self.head
        };
        let bound = snap::raw::max_compress_len(raw.len());
        if self.packed.len() < bound {
            // grows to the largest request and stays; the zeroing is paid once
            self.packed.resize(bound, 0);
        }
        let len = self.snappy.compress(raw, &mut self.packed);
        match len.map(|len| self.packed.get(..len)) {
            Ok(Some(bytes)) => Some(Bytes::copy_from_slice(bytes)),
            Ok(None) => None,
            Err(error) => {
                // only a body of 4 GiB does this, and the limits are far below
                tracing::error!(%error, records = self.records, "a request could not be compressed and is dropped");
                None
            }
        }
    }
}

/// A callback that settles clones of `acks`; none when there is nothing to settle.
fn settle(acks: &[Ack]) -> Option<OnDurable> {
    if acks.is_empty() {
        return None;
    }
    let acks = acks.to_vec();
    Some(Box::new(move || acks.into_iter().for_each(Ack::done)))
}
