//! The sending side of a lane.

use bytes::Bytes;

use crate::RecordMeta;

/// A record in flight.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its number in its lane, for [`LaneReader::commit`].
    pub seq: u64,
    /// What was said of it when it was appended.
    pub meta: RecordMeta,
    /// When it was appended, in milliseconds since the epoch.
    pub appended_ms: i64,
    /// What was appended, checked against its CRC.
    pub body: Bytes,
}

/// Reads one lane, one record in flight at a time; see [`Queue::lane_reader`](crate::Queue::lane_reader).
#[derive(Debug)]
pub struct LaneReader {}

impl LaneReader {
    /// The lane's oldest record; waits for one, and for the lane's turn among lanes with a backlog. Until it is
    /// committed, the same record comes again. `None` when the queue is closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<Record> {
        std::future::ready(None).await
    }

    /// The record in flight is settled (delivered, or given up and counted by the caller) and will not come again,
    /// except after a crash. Another number than that of the record in flight changes nothing.
    pub fn commit(&mut self, seq: u64) {
        let _ = seq;
    }
}
