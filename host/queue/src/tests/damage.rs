//! Files that were cut, flipped, lost (faults 1 to 5 of the design's catalogue).

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::harness::{
    append, assert_balance, bodies, crashed, drain, lane_dir, open, round, segments, settings, try_next,
};
use crate::format::HEADER_BYTES;
use crate::{DropReason, OpenError, Settings};

/// Records of these sizes, with 10, 20, … entries, in one lane and one segment.
const SIZES: [usize; 5] = [5, 0, 40, 17, 30];

fn body(i: usize) -> Vec<u8> {
    vec![b'a' + i as u8; SIZES[i]]
}

fn entries(i: usize) -> u64 {
    10 * (i as u64 + 1)
}

/// A lane with the records, cleanly closed or as a killed process leaves it.
fn written(closed: bool) -> TempDir {
    let dir = TempDir::new().unwrap();
    let queue = open(&settings(dir.path(), 1));
    for i in 0..SIZES.len() {
        append(&queue, 0, &body(i), entries(i) as u32).unwrap();
    }
    if closed {
        queue.close().unwrap();
        dir
    } else {
        crashed(dir.path())
    }
}

/// Where each record begins, and where the last one ends.
fn offsets() -> Vec<usize> {
    SIZES.iter().scan(0, |at, size| Some(std::mem::replace(at, *at + HEADER_BYTES + size))).chain([total()]).collect()
}

fn total() -> usize {
    SIZES.iter().map(|size| HEADER_BYTES + size).sum()
}

fn reopened(dir: &Path) -> (Vec<Vec<u8>>, crate::Stats) {
    let queue = open(&settings(dir, 1));
    assert_balance(&queue.stats());
    let records = bodies(&drain(&queue, 0));
    let stats = queue.stats();
    assert_balance(&stats);
    assert_eq!((stats.queued.records, stats.queued.entries, stats.queued.bytes), (0, 0, 0));
    (records, stats)
}

#[test]
fn what_was_queued_is_known_at_opening() {
    let dir = written(true);
    let queue = open(&settings(dir.path(), 1));
    let stats = queue.stats();
    assert_eq!((stats.queued.records, stats.queued.entries, stats.queued.bytes), (5, 150, total() as u64));
    assert_eq!(stats.recovered, stats.queued);
    let record = try_next(&mut queue.lane_reader(0)).unwrap();
    assert_eq!((record.seq, record.meta, &record.body[..]), (1, super::harness::meta(10), &body(0)[..]));
}

#[test]
fn last_segment_cut_at_every_offset_keeps_the_valid_prefix() {
    let offsets = offsets();
    for cut in 0..=total() {
        let dir = written(false);
        let path = segments(dir.path(), 1, 0).remove(0);
        fs::File::options().write(true).open(&path).unwrap().set_len(cut as u64).unwrap();
        let (records, stats) = reopened(dir.path());
        let whole = offsets[1..].iter().filter(|end| **end <= cut).count();
        assert_eq!(records, (0..whole).map(body).collect::<Vec<_>>(), "cut at {cut}");
        let torn = !offsets.contains(&cut);
        assert_eq!(stats.torn_tails, u64::from(torn), "cut at {cut}");
        // a whole header says what its cut body held
        let known = torn && cut >= offsets[whole] + HEADER_BYTES;
        let dropped = stats.dropped_for(DropReason::QueueTorn);
        assert_eq!(
            (dropped.records, dropped.entries),
            if known { (1, entries(whole)) } else { (0, 0) },
            "cut at {cut}"
        );
    }
}

#[test]
fn a_durable_tail_that_is_cut_is_counted_exactly() {
    for cut in [0, 1, total() / 2, total() - 1] {
        let dir = written(true);
        let path = segments(dir.path(), 1, 0).remove(0);
        fs::File::options().write(true).open(&path).unwrap().set_len(cut as u64).unwrap();
        let (records, stats) = reopened(dir.path());
        let lost = stats.dropped_for(DropReason::QueueCorrupt);
        assert_eq!(lost.records, (SIZES.len() - records.len()) as u64);
        assert_eq!(lost.entries, (records.len()..SIZES.len()).map(entries).sum::<u64>());
        assert_eq!(stats.recovered.records, SIZES.len() as u64);
    }
}

#[test]
fn flipped_bits_lose_the_hit_record_alone() {
    let offsets = offsets();
    for at in 0..total() {
        let dir = written(true);
        let path = segments(dir.path(), 1, 0).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        let (records, stats) = reopened(dir.path());
        let hit = offsets.iter().rposition(|begin| *begin <= at).unwrap();
        let rest: Vec<_> = (0..SIZES.len()).filter(|i| *i != hit).map(body).collect();
        // the reserved bytes are under the CRC as well
        assert_eq!(records, rest, "flipped at {at}");
        let lost = stats.dropped_for(DropReason::QueueCorrupt);
        assert_eq!((lost.records, lost.entries), (1, entries(hit)), "flipped at {at}");
        assert_eq!(stats.dropped_total().records, 1);
    }
}

#[test]
fn a_flipped_header_between_segments_is_counted_by_its_neighbours() {
    let dir = TempDir::new().unwrap();
    let mut settings = settings(dir.path(), 1);
    settings.segment_bytes = Some(200);
    let queue = open(&settings);
    for i in 0..20 {
        append(&queue, 0, &[i; 40], 7).unwrap();
    }
    queue.close().unwrap();
    drop(queue);
    let files = segments(dir.path(), 1, 0);
    assert_eq!(files.len(), 20);
    // a whole segment gone, another one all rubbish
    fs::remove_file(&files[3]).unwrap();
    fs::write(&files[7], [0; 104]).unwrap();
    let queue = open(&settings);
    assert_eq!(queue.stats().queued.records, 20);
    let records = drain(&queue, 0);
    assert_eq!(records.len(), 18);
    let lost = queue.stats().dropped_for(DropReason::QueueCorrupt);
    assert_eq!((lost.records, lost.entries), (2, 14));
    assert_balance(&queue.stats());
}

