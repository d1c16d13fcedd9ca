//! The power goes, or the process is killed, between any two operations on the disk (faults 1, 2 and 7): after every one
//! of them, with all, none or any part of what no fsync had covered, the queue opens again and has what it acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use tempfile::TempDir;

use super::harness::{assert_balance, drain, looked, meta, round, settings, try_next};
use crate::simulated::{Event, Fate, History, Simulated, Tree};
use crate::storage::Storage;
use crate::{DropReason, LaneReader, Queue, Settings, WhenFull};

const OFFERED: u64 = 1 << 40;
const ACKNOWLEDGED: u64 = 2 << 40;
/// Committed, or dropped by policy.
const SETTLED: u64 = 3 << 40;
const KIND: u64 = 0xff << 40;

/// A small generator of numbers: a failure's seed says all.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn fate(&mut self) -> Fate {
        match self.below(5) {
            0 | 1 => Fate::Kept,
            2 => Fate::Gone,
            3 => Fate::Part(self.below(1000) as usize),
            _ => Fate::Zeros,
        }
    }
}

/// The body of the record `id`, as long as its number says.
fn body(id: u64) -> Bytes {
    let mut body = id.to_le_bytes().to_vec();
    body.resize(8 + (id as usize * 37) % 90, id as u8);
    Bytes::from(body)
}

/// A queue on a simulated disk, and what a test does with it.
struct Run {
    disk: Simulated,
    settings: Settings,
    queue: Option<Queue>,
    readers: Vec<LaneReader>,
    next: u64,
    /// Records in each lane that are not settled, by lane.
    waiting: BTreeMap<usize, BTreeSet<u64>>,
}

impl Run {
    fn new(disk: Simulated, settings: &Settings) -> Self {
        let mut run = Self {
            disk,
            settings: settings.clone(),
            queue: None,
            readers: Vec::new(),
            next: 1,
            waiting: BTreeMap::new(),
        };
        run.open(settings.lanes);
        run
    }

    fn open(&mut self, lanes: u16) {
        self.readers.clear();
        self.queue = None;
        self.settings.lanes = lanes;
        let queue = reopen(&self.disk, &self.settings);
        self.readers = (0..usize::from(lanes)).map(|lane| queue.lane_reader(lane)).collect();
        self.queue = Some(queue);
    }

    fn queue(&self) -> &Queue {
        self.queue.as_ref().unwrap()
    }

    fn append(&mut self, lane: usize) {
        // even and odd ones have a lane each
        let id = 2 * self.next + lane as u64;
        self.next += 1;
        let disk = self.disk.clone();
        disk.mark(OFFERED | id);
        let mut on_durable: Option<crate::OnDurable> = Some(Box::new(move || disk.mark(ACKNOWLEDGED | id)));
        let Ok(appended) = self.queue().append(lane, meta(1), &body(id), &mut on_durable) else { return };
        self.waiting.entry(lane).or_default().insert(id);
        // with one lane, those that made room are the oldest that are not in flight
        let lane = self.waiting.entry(lane).or_default();
        for _ in 0..appended.pushed_out.records {
            let in_flight = self.queue.as_ref().unwrap().stats().in_flight.records as usize;
            let gone = *lane.iter().nth(in_flight).unwrap();
            lane.remove(&gone);
            self.disk.mark(SETTLED | gone);
        }
    }

    fn read(&mut self, lane: usize, commit: bool) {
        let Some(record) = try_next(&mut self.readers[lane]) else { return };
        if commit {
            let id = u64::from_le_bytes(*record.body.first_chunk().unwrap());
            // a delivery acknowledges as well
            self.disk.mark(SETTLED | id);
            self.readers[lane].commit(record.seq);
            self.waiting.values_mut().for_each(|lane| {
                lane.remove(&id);
            });
        }
    }

    fn round(&self) {
        // a failed one is made good by the next
        let _ = round(self.queue());
    }

    fn history(mut self) -> History {
        self.readers.clear();
        self.queue = None;
        self.disk.history()
    }
}

fn reopen(disk: &Simulated, settings: &Settings) -> Queue {
    Queue::open_on(settings.clone(), Box::new(disk.clone()), || 1_000).unwrap()
}

