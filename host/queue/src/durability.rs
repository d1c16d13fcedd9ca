//! How a lane's records and cursor become durable, and what is done when they do not.
//!
//! Only the queue's own thread comes here, so there is one fsync of a lane at a time; appends and reads go on meanwhile.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cursor::{Cursor, Position};
use crate::lane::{Context, Lane, State};
use crate::queue::OnDurable;
use crate::segment::Segment;
use crate::storage::SegmentFile;

/// A cursor that is only in the page cache survives a crash of the process; a power cut repeats at most this much.
const CURSOR_SYNC_INTERVAL: Duration = Duration::from_secs(10);

impl Lane {
    /// Fsyncs what was appended, and calls those who wait for it. After a failure nothing is called: the records are
    /// written again to a new segment, since a later fsync of the same pages proves nothing, and that is fsynced next
    /// time.
    pub(crate) fn sync(&self, context: &Context) -> io::Result<()> {
        let mut state = self.lock();
        if state.failed {
            state.write_again(context, &self.dir)?;
        }
        let files: Vec<(u64, u64, Arc<dyn SegmentFile>)> = state
            .segments
            .iter()
            .filter(|segment| segment.dirty)
            .filter_map(|segment| Some((segment.index, segment.end, segment.file.clone()?)))
            .collect();
        let (end, dir_dirty, next_index) = (state.end, state.dir_dirty, state.next_index);
        if files.is_empty() && !dir_dirty {
            return Ok(());
        }
        drop(state);

        let mut result = files.iter().try_for_each(|(_, _, file)| file.sync());
        if result.is_ok() && dir_dirty {
            result = context.storage.sync_dir(&self.dir);
        }

        let mut state = self.lock();
        if let Err(error) = result {
            context.account.sync_failed();
            state.failed = true;
            return Err(error);
        }
        // a segment may have been begun meanwhile
        state.dir_dirty = state.next_index != next_index;
        for (index, end, _) in files {
            if let Some(segment) = state.segments.get_mut(index).filter(|segment| segment.end == end) {
                segment.dirty = false;
            }
        }
        state.durable = state.durable.max(end);
        let calls = state.release(context, end.seq);
        drop(state);
        for call in calls {
            call();
        }
        Ok(())
    }

    /// Writes the cursor if it moved, and removes the segments it has left behind: their names go only after the
    /// cursor that does not need them is durable.
    pub(crate) fn save_cursor(&self, context: &Context, now: bool) -> io::Result<()> {
        let mut state = self.lock();
        let cursor = state.cursor_now();
        let last = state.segments.last().map(|last| last.index);
        let left = |segment: &Segment| {
            segment.index < cursor.read.segment
                && Some(segment.index) != last
                && cursor.flight.is_none_or(|(flight, _)| flight.segment != segment.index)
        };
        let leaving: Vec<u64> = state.segments.iter().filter(|s| left(s)).map(|s| s.index).collect();
        if state.cursor_dirty || now {
            state.cursor.write(&cursor)?;
            state.cursor_dirty = false;
        }
        if leaving.is_empty() && !now && state.cursor_synced.elapsed() < CURSOR_SYNC_INTERVAL {
            return Ok(());
        }
        let file = state.cursor.file();
        let paths: Vec<PathBuf> =
            state.segments.iter().filter(|s| leaving.contains(&s.index)).map(|s| s.path.clone()).collect();
        drop(state);
        if let Err(error) = file.sync() {
            // a later fsync of the same bytes proves nothing: they are written once more
            self.lock().cursor_dirty = true;
            return Err(error);
        }
        let (mut gone, mut result) = (Vec::new(), Ok(()));
        for (index, path) in leaving.iter().zip(paths) {
            match context.storage.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => result = result.and(Err(error)),
                _ => gone.push(*index),
            }
        }
        let mut state = self.lock();
        state.cursor_synced = Instant::now();
        // one that could not be removed is tried again in the next round
        state.segments.take(|segment| gone.contains(&segment.index));
        result
    }

    /// Whether nothing is left in the lane.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.flight.is_empty() && state.read.at.seq >= state.end.seq
    }
}

impl State {
    /// What the cursor should say.
    pub(crate) fn cursor_now(&self) -> Cursor {
        Cursor {
            // of several in flight all but the first count as not read: a crash repeats them
            read: self.flight.get(1).map_or(self.read, |(position, _)| *position),
            flight: self.flight.front().map(|(position, header)| (*position, header.meta.entries)),
            durable: self.durable,
            maybe_old: false,
        }
    }

    /// Lets go of what is durable, up to a record's number.
    fn release(&mut self, context: &Context, seq: u64) -> Vec<OnDurable> {
        let mut calls = Vec::new();
        let mut bytes = 0;
        while let Some(record) = self.unsynced.pop_front_if(|record| record.header.seq < seq) {
            bytes += record.header.size();
            calls.extend(record.on_durable);
        }
        context.account.synced(bytes);
        calls
    }

    /// Writes the unsynced records to a new segment. Until that succeeds nothing changes: they are read from memory,
    /// and the lane takes no others.
    fn write_again(&mut self, context: &Context, dir: &Path) -> io::Result<()> {
        let Some((old, cut)) = self.unsynced.front().map(|first| (first.segment, first.offset)) else {
            // only what a former process left, or a directory's names: there is nothing better than to fsync again
            self.failed = false;
            self.dir_dirty = true;
            return Ok(());
        };
        self.begin_segment(context, dir)?;
        let (index, mut end) = match self.copy_to_last() {
            Ok(written) => written,
            Err(error) => {
                if let Some(segment) = self.segments.take_last() {
                    let _ = context.storage.remove(&segment.path);
                }
                return Err(error);
            }
        };
        // the new segment counts from its first record on; cutting the old ones only spares the next opening work
        for segment in self.segments.take(|segment| segment.index > old && segment.index < index) {
            let _ = context.storage.remove(&segment.path);
        }
        if let Some(segment) = self.segments.get_mut(old) {
            if let Some(file) = &segment.file {
                let _ = file.set_len(cut);
            }
            segment.end = cut;
            segment.dirty = false;
        }
        end = end.max(self.relocate(index));
        if self.read.at.seq == self.end.seq {
            self.read = Position { at: self.read.at, segment: index, offset: end };
        }
        self.cursor_dirty = true;
        self.failed = false;
        Ok(())
    }

    /// Copies every unsynced record to the segment just begun.
    fn copy_to_last(&mut self) -> io::Result<(u64, u64)> {
        let first = self.unsynced.front().map(|record| record.header.seq);
        let Some(last) = self.segments.last_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        let Some(file) = &last.file else { return Err(io::ErrorKind::NotFound.into()) };
        for record in &self.unsynced {
            file.write(last.end, &record.header.encode(), &record.body)?;
            last.end += record.header.size();
        }
        last.first = first;
        Ok((last.index, last.end))
    }

    /// Tells everybody where the copied records are; returns the end of the last one.
    fn relocate(&mut self, index: u64) -> u64 {
        let mut offset = 0;
        for record in &mut self.unsynced {
            (record.segment, record.offset) = (index, offset);
            if self.read.at.seq == record.header.seq {
                self.read = Position { at: self.read.at, segment: index, offset };
            }
            let in_flight = self.flight.iter_mut().find(|(_, header)| header.seq == record.header.seq);
            if let Some((position, _)) = in_flight {
                *position = Position { at: position.at, segment: index, offset };
            }
            offset += record.header.size();
        }
        offset
    }
}
