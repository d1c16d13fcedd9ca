//! One lane: its segments, and the places in them where it is written and read.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use crate::account::{Account, From};
use crate::cursor::{CursorFile, Position};
use crate::floor::Floor;
use crate::format::{HEADER_BYTES, Header, Totals, next_header};
use crate::queue::OnDurable;
use crate::recover::recover;
use crate::segment::{self, Segment, Segments};
use crate::stats::{DropReason, Volume};
use crate::storage::{Mode, SegmentFile, Storage};

/// Whether an error says that there is no space, which may come back.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What the lanes of a queue share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) storage: Box<dyn Storage>,
    pub(crate) account: Account,
    pub(crate) floor: Floor,
    pub(crate) segment_limit: u64,
}

/// No record.
const NEVER: i64 = i64::MAX;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) dir: PathBuf,
    state: Mutex<State>,
    /// When the oldest record not yet read was appended; [`NEVER`] without one.
    head_ms: AtomicI64,
    /// When the first record in flight was appended; [`NEVER`] without one.
    flight_ms: AtomicI64,
}

/// A record that no fsync has covered; its body stays in memory, for a failed fsync may lose the written one.
pub(crate) struct Unsynced {
    pub(crate) header: Header,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) body: Bytes,
    pub(crate) on_durable: Option<OnDurable>,
}

/// What a lane's lock guards.
pub(crate) struct State {
    pub(crate) segments: Segments,
    pub(crate) cursor: CursorFile,
    pub(crate) read: Position,
    /// Records in flight, in order; what `take` gives is the first.
    pub(crate) flight: VecDeque<(Position, Header)>,
    /// Totals behind the last record.
    pub(crate) end: Totals,
    /// Totals behind the last record that is durable.
    pub(crate) durable: Totals,
    /// Records from `durable` on, without a gap.
    pub(crate) unsynced: VecDeque<Unsynced>,
    pub(crate) next_index: u64,
    /// A segment was begun whose name is not durable yet.
    pub(crate) dir_dirty: bool,
    pub(crate) cursor_dirty: bool,
    pub(crate) cursor_synced: Instant,
    /// An fsync failed, and the unsynced records are not written again yet.
    pub(crate) failed: bool,
    /// The header at `read`, once it was looked at.
    head: Option<Header>,
    /// Bytes on disk from `read` to the end.
    bytes: u64,
}

/// The body of a record in flight, or where it is.
pub(crate) enum Source {
    Memory(Bytes),
    Disk(Arc<dyn SegmentFile>, u64),
}

/// A record in flight.
pub(crate) struct Taken {
    pub(crate) header: Header,
    pub(crate) source: Source,
}

