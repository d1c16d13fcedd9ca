//! A lane's headers, and its bodies, from beginning to end.

use std::io;
use std::path::Path;

use super::totals::Start;
use super::{Damage, DamageKind, Lane, Record, RecordState, Segment};
use crate::cursor::Position;
use crate::format::{HEADER_BYTES, Header, Totals, any_header_at, next_header};
use crate::segment;
use crate::stats::Volume;
use crate::storage::{Mode, SegmentFile, Storage};

/// See the [module](self).
pub(super) struct Walk<'a> {
    storage: &'a dyn Storage,
    dir: &'a Path,
    of: (u64, u16),
    bodies: bool,
    in_use: bool,
    lane: Lane,
    /// The totals behind the last record that is counted; `None` until the first one, where no cursor says.
    at: Option<Totals>,
    /// Where bytes began that hold no header, until the next header says what was there.
    gap: Option<Damage>,
    /// The last good header whose record is not there whole, with no record behind it.
    torn: Option<Header>,
    /// The record in flight was there.
    flight_seen: bool,
}

/// What a look at one segment needs.
struct Part<'a> {
    index: u64,
    file: &'a dyn SegmentFile,
    /// A record of this number or a later one counts where a later segment has it.
    limit: u64,
    start: Start,
}

impl<'a> Walk<'a> {
    pub(super) fn new(storage: &'a dyn Storage, dir: &'a Path, of: (u64, u16), bodies: bool, in_use: bool) -> Self {
        Self {
            storage,
            dir,
            of,
            bodies,
            in_use,
            lane: Lane::default(),
            at: None,
            gap: None,
            torn: None,
            flight_seen: false,
        }
    }

