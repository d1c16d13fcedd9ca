//! The queue against an exact model of it: every policy, ages, numbers of lanes, clean restarts, kills, failing fsyncs, in
//! any order. What is counted, under which reason, and what comes out next must be the model's after every step.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::harness::{assert_balance, counted, drain, meta, round, settings, try_next};
use crate::format::HEADER_BYTES;
use crate::simulated::Simulated;
use crate::{AppendError, DropReason, LaneReader, Queue, Settings, WhenFull};

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

#[derive(Clone, Debug)]
enum Op {
    Append { lane: usize, size: usize },
    Read { lane: usize },
    Commit { lane: usize },
    Round,
    FailedRound,
    Later { ms: i64 },
    Reopen { lanes: u16 },
    Kill,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => (0..3_usize, 0..300_usize).prop_map(|(lane, size)| Op::Append { lane, size }),
        6 => (0..3_usize).prop_map(|lane| Op::Read { lane }),
        5 => (0..3_usize).prop_map(|lane| Op::Commit { lane }),
        3 => Just(Op::Round),
        1 => Just(Op::FailedRound),
        3 => (1..200_i64).prop_map(|ms| Op::Later { ms }),
        1 => (1..4_u16).prop_map(|lanes| Op::Reopen { lanes }),
        1 => Just(Op::Kill),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    id: u64,
    size: u64,
    appended_ms: i64,
}

#[derive(Default)]
struct Lane {
    in_flight: Option<Record>,
    waiting: VecDeque<Record>,
    /// Something was dropped behind the record in flight: then it stays in flight through a restart.
    dropped_behind: bool,
}

struct Model {
    dir: TempDir,
    disk: Simulated,
    settings: Settings,
    queue: Option<Queue>,
    readers: Vec<LaneReader>,
    /// Lanes by generation, the oldest first; appends go to the last.
    generations: Vec<Vec<Lane>>,
    /// For each reader, the generation, lane and number of its record in flight.
    taken: BTreeMap<usize, (usize, usize, u64)>,
    dropped: BTreeMap<&'static str, u64>,
    /// Records that were taken since the last opening, and how many of those were acknowledged.
    appended: u64,
    acknowledged: Arc<AtomicU64>,
    /// An fsync failed since the last good round.
    failing: bool,
    ids: u64,
}

impl Model {
    fn new(when_full: WhenFull, max_age: Option<Duration>) -> Self {
        NOW.set(1_000_000);
        let dir = TempDir::new().unwrap();
        let settings =
            Settings { segment_bytes: Some(600), max_bytes: 2_000, max_age, when_full, ..settings(dir.path(), 2) };
        let mut model = Self {
            dir,
            disk: Simulated::default(),
            settings,
            queue: None,
            readers: Vec::new(),
            generations: vec![vec![Lane::default(), Lane::default()]],
            taken: BTreeMap::new(),
            dropped: BTreeMap::new(),
            appended: 0,
            acknowledged: Arc::default(),
            failing: false,
            ids: 0,
        };
        model.start();
        model
    }

    fn start(&mut self) {
        let disk = Box::new(self.disk.clone());
        let queue = Queue::open_on(self.settings.clone(), disk, || NOW.get()).unwrap();
        self.readers = (0..queue.lanes()).map(|lane| queue.lane_reader(lane)).collect();
        self.queue = Some(queue);
        self.taken.clear();
        self.dropped.clear();
        (self.appended, self.failing) = (0, false);
        self.acknowledged = Arc::default();
        for lane in self.generations.iter_mut().flatten() {
            if !lane.dropped_behind
                && let Some(record) = lane.in_flight.take()
            {
                lane.waiting.push_front(record);
            }
        }
    }