impl Lane {
    pub(crate) fn open(dir: PathBuf, context: &Context) -> io::Result<Self> {
        let found = recover(&*context.storage, &dir, &context.account)?;
        let lane = Self {
            dir,
            state: Mutex::new(State {
                segments: found.segments,
                cursor: found.cursor,
                read: found.read,
                flight: found.flight.into_iter().collect(),
                end: found.end,
                durable: found.end,
                unsynced: VecDeque::new(),
                next_index: found.next_index,
                dir_dirty: true,
                cursor_dirty: true,
                cursor_synced: Instant::now(),
                failed: false,
                head: None,
                bytes: found.bytes,
            }),
            head_ms: AtomicI64::new(NEVER),
            flight_ms: AtomicI64::new(NEVER),
        };
        lane.publish(&mut lane.lock(), context);
        Ok(lane)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a record whose room is reserved. `header` lacks its totals, which are given here.
    pub(crate) fn append(
        &self,
        context: &Context,
        mut header: Header,
        body: &Bytes,
        on_durable: &mut Option<OnDurable>,
    ) -> io::Result<u64> {
        let mut state = self.lock();
        if state.failed {
            return Err(io::Error::other("records that an fsync lost are not written again yet"));
        }
        header.seq = state.end.seq;
        header.entries_before = state.end.entries;
        let (segment, offset) = state.write(context, &self.dir, &header, body)?;
        state.unsynced.push_back(Unsynced {
            header,
            segment,
            offset,
            body: body.clone(),
            on_durable: on_durable.take(),
        });
        context.account.unsynced(header.size());
        if state.read.at.seq == header.seq {
            state.read = Position { at: state.read.at, segment, offset };
            state.head = Some(header);
            self.head_ms.store(header.appended_ms, Ordering::Relaxed);
        }
        state.end = header.end();
        state.bytes += header.size();
        Ok(header.seq)
    }

    /// The record in flight; if there is none, the next one becomes it.
    pub(crate) fn take(&self, context: &Context) -> io::Result<Option<Taken>> {
        let mut state = self.lock();
        if state.flight.is_empty() && !self.launch(&mut state, context)? {
            return Ok(None);
        }
        state.flying(context, 0)
    }

    /// The record behind the first `held` in flight, if there is one and it is wanted; it is in flight then, too.
    pub(crate) fn take_another(
        &self,
        context: &Context,
        held: usize,
        wanted: impl FnOnce(&Header) -> bool,
    ) -> io::Result<Option<Taken>> {
        let mut state = self.lock();
        // a reader before this one may have left it in flight
        let next = match state.flight.get(held) {
            Some((_, header)) => Some(*header),
            None => state.head(context)?,
        };
        if !next.is_some_and(|header| wanted(&header)) {
            return Ok(None);
        }
        if state.flight.len() <= held && !self.launch(&mut state, context)? {
            return Ok(None);
        }
        state.flying(context, held)
    }

    /// Puts all but the first record in flight back, and says how many are left: where something between two of them was
    /// dropped and counted, those up to there.
    pub(crate) fn put_back(&self, context: &Context) -> usize {
        let mut state = self.lock();
        let read = state.read.at;
        while state.flight.len() > 1
            && let Some(&(position, header)) = state.flight.back()
            && header.end() == state.read.at
        {
            state.flight.pop_back();
            context.account.returned(header.volume());
            state.read = position;
            state.bytes += header.size();
        }
        if state.read.at != read {
            state.head = None;
            state.cursor_dirty = true;
            self.publish(&mut state, context);
        }
        state.flight.len()
    }

    /// Puts the next record in flight, behind those that are.
    fn launch(&self, state: &mut State, context: &Context) -> io::Result<bool> {
        let Some(taken) = state.pass(context)? else { return Ok(false) };
        context.account.taken(taken.1.volume());
        state.flight.push_back(taken);
        state.cursor_dirty = true;
        self.publish(state, context);
        Ok(true)
    }

    /// Settles a record in flight: `Err` counts it as dropped. False when `seq` is not in flight.
    pub(crate) fn settle(&self, context: &Context, seq: u64, outcome: Result<(), DropReason>) -> bool {
        let mut state = self.lock();
        let Some(at) = state.flight.iter().position(|(_, header)| header.seq == seq) else { return false };
        let Some((_, header)) = state.flight.remove(at) else { return false };
        state.cursor_dirty = true;
        if state.flight.is_empty() {
            // Once a request, and to the page cache alone: a killed process then repeats what was under way and no more.
            // What cannot be written now is tried again, and complained of, in the next round.
            let cursor = state.cursor_now();
            state.cursor_dirty = state.cursor.write(&cursor).is_err();
        }
        match outcome {
            Ok(()) => context.account.committed(header.volume()),
            Err(reason) => context.account.dropped(reason, header.volume(), From::InFlight),
        }
        let on_durable = state.unsynced(seq).and_then(|record| record.on_durable.take());
        self.publish(&mut state, context);
        drop(state);
        if let Some(call) = on_durable {
            call();
        }
        true
    }

    /// The number of the first record in flight.
    pub(crate) fn in_flight(&self) -> Option<u64> {
        self.lock().flight.front().map(|(_, header)| header.seq)
    }

    /// Drops the oldest record that is not in flight, if it was appended before `before_ms`.
    pub(crate) fn drop_head(&self, context: &Context, reason: DropReason, before_ms: i64) -> Option<Volume> {
        let mut state = self.lock();
        let head = state.head(context).ok().flatten();
        if head.is_none_or(|head| head.appended_ms >= before_ms) {
            self.publish(&mut state, context);
            return None;
        }
        let (_, header) = state.pass(context).ok().flatten()?;
        state.cursor_dirty = true;
        context.account.dropped(reason, header.volume(), From::Queued);
        let on_durable = state.unsynced(header.seq).and_then(|record| record.on_durable.take());
        self.publish(&mut state, context);
        drop(state);
        if let Some(call) = on_durable {
            call();
        }
        Some(header.volume())
    }

    /// Gives the rest of a segment up whose headers cannot be read: the next one's totals say what was lost.
    pub(crate) fn skip_unreadable(&self, context: &Context) {
        let mut state = self.lock();
        if state.head(context).is_err() {
            if let Some(index) = state.segments.after(state.read.segment).map(|segment| segment.index) {
                (state.read.segment, state.read.offset) = (index, 0);
            } else {
                let end = state.end;
                state.lose(context, end, u64::MAX);
            }
        }
        self.publish(&mut state, context);
    }

    /// When the oldest record that may be dropped was appended.
    pub(crate) fn head_ms(&self) -> Option<i64> {
        Some(self.head_ms.load(Ordering::Relaxed)).filter(|ms| *ms != NEVER)
    }

    /// Whether a record is in flight.
    pub(crate) fn has_flight(&self) -> bool {
        self.flight_ms.load(Ordering::Relaxed) != NEVER
    }

    /// When the oldest record, in flight or not, was appended.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        let flight = self.flight_ms.load(Ordering::Relaxed);
        Some(if flight == NEVER { self.head_ms.load(Ordering::Relaxed) } else { flight }).filter(|ms| *ms != NEVER)
    }

