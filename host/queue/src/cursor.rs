//! Where a lane's sender stands, on disk.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::format::{TOTALS, Totals};
use crate::storage::{Mode, SegmentFile, Storage};

/// The cursor's file in its lane's directory.
const FILE: &str = "cursor";

const MAGIC: u64 = u64::from_le_bytes(*b"weircur1");

/// Words of a slot before its CRC.
const WORDS: usize = 14;

const SLOT_BYTES: usize = WORDS * 8 + 4;

/// The slots lie a page apart, so that one torn write hits one of them.
const SLOT_STRIDE: u64 = 4096;

/// A place in a lane: the totals before a record, and where it should lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) at: Totals,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The next record to be read.
    pub(crate) read: Position,
    /// The record in flight and its entries: read, and not committed.
    pub(crate) flight: Option<(Position, u32)>,
    /// Everything before this was durable: what is missing of it was damaged, not torn.
    pub(crate) durable: Totals,
    /// The other slot is damaged and may have been the newer one: segments that are missing may have been done with.
    pub(crate) maybe_old: bool,
}

/// The open file. Its two slots are written in turn; the newer good one counts.
#[derive(Debug)]
pub(crate) struct CursorFile {
    file: Arc<dyn SegmentFile>,
    turn: u64,
}

impl CursorFile {
    /// Opens or makes the file in `lane`, and reads it; `None` when it is new or says nothing.
    pub(crate) fn open(storage: &dyn Storage, lane: &Path) -> io::Result<(Self, Option<Cursor>)> {
        let path = lane.join(FILE);
        let file = match storage.open(&path, Mode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => storage.open(&path, Mode::Create)?,
            other => other?,
        };
        let (turn, cursor) = newest(&*file).map_or((0, None), |(turn, cursor)| (turn, Some(cursor)));
        Ok((Self { file, turn }, cursor))
    }

    /// What the file in `lane` says, without touching it.
    pub(crate) fn peek(storage: &dyn Storage, lane: &Path) -> io::Result<Option<Cursor>> {
        match storage.open(&lane.join(FILE), Mode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => Ok(newest(&*file?).map(|(_, cursor)| cursor)),
        }
    }

    /// Writes into the slot whose turn it is; durable only after an fsync of [`file`](Self::file).
    pub(crate) fn write(&mut self, cursor: &Cursor) -> io::Result<()> {
        let turn = self.turn.wrapping_add(1);
        self.file.write((turn % 2) * SLOT_STRIDE, &encode(turn, cursor), &[])?;
        self.turn = turn;
        Ok(())
    }

    pub(crate) fn file(&self) -> Arc<dyn SegmentFile> {
        self.file.clone()
    }
}

/// The newer good slot, with its turn.
fn newest(file: &dyn SegmentFile) -> Option<(u64, Cursor)> {
    let [first, second] = [0, 1].map(|slot| read_slot(file, slot));
    let alone = first.is_none() || second.is_none();
    let (turn, mut cursor) = first.into_iter().chain(second).max_by_key(|(turn, _)| *turn)?;
    // the very first turn has no other slot beside it
    cursor.maybe_old = alone && turn > 1;
    Some((turn, cursor))
}

fn read_slot(file: &dyn SegmentFile, slot: u64) -> Option<(u64, Cursor)> {
    let mut bytes = [0; SLOT_BYTES];
    file.read(slot * SLOT_STRIDE, &mut bytes).ok()?;
    decode(&bytes)
}

pub(crate) fn encode(turn: u64, cursor: &Cursor) -> [u8; SLOT_BYTES] {
    let place = |p: Position| [p.at.seq, p.at.entries, p.segment, p.offset];
    let (flight, entries) = cursor.flight.map_or(([0; 4], 0), |(position, entries)| (place(position), entries));
    let [r0, r1, r2, r3] = place(cursor.read);
    let [f0, f1, f2, f3] = flight;
    let durable = cursor.durable;
    let words: [u64; WORDS] =
        [MAGIC, turn, r0, r1, r2, r3, f0, f1, f2, f3, entries.into(), durable.seq, durable.entries, 0];
    let mut bytes = [0; SLOT_BYTES];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    let crc = crc32c::crc32c(&bytes[..WORDS * 8]);
    bytes[WORDS * 8..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Beyond what any record leads to: the totals behind one are at most its own and the entries that it has. A cursor that said more would have
/// records written behind it that are none when they are read.
const BEYOND: u64 = TOTALS + (1 << 33);

fn decode(bytes: &[u8; SLOT_BYTES]) -> Option<(u64, Cursor)> {
    let (body, crc) = bytes.split_at(WORDS * 8);
    if crc != crc32c::crc32c(body).to_le_bytes() {
        return None;
    }
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(body.chunks_exact(8)) {
        *word = u64::from_le_bytes(*bytes.first_chunk()?);
    }
    let [magic, turn, r0, r1, r2, r3, f0, f1, f2, f3, entries, d0, d1, _] = words;
    let place = |seq, entries, segment, offset| Position { at: Totals { seq, entries }, segment, offset };
    let cursor = Cursor {
        read: place(r0, r1, r2, r3),
        // a record's number is never zero
        flight: (f0 != 0).then(|| (place(f0, f1, f2, f3), entries as u32)),
        durable: Totals { seq: d0, entries: d1 },
        maybe_old: false,
    };
    let plausible = [r0, r1, r2, r3, f0, f1, f2, f3, d0, d1].into_iter().all(|total| total < BEYOND) && r0 != 0;
    (magic == MAGIC && plausible).then_some((turn, cursor))
}
