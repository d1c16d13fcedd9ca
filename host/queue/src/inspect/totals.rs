//! A lane's totals from its two ends.

use std::io;
use std::path::{Path, PathBuf};

use super::{Cursor, Lane, Segment};
use crate::cursor::{self, CursorFile, Position};
use crate::format::{Totals, header_at, next_header};
use crate::recover::{start, walk};
use crate::segment;
use crate::stats::Volume;
use crate::storage::{Mode, Storage};

/// Where reading begins in a lane, and the record in flight where records behind it were dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) read: Position,
    pub(super) flight: Option<(Position, u32)>,
    pub(super) cursor: Option<cursor::Cursor>,
    /// `read` says where; otherwise the first good header does.
    pub(super) is_known: bool,
}

impl Start {
    /// Asks the cursor; `files` are the lane's segments. The same as opening the queue would find.
    pub(super) fn of(storage: &dyn Storage, lane: &Path, files: &[(u64, PathBuf)]) -> io::Result<Self> {
        let cursor = CursorFile::peek(storage, lane)?;
        let first = files.first().map(|(index, _)| *index);
        let beginning = Position { at: Totals::START, segment: 0, offset: 0 };
        let read = cursor.as_ref().map_or(beginning, start);
        let is_old = cursor.is_some_and(|cursor| cursor.maybe_old) && first.is_some_and(|first| first > read.segment);
        if is_old {
            // what lay before the oldest segment is done with, whatever the cursor says
            let oldest = oldest(storage, files).filter(|oldest| oldest.at.seq > read.at.seq);
            return Ok(Self { read: oldest.unwrap_or(read), flight: None, cursor, is_known: true });
        }
        let flight = cursor.and_then(|cursor| cursor.flight).filter(|(flight, _)| flight.at.seq < read.at.seq);
        Ok(Self { read, flight, cursor, is_known: cursor.is_some() || first.is_none_or(|first| first == 1) })
    }

    /// The cursor as it is shown.
    pub(super) fn shown(&self) -> Option<Cursor> {
        self.cursor.map(|cursor| Cursor {
            seq: cursor.read.at.seq,
            segment: cursor.read.segment,
            offset: cursor.read.offset,
            in_flight: cursor.flight.map(|(flight, _)| flight.at.seq),
            durable: cursor.durable.seq,
        })
    }
}

/// The first good header.
fn oldest(storage: &dyn Storage, files: &[(u64, PathBuf)]) -> Option<Position> {
    files.iter().find_map(|(index, path)| {
        let file = storage.open(path, Mode::Read).ok()?;
        let (offset, header) = next_header(&*file, 0, file.len().ok()?).ok()??;
        let at = Totals { seq: header.seq, entries: header.entries_before };
        Some(Position { at, segment: *index, offset })
    })
}

/// See the [module](self).
pub(super) fn look(storage: &dyn Storage, lane: &Path) -> io::Result<Lane> {
    let files = segment::list(storage, lane)?;
    // behind the list, so that a segment that goes meanwhile lies before it
    let mut start = Start::of(storage, lane, &files)?;
    let (mut segments, mut oldest_ms, mut queued) = (Vec::new(), None, Volume::default());
    let mut found = Vec::new();
    for (index, path) in files {
        let Ok(file) = storage.open(&path, Mode::Read) else { continue };
        let bytes = file.len()?;
        segments.push(Segment { index, path, bytes, ..Segment::default() });
        found.push((index, bytes, file));
    }
    if let Some((position, entries)) = start.flight
        && let Some((_, bytes, file)) = found.iter().find(|(index, ..)| *index == position.segment)
        && let Ok(Some(header)) = header_at(&**file, position.offset, *bytes)
    {
        oldest_ms = Some(header.appended_ms);
        queued += Volume { records: 1, entries: entries.into(), bytes: header.size() };
    }
    for (index, bytes, file) in &found {
        let from = match index.cmp(&start.read.segment) {
            std::cmp::Ordering::Less => continue,
            std::cmp::Ordering::Equal => start.read.offset,
            std::cmp::Ordering::Greater => 0,
        };
        queued.bytes += bytes.saturating_sub(from);
        if oldest_ms.is_none() || !start.is_known {
            let Ok(Some((_, header))) = next_header(&**file, from, *bytes) else { continue };
            oldest_ms = oldest_ms.or(Some(header.appended_ms));
            if !start.is_known {
                start.read.at = Totals { seq: header.seq, entries: header.entries_before };
                start.read.segment = *index;
                break;
            }
        }
    }
    if !start.is_known {
        queued.bytes = found.iter().map(|(_, bytes, _)| *bytes).sum();
    }
    let end = found.iter().rev().find_map(|(_, bytes, file)| walk(&**file, *bytes).ok()?.1);
    let left = end.unwrap_or(Totals::START).max(start.read.at).since(start.read.at);
    queued += left;
    if queued.records == 0 {
        (queued.bytes, oldest_ms) = (0, None);
    }
    Ok(Lane { cursor: start.shown(), queued, oldest_ms, segments, ..Lane::default() })
}
