//! An encoding group: the lanes that several Loki sinks share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use weir_model::{LabelSet, LogBatch};
use weir_telemetry::PipelineAccount;

use super::entry::Entry;
use super::stream::{Clocks, Stream, Streams};
use crate::batch::{Batch, BatchSettings};
use crate::intake::Intake;
use crate::protocol::Protocol;
use crate::wire::FIELD_1;
use weir_model::labels::put_varint;

/// How long to let a queue be whose room went to another: long against an append, short against a fsync.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// Nanoseconds in a millisecond.
const MILLI: i64 = 1_000_000;

/// How far ahead of now a line's time may be, as for samples; Loki takes no line that is further off. One that is would take the lines
/// behind it in its stream along, each a nanosecond later.
const AHEAD: Duration = Duration::from_mins(10);

/// Which times lines may have now.
#[derive(Clone, Copy)]
struct Sane {
    now: i64,
    latest: i64,
}

impl Sane {
    fn now() -> Self {
        // a clock before 1970 is one that is not set
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as i64;
        Self { now, latest: now.saturating_add(AHEAD.as_nanos() as i64) }
    }

    fn has(self, time: i64) -> bool {
        time <= self.latest
    }

    /// The time itself, or that of now.
    fn of(self, time: i64) -> i64 {
        if self.has(time) { time } else { self.now }
    }
}

/// What decides the bytes of a request and where requests are cut; sinks for which it is equal share a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// Labels that every stream gets, unless it has one of that name.
    pub(crate) external_labels: LabelSet,
    /// Whether structured metadata is sent.
    pub(crate) structured_metadata: bool,
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
    streams: Mutex<Streams>,
    retired: AtomicBool,
}

struct Lane {
    batch: Batch,
    clocks: Clocks,
    times: Vec<i64>,
}

impl Group {
    pub(crate) fn new(encoding: Encoding, sinks: Vec<Arc<dyn Intake>>) -> Self {
        let count = encoding.lanes.max(1);
        let lane = |_| {
            let batch = Batch::new(Protocol::Loki, sinks.len(), count);
            Mutex::new(Lane { batch, clocks: Clocks::default(), times: Vec::new() })
        };
        let lanes = (0..count).map(lane).collect();
        Self { encoding, sinks, lanes, streams: Mutex::default(), retired: AtomicBool::new(false) }
    }

    /// Waits until no parcel waits for room. Cancel-safe: it only moves what is in the lanes already.
    pub(crate) async fn room(&self) {
        while let Some((sink, bytes)) = self.stuck() {
            if let Some(sink) = self.sinks.get(sink) {
                sink.room(bytes).await;
            }
            self.offer();
            if self.stuck().is_some() {
                // another batch was faster, or a reload has the queue closed for a moment
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }

    /// Writes a batch's lines into their streams' lanes. Lines of one stream stay in order; an entry that is not later
    /// than the one before it in its stream is moved to one nanosecond behind it, for Loki silently drops a line that
    /// equals another in stream, time and text. One whose time is far ahead gets that of now. Returns for how many sinks that is.
    pub(crate) fn write(&self, batch: &LogBatch, from: &PipelineAccount) -> usize {
        if batch.is_empty() {
            return self.sinks.len();
        }
        let now = Instant::now();
        let sane = Sane::now();
        let newest = batch.times.iter().map(|time| sane.of(*time)).max().unwrap_or_default() / MILLI;
        let retimed = batch.times.iter().filter(|time| !sane.has(**time)).count() as u64;
        for sink in &self.sinks {
            sink.routed(from, batch.len() as u64, newest);
            if retimed > 0 {
                sink.retimed(retimed);
            }
        }
        if batch.stream_of_line.is_empty() {
            if let Some(labels) = batch.streams.first() {
                self.write_rows(batch, &self.stream(labels, now), 0..batch.len(), now, sane);
            } else {
                self.homeless(batch.len() as u64);
            }
            return self.sinks.len();
        }
        let (rows, ends) = by_stream(batch);
        let mut start = 0;
        for (labels, end) in batch.streams.iter().zip(&ends) {
            let rows = rows.get(start..*end).unwrap_or_default();
            start = *end;
            if !rows.is_empty() {
                self.write_rows(batch, &self.stream(labels, now), rows.iter().map(|r| *r as usize), now, sane);
            }
        }
        self.homeless((batch.len() - rows.len()) as u64);
        self.sinks.len()
    }

    /// Seals the lanes whose oldest line has waited long enough, offers again what found no place, forgets idle streams.
    pub(crate) fn tick(&self, now: Instant) {
        for (index, mutex) in self.lanes.iter().enumerate() {
            let mut lane = lock(mutex);
            lane.batch.offer(index, &self.sinks);
            if lane.batch.is_due(&self.encoding.batch, now) {
                lane.batch.seal(index, &self.sinks);
            }
        }
    }

    /// Forgets streams that have had no line for an hour.
    pub(crate) fn forget_idle(&self, now: Instant) {
        lock(&self.streams).forget_idle(now);
        for mutex in &self.lanes {
            lock(mutex).clocks.forget_idle(now);
        }
    }

    /// Seals all lanes.
    pub(crate) fn flush(&self) {
        for (index, mutex) in self.lanes.iter().enumerate() {
            let mut lane = lock(mutex);
            lane.batch.seal(index, &self.sinks);
            lane.batch.offer(index, &self.sinks);
        }
    }

    /// From now on each batch is sealed at once: the group has a successor, whose records must come behind.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.flush();
    }

    /// Whether nothing is buffered and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.lanes.iter().all(|lane| lock(lane).batch.is_idle())
    }