fn half_read() -> (TempDir, Settings) {
    let dir = TempDir::new().unwrap();
    let mut settings = settings(dir.path(), 1);
    settings.segment_bytes = Some(300);
    let queue = open(&settings);
    for i in 0..20 {
        append(&queue, 0, &[i; 40], 1).unwrap();
    }
    let mut reader = queue.lane_reader(0);
    for _ in 0..11 {
        let record = try_next(&mut reader).unwrap();
        reader.commit(record.seq);
    }
    queue.close().unwrap();
    (dir, settings)
}

#[test]
fn a_cursor_is_kept_and_removes_what_it_has_left() {
    let (dir, settings) = half_read();
    // two records a segment
    assert_eq!(segments(dir.path(), 1, 0).len(), 5);
    let queue = open(&settings);
    assert_eq!(bodies(&drain(&queue, 0)), (11..20).map(|i| vec![i; 40]).collect::<Vec<_>>());
}

#[test]
fn a_missing_or_garbage_cursor_is_rebuilt_from_the_oldest_segment() {
    for garbage in [None, Some(vec![]), Some(vec![0x5a; 9000])] {
        let (dir, settings) = half_read();
        let cursor = lane_dir(dir.path(), 1, 0).join("cursor");
        match garbage {
            None => fs::remove_file(&cursor).unwrap(),
            Some(bytes) => fs::write(&cursor, bytes).unwrap(),
        }
        let queue = open(&settings);
        // duplicates back to the beginning of the oldest segment, no loss
        assert_eq!(bodies(&drain(&queue, 0)), (10..20).map(|i| vec![i; 40]).collect::<Vec<_>>());
        assert_eq!(queue.stats().dropped_total().records, 0);
        assert_balance(&queue.stats());
    }
}

#[test]
fn every_flipped_byte_of_a_cursor_costs_no_record() {
    for at in (0..116).chain(4096..4212) {
        let (dir, settings) = half_read();
        let cursor = lane_dir(dir.path(), 1, 0).join("cursor");
        let mut bytes = fs::read(&cursor).unwrap();
        let Some(byte) = bytes.get_mut(at) else { continue };
        *byte ^= 0x10;
        fs::write(&cursor, bytes).unwrap();
        let queue = open(&settings);
        let records = bodies(&drain(&queue, 0));
        let expected: Vec<_> = (0..20).map(|i| vec![i; 40]).collect();
        assert!(records.len() >= 9 && expected.ends_with(&records), "flipped at {at}: {}", records.len());
        assert_eq!(queue.stats().dropped_total().records, 0);
    }
}

#[test]
fn damaged_metadata_are_rebuilt_from_the_lanes() {
    for garbage in ["", "rubbish", "weir-queue 1\ngeneration 1\nlanes 900\nsink sink\n"] {
        let dir = TempDir::new().unwrap();
        let queue = open(&settings(dir.path(), 3));
        append(&queue, 2, b"kept", 1).unwrap();
        queue.close().unwrap();
        drop(queue);
        fs::write(dir.path().join("gen-00000001/queue.meta"), garbage).unwrap();
        let queue = open(&settings(dir.path(), 3));
        assert_eq!(bodies(&drain(&queue, 2)), [b"kept"]);
    }
}

#[test]
fn another_sinks_a_newer_and_a_used_directory_are_refused() {
    let dir = TempDir::new().unwrap();
    let first = settings(dir.path(), 1);
    let queue = open(&first);
    assert!(matches!(crate::Queue::open(first.clone()), Err(OpenError::InUse { .. })));
    drop(queue);
    let other = Settings { sink: "other".to_owned(), ..first.clone() };
    assert!(matches!(crate::Queue::open(other), Err(OpenError::OtherSink { found, .. }) if found == "sink"));
    fs::write(dir.path().join("gen-00000001/queue.meta"), "weir-queue 2\nanything").unwrap();
    assert!(matches!(crate::Queue::open(first.clone()), Err(OpenError::Version { version: 2, .. })));
    assert!(matches!(crate::Queue::open(Settings { lanes: 0, ..first }), Err(OpenError::Lanes { lanes: 0 })));
}

#[test]
fn killed_while_segments_rotate_or_go() {
    let dir = TempDir::new().unwrap();
    let mut settings = settings(dir.path(), 1);
    settings.segment_bytes = Some(300);
    let queue = open(&settings);
    let mut reader = queue.lane_reader(0);
    let mut committed = 0;
    for i in 0..60_u8 {
        append(&queue, 0, &[i; 40], 1).unwrap();
        if i % 3 > 0 {
            let record = try_next(&mut reader).unwrap();
            reader.commit(record.seq);
            committed = record.seq;
        }
        if i % 4 == 0 {
            round(&queue).unwrap();
        }
        let copy = crashed(dir.path());
        let again = open(&Settings { dir: copy.path().to_owned(), ..settings.clone() });
        let records = drain(&again, 0);
        // everything that was not committed, in order
        assert!(records.first().is_none_or(|first| first.seq <= committed + 1));
        assert!(records.len() as u64 >= u64::from(i) + 1 - committed);
        assert!(records.iter().zip(records.iter().skip(1)).all(|(a, b)| a.seq + 1 == b.seq));
        assert_eq!(again.stats().dropped_total().records, 0);
    }
}