    fn queue(&self) -> &Queue {
        self.queue.as_ref().unwrap()
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Append { lane, size } => self.append(lane, size),
            Op::Read { lane } => self.read(lane % self.readers.len()),
            Op::Commit { lane } => self.commit(lane % self.readers.len()),
            Op::Later { ms } => NOW.set(NOW.get() + ms),
            Op::Round => {
                self.expire();
                // what an fsync lost is written again, and then fsynced
                round(self.queue()).unwrap();
                self.failing = false;
                assert_eq!(self.acknowledged.load(Ordering::SeqCst), self.appended, "all is durable");
            }
            Op::FailedRound => {
                self.expire();
                self.disk.fail_sync_after(0);
                self.failing |= round(self.queue()).is_err();
                self.disk.fail_sync_after(u64::MAX);
            }
            Op::Reopen { lanes } => {
                self.queue().close().unwrap();
                self.readers.clear();
                self.queue = None;
                self.settings.lanes = lanes;
                self.begin_generation(lanes);
                self.start();
            }
            Op::Kill => self.kill(),
        }
        self.compare();
    }

    fn begin_generation(&mut self, lanes: u16) {
        if self.generations.last().is_none_or(|last| last.len() != usize::from(lanes)) {
            self.generations.push((0..lanes).map(|_| Lane::default()).collect());
        }
    }

    fn append(&mut self, lane: usize, size: usize) {
        self.ids += 1;
        let mut body = self.ids.to_le_bytes().to_vec();
        body.resize(8 + size, self.ids as u8);
        let record = Record { id: self.ids, size: (HEADER_BYTES + body.len()) as u64, appended_ms: NOW.get() };
        let result = self.queue().append(lane, meta(2), &Bytes::from(body), &mut counted(&self.acknowledged));
        if let Err(AppendError::Storage) = result {
            assert!(self.failing, "storage that works takes records");
            return self.make_room(record.size).unwrap_or_default();
        }
        let room = self.make_room(record.size);
        match (result, room, self.settings.when_full) {
            (Ok(_), Ok(()), _) => {
                let last = self.generations.last_mut().unwrap();
                let lanes = last.len();
                last[lane % self.readers.len() % lanes].waiting.push_back(record);
                self.appended += 1;
            }
            (Err(AppendError::Full(DropReason::QueueFullNewest)), Err(()), WhenFull::Block) => {}
            (
                Err(AppendError::Dropped(DropReason::QueueFullNewest)),
                Err(()),
                WhenFull::DropNewest | WhenFull::DropOldest,
            ) => {
                self.count(DropReason::QueueFullNewest);
                self.appended += 1;
            }
            (result, room, when_full) => panic!("{result:?}, room: {room:?}, {when_full:?}"),
        }
    }

    fn held(&self) -> u64 {
        let lanes = self.generations.iter().flatten();
        lanes.flat_map(|lane| lane.waiting.iter().chain(&lane.in_flight)).map(|record| record.size).sum()
    }

    fn make_room(&mut self, size: u64) -> Result<(), ()> {
        while self.held() + size > self.settings.max_bytes {
            if self.settings.when_full != WhenFull::DropOldest {
                return Err(());
            }
            let oldest = self.generations.iter_mut().find_map(|lanes| {
                let with_head = lanes.iter_mut().filter(|lane| !lane.waiting.is_empty());
                with_head.min_by_key(|lane| lane.waiting[0].appended_ms)
            });
            oldest.ok_or(())?.drop_head();
            self.count(DropReason::QueueFull);
        }
        Ok(())
    }

    fn count(&mut self, reason: DropReason) {
        *self.dropped.entry(reason.as_str()).or_default() += 1;
    }

    fn expire(&mut self) {
        let Some(max_age) = self.settings.max_age else { return };
        let before = NOW.get() - max_age.as_millis() as i64;
        let mut expired = 0;
        for lane in self.generations.iter_mut().flatten() {
            while lane.waiting.front().is_some_and(|record| record.appended_ms < before) {
                lane.drop_head();
                expired += 1;
            }
        }
        for _ in 0..expired {
            self.count(DropReason::QueueAge);
        }
    }

    /// The generation and lane that a reader reads.
    fn readable(&self, reader: usize) -> Option<(usize, usize)> {
        for (generation, lanes) in self.generations.iter().enumerate() {
            let ours = (reader..lanes.len()).step_by(self.readers.len()).filter(|lane| !lanes[*lane].is_empty());
            let oldest =
                |lane: &Lane| lane.in_flight.iter().chain(&lane.waiting).next().map(|record| record.appended_ms);
            if let Some(lane) = ours.min_by_key(|lane| (lanes[*lane].in_flight.is_none(), oldest(&lanes[*lane]))) {
                return Some((generation, lane));
            }
            if !lanes.iter().all(Lane::is_empty) {
                return None;
            }
        }
        None
    }

    fn read(&mut self, reader: usize) {
        let record = try_next(&mut self.readers[reader]);
        let expected = self.readable(reader).map(|(generation, index)| {
            let lane = &mut self.generations[generation][index];
            lane.in_flight = lane.in_flight.or_else(|| lane.waiting.pop_front());
            (generation, index, lane.in_flight.unwrap().id)
        });
        let id = |record: &crate::Record| u64::from_le_bytes(*record.body.first_chunk().unwrap());
        assert_eq!(record.as_ref().map(id), expected.map(|(.., id)| id));
        if let Some((record, (generation, lane, _))) = record.zip(expected) {
            self.taken.insert(reader, (generation, lane, record.seq));
        }
    }

    fn commit(&mut self, reader: usize) {
        if let Some((generation, lane, seq)) = self.taken.remove(&reader) {
            self.readers[reader].commit(seq);
            let lane = &mut self.generations[generation][lane];
            (lane.in_flight, lane.dropped_behind) = (None, false);
        }
    }

    /// Nothing that waits is lost; what was settled since the cursors were last written may come again.
    fn kill(&mut self) {
        let (tree, lanes) = (self.disk.tree(), self.settings.lanes);
        self.readers.clear();
        self.queue = None;
        let copy = Simulated::new(tree.clone());
        let found = Queue::open_on(self.settings.clone(), Box::new(copy), || NOW.get()).unwrap();
        assert_eq!(found.stats().dropped_total().records, 0, "a kill damages nothing");
        let mut back: Vec<u64> = Vec::new();
        loop {
            let records: Vec<_> = (0..found.lanes()).flat_map(|lane| drain(&found, lane)).collect();
            back.extend(records.iter().map(|record| u64::from_le_bytes(*record.body.first_chunk().unwrap())));
            if records.is_empty() {
                break;
            }
        }
        drop(found);
        let lanes_now = self.generations.iter().flatten();
        let waiting = lanes_now.flat_map(|lane| lane.waiting.iter().chain(&lane.in_flight)).map(|record| record.id);
        for id in waiting {
            assert!(back.contains(&id), "{id} waited and is gone: {back:?}");
        }
        // go on with an empty queue: which of the settled ones came back is not the model's business
        self.disk = Simulated::new(tree);
        let queue = Queue::open_on(self.settings.clone(), Box::new(self.disk.clone()), || NOW.get()).unwrap();
        while (0..queue.lanes()).map(|lane| drain(&queue, lane).len()).sum::<usize>() > 0 {}
        round(&queue).unwrap();
        queue.close().unwrap();
        drop(queue);
        self.generations.clear();
        self.begin_generation(lanes);
        self.start();
    }

    fn compare(&self) {
        let stats = self.queue().stats();
        assert_balance(&stats);
        let lanes = || self.generations.iter().flatten();
        let waiting: usize = lanes().map(|lane| lane.waiting.len()).sum();
        let in_flight = lanes().filter(|lane| lane.in_flight.is_some()).count();
        assert_eq!((stats.queued.records, stats.in_flight.records), (waiting as u64, in_flight as u64));
        assert_eq!(stats.queued.bytes + stats.in_flight.bytes, self.held());
        for reason in DropReason::ALL {
            let expected = self.dropped.get(reason.as_str()).copied().unwrap_or_default();
            let dropped = stats.dropped_for(reason);
            assert_eq!((dropped.records, dropped.entries), (expected, 2 * expected), "{}", reason.as_str());
        }
        let settled = self.acknowledged.load(Ordering::SeqCst);
        assert!(settled <= self.appended, "{settled} acknowledged of {}", self.appended);
        assert!(self.dir.path().exists());
    }
}

impl Lane {
    fn drop_head(&mut self) {
        self.waiting.pop_front();
        self.dropped_behind = self.in_flight.is_some();
    }

    fn is_empty(&self) -> bool {
        self.in_flight.is_none() && self.waiting.is_empty()
    }
}

const CASES: u32 = 400;

#[test]
fn every_policy_counts_what_its_model_counts() {
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let policy = prop::sample::select(vec![WhenFull::Block, WhenFull::DropOldest, WhenFull::DropNewest]);
    let age = prop::option::of((100..1_000_u64).prop_map(Duration::from_millis));
    let mut steps = 0;
    let ops = prop::collection::vec(op(), 1..100);
    let counted = std::cell::RefCell::new(&mut steps);
    proptest!(config, |(when_full in policy, max_age in age, ops in ops)| {
        let mut model = Model::new(when_full, max_age);
        for op in &ops {
            model.apply(op);
            **counted.borrow_mut() += 1;
        }
    });
    println!("{CASES} histories, {steps} steps");
}
