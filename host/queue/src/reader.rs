//! The sending side of a lane.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::generation::Generation;
use crate::lane::{Lane, Source, Taken};
use crate::queue::RecordMeta;
use crate::shared::Shared;
use crate::stats::DropReason;

/// A disk that fails to read is tried again after this long …
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// … and so many times before what it holds counts as damaged: a queue must not stand still for one bad sector.
const READ_ATTEMPTS: u32 = 5;

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

/// Reads one lane, one record in flight at a time unless it asks for [`another`](Self::another); see [`Queue::lane_reader`](crate::Queue::lane_reader).
pub struct LaneReader {
    shared: Arc<Shared>,
    index: usize,
    /// Where the records in flight came from.
    flight: Option<(Arc<Generation>, usize)>,
    /// How many records it was given and has not committed.
    held: usize,
}

impl LaneReader {
    pub(crate) fn new(shared: Arc<Shared>, index: usize) -> Self {
        Self { shared, index, flight: None, held: 0 }
    }

    /// The lane's oldest record; waits for one, and for the lane's turn among lanes with a backlog. Until it is
    /// committed, the same record comes again. `None` when the queue is closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<Record> {
        let mut failures = 0;
        loop {
            let (generation, index) = self.turn().await?;
            let Some(lane) = generation.lanes.get(index) else { continue };
            self.flight = Some((generation.clone(), index));
            match lane.take(&self.shared.context).and_then(|taken| self.read(lane, taken)) {
                Ok(Some(record)) => {
                    self.held = 1;
                    return Some(record);
                }
                Ok(None) => failures = 0,
                Err(error) => {
                    failures += 1;
                    tracing::warn!(dir = %lane.dir.display(), %error, failures, "queue cannot read a record");
                    if failures >= READ_ATTEMPTS && is_lasting(&error) {
                        self.give_up(lane);
                        failures = 0;
                    } else {
                        tokio::time::sleep(RETRY_AFTER).await;
                    }
                }
            }
        }
    }

    /// The record behind those in flight, which is then in flight as well; for a request that several records share.
    /// `None` when there is none now, when `wanted` does not want it, or when the lane would run ahead of others. Each
    /// is committed by itself, in order; a crash repeats those that were not, and so does [`next`](Self::next).
    ///
    /// `wanted` is given what was said of the record when it was appended, and the length of its body.
    pub fn another(&mut self, wanted: impl FnOnce(&RecordMeta, usize) -> bool) -> Option<Record> {
        let (generation, index) = self.flight.clone().filter(|_| self.held > 0)?;
        let lane = generation.lanes.get(index)?;
        if self.shared.context.account.is_closed() || !self.shared.head_in_turn(&generation, lane) {
            return None;
        }
        let context = &self.shared.context;
        let taken = lane.take_another(context, self.held, |header| wanted(&header.meta, header.len as usize));
        // what cannot be read now is tried again, and complained of, when its turn comes
        let record = taken.and_then(|taken| self.read(lane, taken)).ok().flatten()?;
        self.held += 1;
        Some(record)
    }

    /// Puts all but the first record in flight back into the queue, where its policy may drop them: a request failed, and
    /// whatever it held would be kept from making room. Says how many are still in flight: one, unless something between
    /// two of them was dropped meanwhile.
    pub fn put_back(&mut self) -> usize {
        if let Some((generation, index)) = &self.flight
            && let Some(lane) = generation.lanes.get(*index)
        {
            self.held = lane.put_back(&self.shared.context).min(self.held);
        }
        self.held
    }

    /// A record in flight is settled (delivered, or given up and counted by the caller) and will not come again,
    /// except after a crash. Another number than that of a record in flight changes nothing.
    pub fn commit(&mut self, seq: u64) {
        if let Some((generation, index)) = &self.flight
            && let Some(lane) = generation.lanes.get(*index)
            && lane.settle(&self.shared.context, seq, Ok(()))
        {
            self.held = self.held.saturating_sub(1);
            if self.held == 0 {
                self.flight = None;
            }
            self.shared.progress();
        }
    }

    /// Waits until there is something to read and it may be sent.
    async fn turn(&self) -> Option<(Arc<Generation>, usize)> {
        loop {
            if self.shared.context.account.is_closed() {
                return None;
            }
            if let Some(found) = self.in_turn() {
                return Some(found);
            }
            let held_back = self.shared.waits_for_others(self.index).then(|| self.shared.hold_back());
            if held_back.is_some() && (self.in_turn().is_some() || self.shared.context.account.is_closed()) {
                continue;
            }
            self.shared.changed(self.index).await;
        }
    }

    fn in_turn(&self) -> Option<(Arc<Generation>, usize)> {
        let (generation, index) = self.shared.readable(self.index)?;
        let lane = generation.lanes.get(index)?;
        self.shared.in_turn(&generation, lane).then_some((generation, index))
    }

    /// `None` when the record turned out to be damaged, or when somebody else dropped it.
    fn read(&self, lane: &Lane, taken: Option<Taken>) -> io::Result<Option<Record>> {
        let Some(Taken { header, source }) = taken else { return Ok(None) };
        let body = match source {
            Source::Memory(body) => body,
            Source::Disk(file, offset) => {
                let mut body = vec![0; header.len as usize];
                file.read(offset, &mut body)?;
                if crc32c::crc32c(&body) != header.body_crc {
                    tracing::error!(dir = %lane.dir.display(), seq = header.seq, "queued record is damaged");
                    lane.settle(&self.shared.context, header.seq, Err(DropReason::QueueCorrupt));
                    self.shared.progress();
                    return Ok(None);
                }
                Bytes::from(body)
            }
        };
        Ok(Some(Record { seq: header.seq, meta: header.meta, appended_ms: header.appended_ms, body }))
    }

    fn give_up(&self, lane: &Lane) {
        match lane.in_flight() {
            Some(seq) => {
                lane.settle(&self.shared.context, seq, Err(DropReason::QueueCorrupt));
            }
            None => lane.skip_unreadable(&self.shared.context),
        }
        self.shared.progress();
    }
}

/// Whether trying again will not help: a bad sector, a file that is gone or cut. Too many open files, say, will pass.
fn is_lasting(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EIO)
        || matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound)
}

impl fmt::Debug for LaneReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneReader").field("lane", &self.index).finish_non_exhaustive()
    }
}
