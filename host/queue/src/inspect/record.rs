//! A record, as its header says.

use crate::format::Header;
use crate::queue::RecordMeta;

/// One record's header and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The generation of its lane.
    pub generation: u64,
    /// Its lane.
    pub lane: u16,
    /// Its segment.
    pub segment: u64,
    /// Where its header begins in the segment.
    pub offset: u64,
    /// Its number in the lane.
    pub seq: u64,
    /// Entries in all records of the lane before it.
    pub entries_before: u64,
    /// Bytes of body.
    pub bytes: u32,
    /// When it was appended, in milliseconds since the epoch.
    pub appended_ms: i64,
    /// What was said of it when it was appended.
    pub meta: RecordMeta,
    /// What becomes of it.
    pub state: RecordState,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// The sender is past it.
    Sent,
    /// It was being sent when the cursor was written.
    InFlight,
    /// It waits.
    Queued,
    /// It waits, and its body is damaged.
    Damaged,
}

impl RecordState {
    /// The state in a word, for people and machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::InFlight => "in_flight",
            Self::Queued => "queued",
            Self::Damaged => "damaged",
        }
    }
}

impl Record {
    pub(super) fn new(of: (u64, u16), segment: u64, offset: u64, header: &Header, state: RecordState) -> Self {
        Self {
            generation: of.0,
            lane: of.1,
            segment,
            offset,
            seq: header.seq,
            entries_before: header.entries_before,
            bytes: header.len,
            appended_ms: header.appended_ms,
            meta: header.meta,
            state,
        }
    }
}