    pub(super) fn look(mut self, progress: &mut dyn FnMut(u64), visit: &mut dyn FnMut(&Record)) -> io::Result<Lane> {
        let files = segment::list(self.storage, self.dir)?;
        let mut start = Start::of(self.storage, self.dir, &files)?;
        self.at = start.is_known.then_some(start.read.at);
        let last = files.last().map(|(index, _)| *index);
        for (index, path) in &files {
            let file = match self.storage.open(path, Mode::Read) {
                // sent and removed since the list was made: go on where the sender stands now
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    start = Start::of(self.storage, self.dir, &files)?;
                    self.at = start.is_known.then_some(start.read.at).max(self.at);
                    continue;
                }
                other => other?,
            };
            let bytes = file.len()?;
            let limit = self.limit(&files, *index);
            let part = Part { index: *index, file: &*file, limit, start };
            self.lane.segments.push(Segment { index: *index, path: path.clone(), bytes, ..Segment::default() });
            let sent = match index.cmp(&start.read.segment) {
                std::cmp::Ordering::Less => bytes,
                std::cmp::Ordering::Equal => start.read.offset.min(bytes),
                std::cmp::Ordering::Greater => 0,
            };
            let mut at = self.part(&part, 0, sent, true, progress, visit)?;
            at = self.part(&part, at.max(sent), bytes, false, progress, visit)?;
            if at < bytes && *index >= start.read.segment {
                self.rest(&part, at, bytes)?;
            }
        }
        self.finish(&start, last.unwrap_or_default());
        self.lane.cursor = start.shown();
        Ok(self.lane)
    }

    /// The number at which a later segment takes over from `index`.
    fn limit(&self, files: &[(u64, std::path::PathBuf)], index: u64) -> u64 {
        let first = |path: &Path| {
            let file = self.storage.open(path, Mode::Read).ok()?;
            let end = file.len().ok()?;
            Some(next_header(&*file, 0, end).ok()??.1.seq)
        };
        files.iter().filter(|(later, _)| *later > index).find_map(|(_, path)| first(path)).unwrap_or(u64::MAX)
    }

    /// The records between two places of a segment; returns where the last one ends.
    fn part(
        &mut self,
        part: &Part<'_>,
        mut at: u64,
        end: u64,
        sent: bool,
        progress: &mut dyn FnMut(u64),
        visit: &mut dyn FnMut(&Record),
    ) -> io::Result<u64> {
        while at < end {
            let found = match next_header(part.file, at, end) {
                Err(error) if is_bad(&error) => return Ok(at),
                other => other?,
            };
            let Some((place, header)) = found.filter(|(_, header)| header.seq < part.limit) else { return Ok(at) };
            let flight = part.start.flight.is_some_and(|(flight, _)| flight.at.seq == header.seq);
            let mut state = match part.start.cursor.and_then(|cursor| cursor.flight) {
                Some((flight, _)) if flight.at.seq == header.seq => RecordState::InFlight,
                _ if sent => RecordState::Sent,
                _ => RecordState::Queued,
            };
            if !sent {
                self.step(part, at, place, &header);
            }
            if (!sent || flight) && self.bodies && !self.body_is_good(part, place, &header)? {
                state = RecordState::Damaged;
            }
            self.flight_seen |= flight;
            if !sent || flight {
                self.count(&header);
            }
            self.segment(&header);
            visit(&Record::new(self.of, part.index, place, &header, state));
            progress(place + header.size() - at);
            at = place + header.size();
        }
        Ok(at)
    }

    /// From the last counted record to one that is found: what lies between is lost.
    fn step(&mut self, part: &Part<'_>, at: u64, place: u64, header: &Header) {
        let here = Totals { seq: header.seq, entries: header.entries_before };
        let before = self.at.unwrap_or(here);
        let lost = here.since(before);
        let gap = self.gap.take().or_else(|| {
            let kind = if place > at { DamageKind::Header } else { DamageKind::Missing };
            (place > at || lost.records > 0).then_some(Damage {
                kind,
                segment: part.index,
                offset: at,
                bytes: place - at,
                seq: before.seq,
                lost,
            })
        });
        // leftovers of a write that failed cost nothing: the record is elsewhere
        if let Some(gap) = gap.filter(|gap| lost.records > 0 || gap.segment == part.index) {
            self.lost(Damage { seq: before.seq, lost, ..gap });
        }
        self.at = Some(header.end().max(before));
        self.torn = None;
    }

    /// The end of a segment, without a record in it.
    fn rest(&mut self, part: &Part<'_>, at: u64, end: u64) -> io::Result<()> {
        let seq = self.at.unwrap_or(Totals::START).seq;
        let (segment, bytes, lost) = (part.index, end - at, Volume::default());
        let here = Damage { kind: DamageKind::Header, segment, offset: at, bytes, seq, lost };
        match any_header_at(part.file, at, end) {
            Err(error) if is_bad(&error) => {
                self.gap.get_or_insert(Damage { kind: DamageKind::Unreadable, ..here });
            }
            Err(error) => return Err(error),
            // a good header that a later segment takes over from is no damage
            Ok(Some(header)) if header.seq >= part.limit => {}
            Ok(header) => {
                self.gap.get_or_insert(here);
                self.torn = header.filter(|header| header.seq >= seq).or(self.torn);
            }
        }
        Ok(())
    }

    /// The end of the lane: what the cursor says was durable and is not there, and a record that is not there whole.
    fn finish(&mut self, start: &Start, last: u64) {
        if let Some((flight, entries)) = start.flight.filter(|_| !self.flight_seen && !self.in_use) {
            let volume = Volume { records: 1, entries: entries.into(), bytes: 0 };
            let Position { at, segment, offset } = flight;
            self.lost(Damage { kind: DamageKind::Missing, segment, offset, bytes: 0, seq: at.seq, lost: volume });
        }
        let at = self.at.unwrap_or(Totals::START);
        let durable = start.cursor.map_or(at, |cursor| cursor.durable).max(at);
        let end = self.torn.map_or(durable, |header| header.end()).max(durable);
        // what a running process is writing is neither torn nor gone
        if self.in_use && durable == at || end == at && self.gap.is_none() {
            return;
        }
        let (offset, seq) = (self.lane.segments.last().map_or(0, |segment| segment.bytes), at.seq);
        let gap = self.gap.take();
        let kind = match gap {
            Some(gap) if durable == at && gap.kind == DamageKind::Header => DamageKind::TornTail,
            Some(gap) => gap.kind,
            None => DamageKind::Missing,
        };
        let there = gap.unwrap_or(Damage { kind, segment: last, offset, bytes: 0, seq, lost: Volume::default() });
        self.lost(Damage { kind, seq, lost: end.since(at), ..there });
    }

    fn lost(&mut self, damage: Damage) {
        self.lane.queued += Volume { bytes: damage.bytes, ..damage.lost };
        self.lane.damage.push(damage);
    }

    fn count(&mut self, header: &Header) {
        self.lane.queued += header.volume();
        self.lane.oldest_ms = self.lane.oldest_ms.into_iter().chain([header.appended_ms]).min();
    }

    fn segment(&mut self, header: &Header) {
        let Some(segment) = self.lane.segments.last_mut() else { return };
        segment.records += 1;
        segment.entries += u64::from(header.meta.entries);
        segment.range = Some((segment.range.map_or(header.seq, |range| range.0), header.seq));
        segment.appended_ms =
            Some((segment.appended_ms.map_or(header.appended_ms, |range| range.0), header.appended_ms));
    }

    fn body_is_good(&mut self, part: &Part<'_>, place: u64, header: &Header) -> io::Result<bool> {
        let mut body = vec![0; header.len as usize];
        let kind = match part.file.read(place + HEADER_BYTES as u64, &mut body) {
            Ok(()) if crc32c::crc32c(&body) == header.body_crc => return Ok(true),
            Ok(()) => DamageKind::Body,
            Err(error) if is_bad(&error) => DamageKind::Unreadable,
            Err(error) => return Err(error),
        };
        let bytes = header.size();
        let lost = Volume { bytes: 0, ..header.volume() };
        self.lane.damage.push(Damage { kind, segment: part.index, offset: place, bytes, seq: header.seq, lost });
        Ok(false)
    }
}

fn is_bad(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EIO)
}