#[derive(Default)]
struct Counts {
    operations: usize,
    crashes: usize,
    again: usize,
}

/// Lets it crash after every operation of `history`.
fn crash_everywhere(name: &str, history: &History, settings: &Settings) {
    let base = Tree::default();
    let mut counts = Counts { operations: history.events.len(), ..Counts::default() };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for count in 0..=history.events.len() {
        let killed = base.after(history, count, |_| Fate::Kept);
        check(&killed, history, count, settings, true);
        check(&base.after(history, count, |_| Fate::Gone), history, count, settings, false);
        if let Some(Event::Write(..)) = history.events[..count].last() {
            // killed in the middle of it: everything before is in the page cache
            let before = base.after(history, count - 1, |_| Fate::Kept);
            let part = Fate::Part(random.below(1000) as usize);
            let last = History::of(&history.events[count - 1..count]);
            check(&before.after(&last, 1, |_| part), history, count, settings, false);
        }
        for _ in 0..3 {
            let cut = base.after(history, count, |_| random.fate());
            check(&cut, history, count, settings, false);
            counts.crashes += 1;
        }
        counts.crashes += 2;
        if random.below(4) == 0 {
            // and once more, while that is being recovered
            let cut = base.after(history, count, |_| random.fate());
            let mut run = Run::new(Simulated::new(cut.clone()), settings);
            run.read(0, false);
            run.round();
            let recovery = run.history();
            for again in 0..=recovery.events.len() {
                let twice = cut.after(&recovery, again, |_| random.fate());
                check(&twice, history, count, settings, false);
                counts.again += 1;
            }
        }
    }
    let Counts { operations, crashes, again } = counts;
    println!("crash matrix, {name}: {operations} operations, {crashes} crashes, {again} more during a recovery");
}

/// What a crash left opens, and has every record that was acknowledged and not settled, each lane in its order.
fn check(tree: &Tree, history: &History, count: usize, settings: &Settings, killed: bool) {
    let marks = |kind| {
        let of_kind = history.events[..count].iter().filter_map(move |event| match event {
            Event::Mark(mark) if mark & KIND == kind => Some(mark & !KIND),
            _ => None,
        });
        of_kind.collect::<BTreeSet<u64>>()
    };
    let (offered, acknowledged, settled) = (marks(OFFERED), marks(ACKNOWLEDGED), marks(SETTLED));
    let disk = Simulated::new(tree.clone());
    let (waiting, costs) = looked(&disk, &settings.dir);
    let queue = reopen(&disk, settings);
    let stats = queue.stats();
    assert_balance(&stats);
    let opened = stats.queued.records + stats.in_flight.records;
    assert!(
        (opened..=stats.recovered.records).contains(&waiting.records),
        "after {count}: looking says {waiting:?}, {opened} of {stats:?}"
    );
    let mut delivered = BTreeSet::new();
    let mut last = BTreeMap::new();
    // a lane of a newer generation is readable once all of the older one is read
    loop {
        let records: Vec<_> = (0..queue.lanes()).flat_map(|lane| drain(&queue, lane)).collect();
        for record in &records {
            let id = u64::from_le_bytes(*record.body.first_chunk().unwrap());
            assert_eq!(record.body, body(id), "after {count}");
            assert!(offered.contains(&id), "after {count}: {id} was never offered");
            assert!(delivered.insert(id), "after {count}: {id} twice");
            let before = last.insert(id % 2, id);
            assert!(before.is_none_or(|before| before < id), "after {count}: {id} behind {before:?}");
        }
        if records.is_empty() {
            break;
        }
    }
    let missing: Vec<_> = acknowledged.difference(&settled).filter(|id| !delivered.contains(id)).collect();
    assert!(missing.is_empty(), "after {count} operations: {missing:?} are lost of {acknowledged:?}");
    let stats = queue.stats();
    assert_balance(&stats);
    assert_eq!((stats.queued.records, stats.queued.bytes), (0, 0), "after {count}");
    assert_eq!(costs.records, stats.dropped_total().records, "after {count}: what looking says");
    if killed {
        assert_eq!(stats.dropped_total().records, 0, "after {count}: a killed process damages nothing");
    }
    // it works on, and what is behind is not found damaged again
    for lane in 0..queue.lanes() {
        queue.append(lane, meta(1), &body(lane as u64), &mut None).unwrap();
    }
    queue.close().unwrap();
    drop(queue);
    let queue = reopen(&disk, settings);
    let left: usize = (0..queue.lanes()).map(|lane| drain(&queue, lane).len()).sum();
    assert_eq!(
        (left, queue.stats().dropped_for(DropReason::QueueCorrupt).records),
        (queue.lanes(), 0),
        "after {count}"
    );
}

