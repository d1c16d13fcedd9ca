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
use crate::storage::{Mode, SegmentFile, Storage};

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
    let files = segment::list(storage, lane)?;
    let next_index = files.last().map_or(0, |(index, _)| *index).max(cursor.map_or(0, |c| c.read.segment)) + 1;
    let mut rubbish = None;
    for (index, path) in files {
        let file = storage.open(&path, Mode::Write)?;
        let end = file.len()?;
        let first = match next_header(&*file, 0, end) {
            Ok(Some((_, header))) => Some(header.seq),
            Ok(None) => {
                if end > 0 {
                    let torn = any_header_at(&*file, 0, end)?;
                    rubbish = Some(Tail { end: None, torn, cut: true });
                }
                storage.remove(&path)?;
                continue;
            }
            // a bad sector keeps nobody from starting: the reader will find out what it costs
            Err(error) if is_bad_sector(&error) => None,
            Err(error) => return Err(error),
        };
        rubbish = None;
        segments.push(Segment { index, path, first, end, dirty: false, file: None });
    }
    let mut tail = find_tail(storage, &mut segments)?;
    if let Some(rubbish) = rubbish {
        // a segment was begun, and not one record got into it whole
        tail = Tail { end: tail.end, torn: rubbish.torn.or(tail.torn), cut: true };
    }
    if tail.cut {
        account.torn_tail();
    }

    let mut read = cursor.map_or_else(|| oldest(storage, &mut segments), |cursor| Ok(start(&cursor)))?;
    let maybe_old = cursor.is_some_and(|cursor| cursor.maybe_old);
    if maybe_old && segments.first().is_some_and(|first| first.index > read.segment) {
        // segments go only once a newer cursor is past them: what lay before the oldest is done with
        let found = oldest(storage, &mut segments)?;
        read = if found.at.seq > read.at.seq { found } else { read };
    }
    let end = tail.end.unwrap_or(Totals::START).max(read.at);
    let flight = match cursor.and_then(|cursor| cursor.flight.filter(|flight| flight.0.at.seq + 1 < cursor.read.at.seq))
    {
        Some((position, entries)) => {
            let found = restore_flight(storage, &mut segments, position)?;
            if found.is_none() && !maybe_old {
                let lost = Volume { records: 1, entries: entries.into(), bytes: 0 };
                account.recovered_lost(DropReason::QueueCorrupt, lost);
            }
            found
        }
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
pub(crate) fn start(cursor: &Cursor) -> Position {
    match cursor.flight {
        Some((position, _)) if position.at.seq + 1 == cursor.read.at.seq => position,
        _ => cursor.read,
    }
}

/// Without a cursor everything is read again.
fn oldest(storage: &dyn Storage, segments: &mut Segments) -> io::Result<Position> {
    let beginning = Position { at: Totals::START, segment: 1, offset: 0 };
    let found: Vec<(u64, u64)> = segments.iter().map(|segment| (segment.index, segment.end)).collect();
    if found.first().is_none_or(|(index, _)| *index == 1) {
        return Ok(beginning);
    }
    for (index, end) in found {
        let file = segments.open(storage, index)?;
        match next_header(&*file, 0, end) {
            Ok(Some((offset, header))) => {
                let at = Totals { seq: header.seq, entries: header.entries_before };
                return Ok(Position { at, segment: index, offset });
            }
            Err(error) if !is_bad_sector(&error) => return Err(error),
            // how much was in it nobody can say
            Ok(None) | Err(_) => tracing::error!(segment = index, "queue segment cannot be read and is left out"),
        }
    }
    Ok(beginning)
}

fn restore_flight(
    storage: &dyn Storage,
    segments: &mut Segments,
    position: Position,
) -> io::Result<Option<(Position, Header)>> {
    let Some(end) = segments.get_mut(position.segment).map(|segment| segment.end) else { return Ok(None) };
    let file = segments.open(storage, position.segment)?;
    let header = match header_at(&*file, position.offset, end) {
        Err(error) if is_bad_sector(&error) => None,
        other => other?,
    };
    Ok(header.filter(|header| header.seq == position.at.seq).map(|header| (position, header)))
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

/// Where a lane ends. A last segment that cannot be read says nothing: then the one before it does.
fn find_tail(storage: &dyn Storage, segments: &mut Segments) -> io::Result<Tail> {
    for (behind, segment) in segments.iter_mut().rev().enumerate() {
        match cut_tail(storage, segment, behind == 0) {
            Err(error) if is_bad_sector(&error) => {
                tracing::error!(path = %segment.path.display(), %error, "queue segment cannot be read");
            }
            other => return other,
        }
    }
    Ok(Tail::default())
}

/// Whether the disk cannot read what it holds.
fn is_bad_sector(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EIO)
}

/// Walks the headers of a segment and, if it is its lane's last, cuts off what is behind the last whole record.
fn cut_tail(storage: &dyn Storage, segment: &mut Segment, is_last: bool) -> io::Result<Tail> {
    let file = storage.open(&segment.path, Mode::Write)?;
    let (at, end) = walk(&*file, segment.end)?;
    if !is_last {
        return Ok(Tail { end, torn: None, cut: false });
    }
    let torn = any_header_at(&*file, at, segment.end)?;
    let cut = at < segment.end;
    if cut {
        file.set_len(at)?;
        segment.end = at;
    }
    // a process that was killed may have left it to the kernel: it counts as durable once the first fsync is through
    segment.dirty = true;
    segment.file = Some(file);
    Ok(Tail { end, torn, cut })
}

pub(crate) fn walk(file: &dyn SegmentFile, len: u64) -> io::Result<(u64, Option<Totals>)> {
    let (mut at, mut end) = (0, None);
    while let Some((place, header)) = next_header(file, at, len)? {
        at = place + header.size();
        end = Some(header.end());
    }
    Ok((at, end))
}
