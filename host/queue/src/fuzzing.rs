//! Opens a queue in a directory that holds anything at all: what the fuzzer in `fuzz/` and the tests drive.

use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use crate::cursor::{Cursor, Position, encode};
use crate::format::{Header, Totals};
use crate::inspect::{Depth, inspect_on};
use crate::simulated::{Simulated, Tree};
use crate::{LaneReader, OpenError, Queue, Record, RecordMeta, Settings, Stats, WhenFull};

/// Bytes that are taken one after the other; zeros when they are used up.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Mostly a small number, at times any.
    fn number(&mut self) -> u64 {
        match self.byte() {
            0xff => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
            small => u64::from(small) % 16,
        }
    }

    fn position(&mut self) -> Position {
        let at = Totals { seq: self.number(), entries: self.number() };
        Position { at, segment: self.number(), offset: self.number().wrapping_mul(16) }
    }

    /// A part of a file: rubbish, or what is well-formed and says what it likes.
    fn part(&mut self, content: &mut Vec<u8>) {
        let kind = self.byte();
        match kind % 4 {
            0 => {
                let count = usize::from(self.byte());
                content.extend_from_slice(self.bytes(count));
            }
            1 => content.resize(content.len() + usize::from(self.byte()), 0),
            2 => {
                let count = usize::from(self.byte() % 64);
                let body = self.bytes(count).to_vec();
                let header = Header {
                    seq: self.number(),
                    entries_before: self.number(),
                    // a body that goes on behind the end, now and then
                    len: if kind == 0xfe { self.number() as u32 } else { body.len() as u32 },
                    meta: RecordMeta { entries: self.number() as u32, ..RecordMeta::default() },
                    appended_ms: self.number() as i64,
                    body_crc: crc32c::crc32c(&body) ^ u32::from(kind == 0xfa),
                };
                content.extend_from_slice(&header.encode());
                content.extend_from_slice(&body);
            }
            _ => {
                let read = self.position();
                let flight = (self.byte() % 2 == 1).then(|| (self.position(), self.number() as u32));
                let durable = Totals { seq: self.number(), entries: self.number() };
                content.extend_from_slice(&encode(self.number(), &Cursor { read, flight, durable, maybe_old: false }));
                if kind % 8 == 3 {
                    // where the other slot is
                    content.resize(4096, 0);
                }
            }
        }
    }

    fn tree(&mut self, dir: &Path) -> Tree {
        let mut tree = Tree::default();
        tree.dirs.extend(dir.ancestors().map(Path::to_owned));
        while !self.0.is_empty() {
            let generation = dir.join(format!("gen-{:08}", 1 + self.byte() % 2));
            let lane = generation.join(format!("lane-{:02}", self.byte() % 3));
            let path = match self.byte() % 8 {
                0 => lane.join("cursor"),
                1 => generation.join("queue.meta"),
                2 => lane.join("1.seg"),
                3 => dir.join("gone-1/lane-00/x"),
                _ => lane.join(format!("{:020}.seg", 1 + self.byte() % 5)),
            };
            let mut content = match self.byte() % 8 {
                0 => format!("weir-queue 1\ngeneration 1\nlanes {}\nsink sink\n", 1 + self.byte() % 4).into_bytes(),
                _ => Vec::new(),
            };
            for _ in 0..self.byte() % 8 {
                self.part(&mut content);
            }
            tree.put(&path, content);
        }
        tree
    }
}

/// Opens a queue in a directory that `data` describe, reads and writes it, and opens it again. `lock` is a real directory,
/// for the lock alone.
///
/// # Panics
/// When what opens does not keep its promises: it comes to an end, its account balances, and what is appended comes out.
pub fn open_any(lock: &Path, data: &[u8]) {
    let disk = Simulated::new(Input(data).tree(lock));
    let mut settings = Settings::new(lock, "sink");
    settings.lanes = 1 + u16::from(data.first().copied().unwrap_or_default() % 3);
    settings.when_full = if data.len().is_multiple_of(2) { WhenFull::Block } else { WhenFull::DropOldest };
    settings.segment_bytes = Some(400);
    // no round but those below
    settings.sync_interval = Duration::from_hours(1);
    settings.sync_bytes = u64::MAX;
    settings.min_free_disk = Some(0);
    for depth in [Depth::Totals, Depth::Headers, Depth::Bodies] {
        let _ = inspect_on(&disk, lock, depth, data.len().is_multiple_of(3), &mut |_| (), &mut |_| ());
    }
    let Some(queue) = open(&disk, &settings) else { return };
    // every record takes a header, and a generation's lanes may be read in several turns
    drain(&queue, 2 * data.len() + 64);
    let bodies: Vec<Bytes> = (0..queue.lanes() as u8).map(|lane| Bytes::from(vec![lane; 10])).collect();
    for (lane, body) in bodies.iter().enumerate() {
        let meta = RecordMeta { entries: 1, ..RecordMeta::default() };
        assert!(queue.append(lane, meta, body, &mut None).is_ok(), "an empty queue takes a record");
    }
    assert!(queue.shared.round(false).is_ok() && queue.close().is_ok(), "a disk in memory does not fail");
    assert_balance(&queue.stats());
    drop(queue);
    let again = open(&disk, &settings);
    assert!(again.is_some(), "it opens again");
    let Some(queue) = again else { return };
    let stats = queue.stats();
    assert_eq!((stats.torn_tails, stats.recovered.records), (0, bodies.len() as u64), "opened again");
    assert_eq!(drain(&queue, bodies.len()), bodies);
}

fn open(disk: &Simulated, settings: &Settings) -> Option<Queue> {
    match Queue::open_on(settings.clone(), Box::new(disk.clone()), || 1_000) {
        Ok(queue) => Some(queue),
        // Io: a path that is a file where a directory should be
        Err(OpenError::Version { .. } | OpenError::OtherSink { .. } | OpenError::Io { .. }) => None,
        Err(error) => {
            assert!(matches!(error, OpenError::InUse { .. }), "{error}");
            None
        }
    }
}

/// Reads and commits everything, at most so many records.
fn drain(queue: &Queue, most: usize) -> Vec<Bytes> {
    let mut bodies = Vec::new();
    loop {
        let before = queue.stats();
        for lane in 0..queue.lanes() {
            let mut reader = queue.lane_reader(lane);
            while let Some(record) = next(&mut reader) {
                reader.commit(record.seq);
                bodies.push(record.body);
                assert!(bodies.len() <= most, "more records than there can be");
                assert_balance(&queue.stats());
            }
        }
        // damaged records make progress as well
        if queue.stats() == before {
            break;
        }
    }
    let stats = queue.stats();
    assert_balance(&stats);
    assert_eq!((stats.queued.records, stats.in_flight.records), (0, 0), "nothing is left");
    bodies
}

/// The next record, if it is there at once.
fn next(reader: &mut LaneReader) -> Option<Record> {
    match pin!(reader.next()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(record) => record,
        Poll::Pending => None,
    }
}

fn assert_balance(stats: &Stats) {
    let came = stats.recovered.records + stats.offered.records;
    let went = stats.committed + stats.queued + stats.in_flight + stats.dropped_total();
    assert_eq!(came, went.records, "{stats:?}");
}