fn small(dir: &Path, lanes: u16) -> Settings {
    Settings { segment_bytes: Some(300), ..settings(dir, lanes) }
}

#[test]
fn a_crash_anywhere_while_segments_rotate_and_go() {
    let dir = TempDir::new().unwrap();
    let settings = small(dir.path(), 2);
    let mut run = Run::new(Simulated::default(), &settings);
    for i in 0..24_usize {
        run.append(i % 2);
        if i % 3 == 0 {
            run.read(i % 2, i % 9 != 0);
        }
        if i % 5 == 4 {
            run.round();
        }
        if i % 6 == 0 {
            run.read((i + 1) % 2, true);
        }
    }
    for _ in 0..6 {
        run.read(0, true);
        run.read(1, true);
        run.round();
    }
    crash_everywhere("rotation and removal", &run.history(), &settings);
}

#[test]
fn a_crash_anywhere_while_fsyncs_fail() {
    let dir = TempDir::new().unwrap();
    let settings = small(dir.path(), 2);
    let mut run = Run::new(Simulated::default(), &settings);
    for i in 0..18_usize {
        run.append(i % 2);
        if i % 4 == 1 {
            run.read(i % 2, true);
        }
        if i % 3 == 2 {
            // segments and cursors, each of them now and then
            run.disk.fail_sync_after((i / 3) as u64);
            run.round();
            run.append(i % 2);
            run.round();
        }
    }
    crash_everywhere("failing fsyncs", &run.history(), &settings);
}

#[test]
fn a_crash_anywhere_while_the_oldest_make_room() {
    let dir = TempDir::new().unwrap();
    let settings = Settings { max_bytes: 900, when_full: WhenFull::DropOldest, ..small(dir.path(), 1) };
    let mut run = Run::new(Simulated::default(), &settings);
    for i in 0..30 {
        run.append(0);
        if i % 7 == 3 {
            run.read(0, i % 2 == 0);
        }
        if i % 4 == 3 {
            run.round();
        }
    }
    crash_everywhere("drop_oldest", &run.history(), &settings);
}

#[test]
fn a_crash_anywhere_while_the_lanes_change() {
    let dir = TempDir::new().unwrap();
    let settings = small(dir.path(), 2);
    let mut run = Run::new(Simulated::default(), &settings);
    for i in 0..8 {
        run.append(i % 2);
    }
    run.round();
    run.open(1);
    for _ in 0..3 {
        run.append(0);
        run.read(0, true);
    }
    run.round();
    // the older generation comes to its end and goes
    for _ in 0..6 {
        run.read(0, true);
        run.round();
    }
    run.open(2);
    for i in 0..4 {
        run.append(i % 2);
        run.read(i % 2, true);
        run.round();
    }
    crash_everywhere("another number of lanes", &run.history(), &settings);
}

#[test]
fn a_name_that_is_not_durable_is_not_relied_on() {
    // the directories of a new queue, up to the one that was there
    let dir = TempDir::new().unwrap();
    let mut tree = Tree::default();
    tree.dirs.extend(dir.path().ancestors().map(Path::to_owned));
    let disk = Simulated::new(tree.clone());
    let settings = small(&dir.path().join("queue/sink"), 1);
    std::fs::create_dir_all(&settings.dir).unwrap();
    let queue = reopen(&disk, &settings);
    queue.append(0, meta(1), &body(1), &mut None).unwrap();
    round(&queue).unwrap();
    let history = disk.history();
    let left = tree.after(&history, history.events.len(), |_| Fate::Gone);
    drop(queue);
    let disk = Simulated::new(left);
    assert!(disk.list(&settings.dir).is_ok());
    assert_eq!(drain(&reopen(&disk, &settings), 0).len(), 1);
}
