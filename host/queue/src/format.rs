//! The record header; the format stands in the [crate's documentation](crate).

use std::io;

use crate::queue::RecordMeta;
use crate::stats::Volume;
use crate::storage::SegmentFile;

/// The first bytes of every record: no UTF-8 text, so no log line holds them by chance.
pub(crate) const MAGIC: [u8; 4] = [0xf7, b'W', b'Q', 0x01];

/// Bytes of a record before its body.
pub(crate) const HEADER_BYTES: usize = 64;

/// Longest body: far above any request a receiver takes, and small enough that a damaged length cannot ask for much.
pub(crate) const MAX_BODY_BYTES: usize = 64 << 20;

/// No lane ever gets so far: a header that says so is damaged, and sums of totals cannot overflow.
pub(crate) const TOTALS: u64 = 1 << 54;

/// How much is read at once in search of the next good header.
const SCAN_BYTES: u64 = 64 << 10;

/// What stands before a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The record's number in its lane, from 1, without gaps: also the running total of records.
    pub(crate) seq: u64,
    /// Entries in all records of the lane before this one.
    pub(crate) entries_before: u64,
    /// Bytes of body.
    pub(crate) len: u32,
    pub(crate) meta: RecordMeta,
    /// Milliseconds since the epoch.
    pub(crate) appended_ms: i64,
    pub(crate) body_crc: u32,
}

impl Header {
    /// Bytes on disk, header and body.
    pub(crate) fn size(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.len)
    }

    pub(crate) fn volume(&self) -> Volume {
        Volume { records: 1, entries: u64::from(self.meta.entries), bytes: self.size() }
    }

    /// The totals behind this record.
    pub(crate) fn end(&self) -> Totals {
        Totals {
            seq: self.seq.saturating_add(1),
            entries: self.entries_before.saturating_add(u64::from(self.meta.entries)),
        }
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.len.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.seq.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.entries_before.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.meta.entries.to_le_bytes());
        bytes[28] = self.meta.protocol;
        bytes[29] = self.meta.flags;
        bytes[32..40].copy_from_slice(&self.meta.time_min_ms.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.meta.time_max_ms.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.appended_ms.to_le_bytes());
        bytes[56..60].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when this is no header or a damaged one.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let header = Self {
            len: u32::from_le_bytes(field(bytes, 4)),
            seq: u64::from_le_bytes(field(bytes, 8)),
            entries_before: u64::from_le_bytes(field(bytes, 16)),
            meta: RecordMeta {
                entries: u32::from_le_bytes(field(bytes, 24)),
                protocol: bytes[28],
                flags: bytes[29],
                time_min_ms: i64::from_le_bytes(field(bytes, 32)),
                time_max_ms: i64::from_le_bytes(field(bytes, 40)),
            },
            appended_ms: i64::from_le_bytes(field(bytes, 48)),
            body_crc: u32::from_le_bytes(field(bytes, 56)),
        };
        let good = field(bytes, 0) == MAGIC
            && (1..TOTALS).contains(&header.seq)
            && header.entries_before < TOTALS
            && crc32c::crc32c(&bytes[..60]) == u32::from_le_bytes(field(bytes, 60))
            && header.len as usize <= MAX_BODY_BYTES;
        good.then_some(header)
    }
}

/// `N` bytes at a fixed place; the callers' constants stay within the header.
fn field<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes.get(at + i).copied().unwrap_or_default())
}

/// The next record's number and the entries before it: a place in a lane, wherever it lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Totals {
    pub(crate) seq: u64,
    pub(crate) entries: u64,
}

impl Totals {
    /// Where a lane begins.
    pub(crate) const START: Self = Self { seq: 1, entries: 0 };

    /// What lies between `earlier` and here; the bytes are not known.
    pub(crate) fn since(self, earlier: Self) -> Volume {
        Volume {
            records: self.seq.saturating_sub(earlier.seq),
            entries: self.entries.saturating_sub(earlier.entries),
            bytes: 0,
        }
    }
}

/// The header at `at`, if it is a good one and its body ends before `end`.
pub(crate) fn header_at(file: &dyn SegmentFile, at: u64, end: u64) -> io::Result<Option<Header>> {
    Ok(any_header_at(file, at, end)?.filter(|header| at + header.size() <= end))
}

/// The header at `at`, even if its body is cut off.
pub(crate) fn any_header_at(file: &dyn SegmentFile, at: u64, end: u64) -> io::Result<Option<Header>> {
    if at + HEADER_BYTES as u64 > end {
        return Ok(None);
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read(at, &mut bytes)?;
    Ok(Header::decode(&bytes))
}

/// The first good header at or behind `from`, and where it is: where the one at `from` is damaged, the search goes on
/// byte by byte, for its length cannot be trusted.
pub(crate) fn next_header(file: &dyn SegmentFile, from: u64, end: u64) -> io::Result<Option<(u64, Header)>> {
    if let Some(header) = header_at(file, from, end)? {
        return Ok(Some((from, header)));
    }
    let mut at = from + 1;
    let mut window = Vec::new();
    while at + HEADER_BYTES as u64 <= end {
        window.resize((end - at).min(SCAN_BYTES) as usize, 0);
        file.read(at, &mut window)?;
        for (i, bytes) in window.windows(HEADER_BYTES).enumerate() {
            if !bytes.starts_with(&MAGIC) {
                continue;
            }
            let place = at + i as u64;
            let header = bytes.first_chunk().and_then(Header::decode);
            if let Some(header) = header.filter(|header| place + header.size() <= end) {
                return Ok(Some((place, header)));
            }
        }
        at += (window.len() - HEADER_BYTES + 1) as u64;
    }
    Ok(None)
}
