//! Several records in one request.
//!
//! A record is cut by time: at a second's deadline, a lane with little to do has a record a second, of a few samples.
//! After a day's outage that is 86,400 requests a lane, one round trip each: with 100 ms it would take 2.4 hours, and with
//! a second for a round trip it would never end. So what is queued in a row goes out together, up to what one request
//! may hold; without a backlog nothing is joined, and nothing ever waits for more to join.
//!
//! Messages of remote write 1.0 and of Loki hold nothing but repeated fields, so one behind the other is the message of
//! both (protobuf, "Last one wins / concatenation"), and entries of a series or stream stay in order. Requests of remote
//! write 2.0 have symbols of their own and are [merged](merge). Each record is settled by itself. Where such a request is too large (413) or refused for what is in it (400), its records are sent
//! one by one: one that the backend has already, as after a crash, must not take the others down with it. Where it fails
//! for now, the first is tried again alone and the others go back, so that the queue's policy finds them.

use bytes::Bytes;
use weir_queue::{LaneReader, Record, RecordMeta};

use crate::batch::BatchSettings;
use crate::protocol::Protocol;
use crate::remote_write::merge;

/// Records in a request: a bound for the bookkeeping, far above what the other limits leave.
const MOST: usize = 4096;

/// Fewer than this are no backlog, but two flushes that met: they go out as they were cut, unless they would fill a
/// request.
const FEWEST: usize = 8;

/// How much may go into one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joining {
    entries: u64,
    /// Before compression.
    bytes: usize,
    /// Compressed, as the queue counts them: what is in flight makes no room there.
    queued: usize,
}

impl Joining {
    /// As much as a request is cut at, and no more than a lane's `share` of the queue.
    pub(super) fn new(batch: &BatchSettings, share: u64) -> Self {
        let queued = usize::try_from(share).unwrap_or(usize::MAX);
        Self { entries: u64::from(batch.max_records), bytes: batch.max_bytes, queued }
    }

    /// A joined request was too large: from now on there is half as much in one.
    pub(super) fn less(&mut self, compressed: usize) {
        tracing::debug!(compressed, "requests of several records get smaller");
        self.entries /= 2;
        self.bytes /= 2;
    }

    /// A record and those right behind it that fit into one request with it, as far as they are there already; and
    /// whether they are to share it.
    pub(super) fn gather(&self, first: Record, reader: &mut LaneReader) -> (Vec<Record>, bool) {
        let raw = snap::raw::decompress_len(&first.body).unwrap_or(usize::MAX);
        let mut records = vec![first];
        let Some(head) = records.first().filter(|_| raw < self.bytes / 2) else { return (records, false) };
        let (protocol, packed) = (head.meta.protocol, head.body.len().max(1));
        if Protocol::from_number(protocol).is_none() {
            return (records, false);
        }
        let mut entries = u64::from(head.meta.entries);
        // What a body unpacks to is not known before it is read: records of a lane are alike.
        let mut bytes = raw;
        let unpacked = |len: usize| len.saturating_mul(raw.div_ceil(packed).max(1));
        let mut full = false;
        let mut queued = packed;
        while records.len() < MOST {
            let fits = |meta: &RecordMeta, len: usize| {
                let fits = entries + u64::from(meta.entries) <= self.entries
                    && bytes.saturating_add(unpacked(len)) <= self.bytes
                    && queued + len <= self.queued;
                full = !fits;
                fits && meta.protocol == protocol
            };
            let Some(next) = reader.another(fits) else { break };
            entries += u64::from(next.meta.entries);
            queued += next.body.len();
            bytes = bytes.saturating_add(snap::raw::decompress_len(&next.body).unwrap_or_default());
            records.push(next);
        }
        let share = records.len() > 1 && (full || records.len() >= FEWEST);
        (records, share)
    }
}

/// The body of several records; `None` for a single one, and when one cannot be read, which its receiver will say.
pub(super) fn join(records: &[Record]) -> Option<(Protocol, Bytes)> {
    let (first, _) = records.split_first().filter(|(_, rest)| !rest.is_empty())?;
    let protocol = Protocol::from_number(first.meta.protocol)?;
    let raw = match protocol {
        Protocol::RemoteWrite1 | Protocol::Loki => concatenate(records),
        Protocol::RemoteWrite2 => {
            let unpacked = records.iter().map(|r| snap::raw::Decoder::new().decompress_vec(&r.body).ok());
            merge(&unpacked.collect::<Option<Vec<_>>>()?)
        }
    }?;
    let body = snap::raw::Encoder::new().compress_vec(&raw).ok()?;
    Some((protocol, body.into()))
}

/// The messages one behind the other.
fn concatenate(records: &[Record]) -> Option<Vec<u8>> {
    let mut decoder = snap::raw::Decoder::new();
    let mut raw = vec![];
    for record in records {
        let at = raw.len();
        raw.resize(at + snap::raw::decompress_len(&record.body).ok()?, 0);
        decoder.decompress(&record.body, raw.get_mut(at..)?).ok()?;
    }
    Some(raw)
}