    /// Looks at the new head. When that cannot be read now, it stands as the oldest of all, so that somebody tries.
    fn publish(&self, state: &mut State, context: &Context) {
        let head = match state.head(context) {
            Ok(head) => head.map_or(NEVER, |head| head.appended_ms),
            Err(_) => i64::MIN,
        };
        self.head_ms.store(head, Ordering::Relaxed);
        let flight = state.flight.front().map_or(NEVER, |(_, header)| header.appended_ms);
        self.flight_ms.store(flight, Ordering::Relaxed);
    }
}

impl State {
    /// The record of that place among those in flight, and where its body is.
    fn flying(&mut self, context: &Context, place: usize) -> io::Result<Option<Taken>> {
        let Some(&(position, header)) = self.flight.get(place) else { return Ok(None) };
        let source = match self.unsynced(header.seq) {
            Some(record) => Source::Memory(record.body.clone()),
            None => Source::Disk(
                self.segments.open(&*context.storage, position.segment)?,
                position.offset + HEADER_BYTES as u64,
            ),
        };
        Ok(Some(Taken { header, source }))
    }

    /// The unsynced record with that number.
    pub(crate) fn unsynced(&mut self, seq: u64) -> Option<&mut Unsynced> {
        let first = self.unsynced.front()?.header.seq;
        self.unsynced.get_mut(usize::try_from(seq.checked_sub(first)?).ok()?)
    }

    /// Writes behind the last record, in a new segment if the last one is full or has failed.
    pub(crate) fn write(
        &mut self,
        context: &Context,
        dir: &Path,
        header: &Header,
        body: &Bytes,
    ) -> io::Result<(u64, u64)> {
        let full = |last: &Segment| last.end > 0 && last.end + header.size() > context.segment_limit;
        // a number was skipped when the last one failed
        let usable = |last: &Segment| last.index + 1 == self.next_index && last.file.is_some() && !full(last);
        if !self.segments.last().is_some_and(usable) {
            self.begin_segment(context, dir)?;
        }
        let Some(last) = self.segments.last_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        let Some(file) = &last.file else { return Err(io::ErrorKind::NotFound.into()) };
        if let Err(error) = file.write(last.end, &header.encode(), body) {
            // what is left of it would be cut off at the next opening too
            let _ = file.set_len(last.end);
            if !is_disk_full(&error) {
                // whatever is wrong with this file, the next record tries another
                self.next_index += 1;
            }
            return Err(error);
        }
        let offset = last.end;
        last.first.get_or_insert(header.seq);
        last.end += header.size();
        last.dirty = true;
        Ok((last.index, offset))
    }

