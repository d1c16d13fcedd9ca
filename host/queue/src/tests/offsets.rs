//! Lanes of several segments, cut and flipped at every offset (faults 3 and 4), on a disk in memory: a damaged place costs
//! the records that it lies in, and what they were is counted by the totals of their neighbours.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::harness::{append, assert_balance, bodies, drain, looked, round, settings, try_next};
use crate::format::HEADER_BYTES;
use crate::segment;
use crate::simulated::{Simulated, Tree};
use crate::{DropReason, Queue, Settings, Stats};

const RECORDS: usize = 11;

/// A record's body; some are empty, and one holds what a header begins with.
fn body(i: usize) -> Vec<u8> {
    let mut body = vec![b'a' + i as u8; (i * 29) % 61];
    if i == 4 {
        body[..4].copy_from_slice(&crate::format::MAGIC);
    }
    body
}

fn entries(i: usize) -> u64 {
    10 * (i as u64 + 1)
}

/// A lane of several segments: on disk, cleanly closed.
struct Written {
    dir: TempDir,
    tree: Tree,
    /// Each segment, with its records and where each begins.
    segments: Vec<(PathBuf, Vec<(usize, usize)>)>,
}

impl Written {
    fn new(read: usize) -> Self {
        let dir = TempDir::new().unwrap();
        let disk = Simulated::default();
        let queue = open(dir.path(), &disk);
        for i in 0..RECORDS {
            append(&queue, 0, &body(i), entries(i) as u32).unwrap();
        }
        round(&queue).unwrap();
        let mut reader = queue.lane_reader(0);
        for _ in 0..read {
            let record = try_next(&mut reader).unwrap();
            reader.commit(record.seq);
            round(&queue).unwrap();
        }
        queue.close().unwrap();
        let lane = dir.path().join("gen-00000001/lane-00");
        let mut next = 0;
        let mut segments = Vec::new();
        // the first segment may be gone: count from the end
        let found = segment::list(&disk, &lane).unwrap();
        let mut tree = disk.tree();
        let sizes: Vec<usize> = found.iter().map(|(_, path)| tree.content(path).len()).collect();
        let there: usize = sizes.iter().sum();
        while (next..RECORDS).map(|i| HEADER_BYTES + body(i).len()).sum::<usize>() > there {
            next += 1;
        }
        for ((_, path), size) in found.into_iter().zip(sizes) {
            let (mut at, mut records) = (0, Vec::new());
            while at < size {
                records.push((next, at));
                at += HEADER_BYTES + body(next).len();
                next += 1;
            }
            assert_eq!(at, size);
            segments.push((path, records));
        }
        Self { dir, tree, segments }
    }

    /// What is delivered and counted after `damage`, and that a second opening finds nothing new.
    fn after(&self, damage: impl FnOnce(&mut Tree)) -> (Vec<Vec<u8>>, Stats) {
        let mut tree = self.tree.clone();
        damage(&mut tree);
        let disk = Simulated::new(tree);
        let (waiting, costs) = looked(&disk, self.dir.path());
        let queue = open(self.dir.path(), &disk);
        assert_balance(&queue.stats());
        // the queue has already stepped over what is damaged at its front
        let (opened, most) = (queue.stats().queued + queue.stats().in_flight, queue.stats().recovered);
        assert!((opened.records..=most.records).contains(&waiting.records), "looking says {waiting:?}, not {opened:?}");
        assert!((opened.entries..=most.entries).contains(&waiting.entries), "looking says {waiting:?}, not {opened:?}");
        let records = bodies(&drain(&queue, 0));
        let stats = queue.stats();
        assert_balance(&stats);
        let lost = stats.dropped_total();
        assert_eq!((costs.records, costs.entries), (lost.records, lost.entries), "what looking says");
        assert_eq!((stats.queued.records, stats.queued.entries, stats.queued.bytes), (0, 0, 0));
        queue.close().unwrap();
        drop(queue);
        let again = open(self.dir.path(), &disk).stats();
        assert_eq!((again.recovered.records, again.torn_tails), (0, 0));
        (records, stats)
    }

    fn total(&mut self) -> usize {
        let paths: Vec<_> = self.segments.iter().map(|(path, _)| path.clone()).collect();
        paths.iter().map(|path| self.tree.content(path).len()).sum()
    }
}

fn open(dir: &Path, disk: &Simulated) -> Queue {
    let settings = Settings { segment_bytes: Some(300), ..settings(dir, 1) };
    Queue::open_on(settings, Box::new(disk.clone()), || 1_000).unwrap()
}

fn all_but(hit: &[usize]) -> Vec<Vec<u8>> {
    (0..RECORDS).filter(|i| !hit.contains(i)).map(body).collect()
}

