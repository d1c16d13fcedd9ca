//! What a lane's directory says after whatever happened to it.
//!
//! Only headers are read, and those of the last segment alone, beside the first of every other: the totals behind the
//! last record less those at the cursor are what is queued. What of it turns out to be damaged is found, and counted,
//! when the reader comes to it.

use std::io;
use std::path::Path;

use crate::account::Account;
use crate::cursor::{Cursor, CursorFile, Position};
use crate::format::{Header, Totals, any_header_at, header_at, next_header};
use crate::segment::{self, Segment, Segments};
use crate::stats::{DropReason, Volume};
use crate::storage::{SegmentFile, Storage};

/// A lane as it was found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) segments: Segments,
    pub(crate) cursor: CursorFile,
    pub(crate) read: Position,
    /// A record that was in flight while records behind it were dropped: it alone comes before `read`.
    pub(crate) flight: Option<(Position, Header)>,
    /// Totals behind the last record.
    pub(crate) end: Totals,
    /// Bytes from `read` to the end.
    pub(crate) bytes: u64,
    /// The number of the next segment.
    pub(crate) next_index: u64,
}

/// Reads a lane's directory, cuts a torn tail off, and counts what was found in `account`.
pub(crate) fn recover(storage: &dyn Storage, lane: &Path, account: &Account) -> io::Result<Recovered> {
    let (cursor_file, cursor) = CursorFile::open(storage, lane)?;
    let mut segments = Segments::default();
    let files = segment::list(lane)?;
    let next_index = files.last().map_or(0, |(index, _)| *index).max(cursor.map_or(0, |c| c.read.segment)) + 1;
    let mut rubbish = None;
    for (index, path) in files {
        let file = storage.open(&path, false)?;
        let end = file.len()?;
        let Some((_, header)) = next_header(&*file, 0, end)? else {
            if end > 0 {
                let torn = any_header_at(&*file, 0, end)?;
                rubbish = Some(Tail { end: None, torn, cut: true });
            }
            storage.remove(&path)?;
            continue;
        };
        rubbish = None;
        segments.push(Segment { index, path, first: Some(header.seq), end, dirty: false, file: None });
    }
    let mut tail = match segments.last_mut() {
        Some(last) => cut_tail(storage, last)?,
        None => Tail::default(),
    };
    if let Some(rubbish) = rubbish {
        // a segment was begun, and not one record got into it whole
        tail = Tail { end: tail.end, torn: rubbish.torn.or(tail.torn), cut: true };
    }
    if tail.cut {
        account.torn_tail();
    }

    let read = cursor.map_or_else(|| oldest(storage, &mut segments), |cursor| Ok(start(&cursor)))?;
    let end = tail.end.unwrap_or(Totals::START).max(read.at);
    let flight = match cursor.and_then(|cursor| cursor.flight.filter(|flight| flight.0.at.seq + 1 < cursor.read.at.seq))
    {
        Some((position, entries)) => restore_flight(storage, &mut segments, account, position, entries)?,
        None => None,
    };
    // what was durable was there; what is only half there was being written
    let durable = cursor.map_or(end, |cursor| cursor.durable).max(end);
    let torn = tail.torn.map_or(durable, |header| header.end()).max(durable);
    account.recovered_lost(DropReason::QueueCorrupt, durable.since(end));
    account.recovered_lost(DropReason::QueueTorn, torn.since(durable));

    let bytes = bytes_from(&segments, read);
    let queued = Volume { bytes, ..end.since(read.at) };
    account.recovered(queued, flight.map_or(Volume::default(), |(_, header)| header.volume()));
    Ok(Recovered { segments, cursor: cursor_file, read, flight, end, bytes, next_index })
}

/// Where to read on: at the record that was in flight, unless records right behind it were dropped meanwhile.
fn start(cursor: &Cursor) -> Position {
    match cursor.flight {
        Some((position, _)) if position.at.seq + 1 == cursor.read.at.seq => position,
        _ => cursor.read,
    }
}

/// Without a cursor everything is read again.
fn oldest(storage: &dyn Storage, segments: &mut Segments) -> io::Result<Position> {
    let beginning = Position { at: Totals::START, segment: 1, offset: 0 };
    let Some((index, end)) = segments.first().map(|first| (first.index, first.end)) else { return Ok(beginning) };
    if index == 1 {
        return Ok(beginning);
    }
    let file = segments.open(storage, index)?;
    Ok(next_header(&*file, 0, end)?.map_or(beginning, |(offset, header)| Position {
        at: Totals { seq: header.seq, entries: header.entries_before },
        segment: index,
        offset,
    }))
}

fn restore_flight(
    storage: &dyn Storage,
    segments: &mut Segments,
    account: &Account,
    position: Position,
    entries: u32,
) -> io::Result<Option<(Position, Header)>> {
    if let Some(end) = segments.get_mut(position.segment).map(|segment| segment.end) {
        let file = segments.open(storage, position.segment)?;
        let header = header_at(&*file, position.offset, end)?.filter(|header| header.seq == position.at.seq);
        if let Some(header) = header {
            return Ok(Some((position, header)));
        }
    }
    let lost = Volume { records: 1, entries: entries.into(), bytes: 0 };
    account.recovered_lost(DropReason::QueueCorrupt, lost);
    Ok(None)
}

fn bytes_from(segments: &Segments, read: Position) -> u64 {
    segments
        .iter()
        .map(|segment| match segment.index.cmp(&read.segment) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => segment.end.saturating_sub(read.offset),
            std::cmp::Ordering::Greater => segment.end,
        })
        .sum()
}

#[derive(Debug, Default)]
struct Tail {
    /// Totals behind the last whole record.
    end: Option<Totals>,
    /// The header of a record whose body is cut off.
    torn: Option<Header>,
    cut: bool,
}

/// Walks the headers of a lane's last segment and cuts off what is behind the last whole record.
fn cut_tail(storage: &dyn Storage, last: &mut Segment) -> io::Result<Tail> {
    let file = storage.open(&last.path, false)?;
    let (at, end) = walk(&*file, last.end)?;
    let torn = any_header_at(&*file, at, last.end)?;
    let cut = at < last.end;
    if cut {
        file.set_len(at)?;
        last.end = at;
    }
    // a process that was killed may have left it to the kernel: it counts as durable once the first fsync is through
    last.dirty = true;
    last.file = Some(file);
    Ok(Tail { end, torn, cut })
}

fn walk(file: &dyn SegmentFile, len: u64) -> io::Result<(u64, Option<Totals>)> {
    let (mut at, mut end) = (0, None);
    while let Some((place, header)) = next_header(file, at, len)? {
        at = place + header.size();
        end = Some(header.end());
    }
    Ok((at, end))
}