    fn stream(&self, labels: &LabelSet, now: Instant) -> Arc<Stream> {
        let make = || Arc::new(Stream::new(labels.as_labels(), self.encoding.external_labels.as_labels()));
        lock(&self.streams).get_or(labels, now, make).clone()
    }

    fn write_rows(
        &self,
        batch: &LogBatch,
        stream: &Stream,
        rows: impl Iterator<Item = usize> + Clone,
        now: Instant,
        sane: Sane,
    ) {
        let index = (stream.hash % self.lanes.len() as u64) as usize;
        let Some(mutex) = self.lanes.get(index) else { return };
        let mut guard = lock(mutex);
        let Lane { batch: out, clocks, times } = &mut *guard;
        let clock = clocks.get_or(&stream.hash, now, || i64::MIN);
        times.clear();
        times.extend(rows.clone().map(|row| {
            let time = sane.of(batch.times.get(row).copied().unwrap_or_default());
            *clock = time.max(clock.saturating_add(1));
            *clock
        }));
        let with_metadata: &[LabelSet] = if self.encoding.structured_metadata { &batch.metadata } else { &[] };
        let entry = |(row, time): (usize, &i64)| Entry {
            time: *time,
            line: batch.line(row),
            metadata: with_metadata.get(row).map(LabelSet::as_labels).unwrap_or_default(),
        };
        let mut entries = rows.zip(times.iter()).map(entry);
        loop {
            // as many as the request has room for, in one message; always at least one
            let mut room = self.encoding.batch.max_bytes.saturating_sub(out.raw.len() + stream.head.len());
            let (mut taken, mut bytes) = (0usize, stream.head.len());
            let mut ahead = entries.clone();
            for entry in ahead.by_ref() {
                taken += 1;
                bytes += entry.len();
                room = room.saturating_sub(entry.len());
                if room == 0 {
                    break;
                }
            }
            if taken == 0 {
                break;
            }
            out.raw.reserve(bytes + 6);
            out.raw.push(FIELD_1);
            put_varint(&mut out.raw, bytes);
            out.raw.extend_from_slice(&stream.head);
            for entry in entries.by_ref().take(taken) {
                entry.put(&mut out.raw);
                out.added(entry.time.div_euclid(MILLI));
            }
            if let Some(ack) = &batch.ack {
                out.hold(ack.clone());
            }
            if out.is_full(&self.encoding.batch, 0) {
                out.seal(index, &self.sinks);
            }
        }
        out.touch();
        if self.retired.load(Ordering::Acquire) {
            out.seal(index, &self.sinks);
        }
    }

    /// Lines whose stream the batch does not have; the pipeline checks indexes, so this is a bug made visible.
    fn homeless(&self, lines: u64) {
        if lines > 0 {
            tracing::error!(lines, "lines without a stream are dropped");
            self.sinks.iter().for_each(|sink| sink.dropped("no_stream", lines));
        }
    }

    fn offer(&self) {
        for (index, mutex) in self.lanes.iter().enumerate() {
            lock(mutex).batch.offer(index, &self.sinks);
        }
    }

    fn stuck(&self) -> Option<(usize, usize)> {
        self.lanes.iter().find_map(|lane| lock(lane).batch.stuck())
    }
}

/// The batch's rows, stream by stream, and where each stream's end; rows of streams that the batch lacks are left out.
fn by_stream(batch: &LogBatch) -> (Vec<u32>, Vec<usize>) {
    let mut ends = vec![0usize; batch.streams.len()];
    let rows = || (0..batch.len()).filter(|row| batch.stream_of(*row) < batch.streams.len());
    for row in rows() {
        ends[batch.stream_of(row)] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        // from a count to a start; each row then moves its stream's start to what is its end at last
        total += std::mem::replace(end, total);
    }
    let mut order = vec![0u32; total];
    for row in rows() {
        let at = &mut ends[batch.stream_of(row)];
        order[*at] = row as u32;
        *at += 1;
    }
    (order, ends)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while a message was half written would leave it in the buffer; the encoder has no way to panic there.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