#[test]
fn every_bit_flipped_anywhere_loses_the_hit_record_alone() {
    let mut written = Written::new(0);
    let mut flips = 0;
    for (path, records) in written.segments.clone() {
        for at in 0..written.tree.content(&path).len() {
            let hit = records.iter().rev().find(|(_, begin)| *begin <= at).unwrap().0;
            for bit in 0..8 {
                let (delivered, stats) = written.after(|tree| tree.content(&path)[at] ^= 1 << bit);
                assert_eq!(delivered, all_but(&[hit]), "bit {bit} of {at} in {}", path.display());
                let lost = stats.dropped_for(DropReason::QueueCorrupt);
                assert_eq!((lost.records, lost.entries), (1, entries(hit)), "bit {bit} of {at}");
                assert_eq!(stats.dropped_total().records, 1);
                flips += 1;
            }
        }
    }
    assert_eq!(flips, 8 * written.total());
    println!("{flips} bits flipped in {} segments", written.segments.len());
}

#[test]
fn every_segment_cut_at_every_offset_loses_what_is_cut_off() {
    let mut written = Written::new(0);
    let mut cuts = 0;
    for (path, records) in written.segments.clone() {
        for at in 0..written.tree.content(&path).len() {
            let whole = |(i, begin): &(usize, usize)| begin + HEADER_BYTES + body(*i).len() <= at;
            let hit: Vec<usize> = records.iter().filter(|record| !whole(record)).map(|(i, _)| *i).collect();
            let (delivered, stats) = written.after(|tree| tree.content(&path).truncate(at));
            assert_eq!(delivered, all_but(&hit), "cut at {at} of {}", path.display());
            // it was durable, so it is damage even where it looks like a torn tail
            let lost = stats.dropped_for(DropReason::QueueCorrupt);
            assert_eq!((lost.records, lost.entries), (hit.len() as u64, hit.iter().map(|i| entries(*i)).sum()));
            assert_eq!(stats.dropped_total().records, hit.len() as u64, "cut at {at}");
            cuts += 1;
        }
    }
    assert_eq!(cuts, written.total());
    println!("{cuts} cuts in {} segments", written.segments.len());
}

#[test]
fn every_segment_missing_or_zeroed_is_counted_by_its_neighbours() {
    let written = Written::new(0);
    for (path, records) in &written.segments {
        for zeroed in [false, true] {
            let (delivered, stats) = written.after(|tree| {
                if zeroed {
                    tree.content(path).fill(0);
                } else {
                    tree.names.remove(path);
                }
            });
            let hit: Vec<usize> = records.iter().map(|(i, _)| *i).collect();
            assert_eq!(delivered, all_but(&hit), "{}", path.display());
            let lost = stats.dropped_for(DropReason::QueueCorrupt);
            assert_eq!((lost.records, lost.entries), (hit.len() as u64, hit.iter().map(|i| entries(*i)).sum()));
        }
    }
}

/// A cursor that is gone, or any byte of which is wrong, costs nothing: what it says is asked of the segments.
#[test]
fn every_byte_of_a_cursor_may_be_wrong() {
    for read in [0, 1, 5, 8] {
        let mut written = Written::new(read);
        let cursor = written.dir.path().join("gen-00000001/lane-00/cursor");
        let len = written.tree.content(&cursor).len();
        let mut damages: Vec<(usize, u8)> = (0..len).flat_map(|at| [(at, 0x01), (at, 0x80)]).collect();
        damages.push((usize::MAX, 0));
        for (at, flip) in &damages {
            let (delivered, stats) = written.after(|tree| match tree.content(&cursor).get_mut(*at) {
                Some(byte) => *byte ^= flip,
                None => tree.content(&cursor).clear(),
            });
            let expected: Vec<_> = (0..RECORDS).map(body).collect();
            assert!(delivered.len() >= RECORDS - read && expected.ends_with(&delivered), "{at} after {read}");
            assert_eq!(stats.dropped_total().records, 0, "{at} after {read}: what was sent is not lost");
        }
        println!("{} damaged cursors after {read} records", damages.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Several places at once, each of any length: overwritten, not cut.
    #[test]
    fn any_damage_loses_the_hit_records_alone(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..200_usize, any::<u8>()), 1..6)
    ) {
        let written = Written::new(0);
        let mut tree = written.tree.clone();
        for (segment, at, len, value) in hits {
            let content = tree.content(&segment.get(&written.segments).0);
            let at = at.index(content.len());
            let end = content.len().min(at + len);
            content[at..end].fill(value);
        }
        let mut hit = Vec::new();
        let mut before = written.tree.clone();
        for (path, records) in &written.segments {
            let (before, after) = (before.content(path), tree.content(path));
            let range = |i: usize, begin: usize| begin..begin + HEADER_BYTES + body(i).len();
            let changed = |(i, begin): &&(usize, usize)| before[range(*i, *begin)] != after[range(*i, *begin)];
            hit.extend(records.iter().filter(changed).map(|(i, _)| *i));
        }
        let (delivered, stats) = written.after(|found| *found = tree);
        prop_assert_eq!(delivered, all_but(&hit));
        let lost = stats.dropped_for(DropReason::QueueCorrupt);
        prop_assert_eq!(lost.entries, hit.iter().map(|i| entries(*i)).sum::<u64>());
        prop_assert_eq!((lost.records, stats.dropped_total().records), (hit.len() as u64, hit.len() as u64));
    }
}