    /// Begins a new segment.
    pub(crate) fn begin_segment(&mut self, context: &Context, dir: &Path) -> io::Result<()> {
        let index = self.next_index;
        let path = segment::path(dir, index);
        let file = match context.storage.open(&path, Mode::Create) {
            // a leftover of an attempt that failed
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                context.storage.remove(&path)?;
                context.storage.open(&path, Mode::Create)?
            }
            other => other?,
        };
        self.next_index += 1;
        self.dir_dirty = true;
        self.segments.push(Segment { index, path, first: None, end: 0, dirty: true, file: Some(file) });
        Ok(())
    }

    /// Steps over the next record, and returns it with where it stood.
    fn pass(&mut self, context: &Context) -> io::Result<Option<(Position, Header)>> {
        let Some(header) = self.head(context)? else { return Ok(None) };
        let position = self.read;
        self.head = None;
        self.read.at = header.end();
        self.read.offset += header.size();
        self.bytes = self.bytes.saturating_sub(header.size());
        Ok(Some((position, header)))
    }

    /// The header of the next record. Steps over what is damaged, and counts it by the totals around it.
    fn head(&mut self, context: &Context) -> io::Result<Option<Header>> {
        if self.head.is_some() {
            return Ok(self.head);
        }
        while self.read.at.seq < self.end.seq {
            if let Some(record) = self.unsynced(self.read.at.seq) {
                let (header, segment, offset) = (record.header, record.segment, record.offset);
                self.read = Position { at: self.read.at, segment, offset };
                self.head = Some(header);
                return Ok(self.head);
            }
            let Some((place, header)) = self.find(context)? else {
                match self.segments.after(self.read.segment).map(|segment| segment.index) {
                    Some(index) => (self.read.segment, self.read.offset) = (index, 0),
                    None => self.lose(context, self.end, 0),
                }
                continue;
            };
            let skipped = place.saturating_sub(self.read.offset);
            if header.seq < self.read.at.seq {
                // read before: the cursor was older than its lane
                self.read.offset = place + header.size();
                self.vanish(context, skipped + header.size());
                continue;
            }
            if header.seq > self.read.at.seq {
                self.lose(context, Totals { seq: header.seq, entries: header.entries_before }, skipped);
            } else {
                self.vanish(context, skipped);
            }
            self.read.offset = place;
            self.head = Some(header);
            return Ok(self.head);
        }
        self.vanish(context, self.bytes);
        Ok(None)
    }

    /// The next good header in the segment at `read`; `None` when the reading goes on in the next one.
    fn find(&mut self, context: &Context) -> io::Result<Option<(u64, Header)>> {
        let index = self.read.segment;
        let limit = self.segments.limit(index).min(self.end.seq);
        let Some(end) = self.segments.get_mut(index).map(|segment| segment.end) else { return Ok(None) };
        let mut found = None;
        if self.read.offset < end {
            let file = self.segments.open(&*context.storage, index)?;
            found = next_header(&*file, self.read.offset, end)?.filter(|(_, header)| header.seq < limit);
        }
        if found.is_none() {
            self.vanish(context, end.saturating_sub(self.read.offset));
        }
        Ok(found)
    }

    /// Everything up to `to` is not there.
    fn lose(&mut self, context: &Context, to: Totals, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        context.account.dropped(DropReason::QueueCorrupt, Volume { bytes, ..to.since(self.read.at) }, From::Queued);
        self.bytes -= bytes;
        self.read.at = to;
        self.cursor_dirty = true;
    }

    /// Bytes between here and the end that held no record of their own.
    fn vanish(&mut self, context: &Context, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        context.account.vanished(bytes);
        self.bytes -= bytes;
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("read", &self.read).field("end", &self.end).finish_non_exhaustive()
    }
}
