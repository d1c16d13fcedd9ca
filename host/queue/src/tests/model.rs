//! The queue against a model of it: any order of appends, reads, commits, rounds, restarts and crashes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::harness::{assert_balance, crashed, meta, open, round, segments, settings, try_next};
use crate::{LaneReader, Queue, Settings};

const LANES: u16 = 2;

#[derive(Clone, Debug)]
enum Op {
    Append { lane: usize, size: usize },
    Read { lane: usize },
    Commit { lane: usize },
    Round,
    Reopen,
    Crash { cut: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let lane = 0..usize::from(LANES);
    prop_oneof![
        8 => (lane.clone(), 0..200_usize).prop_map(|(lane, size)| Op::Append { lane, size }),
        6 => lane.clone().prop_map(|lane| Op::Read { lane }),
        5 => lane.prop_map(|lane| Op::Commit { lane }),
        3 => Just(Op::Round),
        1 => Just(Op::Reopen),
        1 => any::<bool>().prop_map(|cut| Op::Crash { cut }),
    ]
}

#[derive(Default)]
struct Lane {
    /// Every record that may still be there, by its number.
    records: BTreeMap<u64, Vec<u8>>,
    /// The first that is not committed.
    head: u64,
    in_flight: Option<u64>,
    /// A power cut took records that were delivered but not durable: their numbers may be given again.
    uncertain: bool,
    /// Every number before this one was durable.
    durable: u64,
    /// Lengths of the segment files at the last round: a power cut keeps at least these.
    kept: BTreeMap<PathBuf, u64>,
}

struct Model {
    dir: TempDir,
    settings: Settings,
    queue: Option<Queue>,
    readers: Vec<LaneReader>,
    lanes: Vec<Lane>,
    appended: Arc<AtomicU64>,
}

impl Model {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let settings = Settings { segment_bytes: Some(500), ..settings(dir.path(), LANES) };
        let lanes = (0..LANES).map(|_| Lane { head: 1, durable: 1, ..Lane::default() }).collect();
        let mut model = Self { dir, settings, queue: None, readers: Vec::new(), lanes, appended: Arc::default() };
        model.start();
        model
    }

    fn start(&mut self) {
        self.settings.dir = self.dir.path().to_owned();
        let queue = open(&self.settings);
        self.readers = (0..usize::from(LANES)).map(|lane| queue.lane_reader(lane)).collect();
        self.queue = Some(queue);
    }

    fn queue(&self) -> &Queue {
        self.queue.as_ref().unwrap()
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Append { lane, size } => self.append(lane, size),
            Op::Read { lane } => self.read(lane),
            Op::Commit { lane } => self.commit(lane),
            Op::Round => {
                round(self.queue()).unwrap();
                self.durable();
            }
            Op::Reopen => self.reopen(),
            Op::Crash { cut } => self.crash(cut),
        }
        assert_balance(&self.queue().stats());
    }

    fn append(&mut self, lane: usize, size: usize) {
        let number = self.appended.fetch_add(1, Ordering::SeqCst);
        let mut body = number.to_le_bytes().to_vec();
        body.resize(8 + size, number as u8);
        let body = Bytes::from(body);
        let appended = self.queue().append(lane, meta(3), &body, &mut None).unwrap();
        let model = &mut self.lanes[lane];
        let next = model.records.last_key_value().map_or(model.head, |(seq, _)| seq + 1);
        if std::mem::take(&mut model.uncertain) {
            assert!((model.durable..=next).contains(&appended.seq));
            model.head = appended.seq;
        } else {
            assert_eq!(appended.seq, next);
        }
        model.records.insert(appended.seq, body.to_vec());
    }

    fn read(&mut self, lane: usize) {
        let model = &mut self.lanes[lane];
        let record = try_next(&mut self.readers[lane]);
        let expected = model.records.range(model.head..).next();
        assert_eq!(record.as_ref().map(|r| (r.seq, r.body.to_vec())), expected.map(|(seq, body)| (*seq, body.clone())));
        model.in_flight = record.map(|record| record.seq);
    }

    fn commit(&mut self, lane: usize) {
        let model = &mut self.lanes[lane];
        if let Some(seq) = model.in_flight.take() {
            self.readers[lane].commit(seq);
            model.head = seq + 1;
        }
    }

    fn durable(&mut self) {
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if !lane.uncertain {
                lane.durable = lane.records.last_key_value().map_or(lane.head, |(seq, _)| seq + 1);
            }
            let files = segments(self.dir.path(), 1, index as u16);
            lane.kept = files.into_iter().map(|path| (path.clone(), path.metadata().unwrap().len())).collect();
        }
    }

    /// A clean restart loses nothing and repeats nothing but what was in flight.
    fn reopen(&mut self) {
        self.queue().close().unwrap();
        self.durable();
        self.queue = None;
        self.start();
        let stats = self.queue().stats();
        let left: usize = self.lanes.iter().map(|lane| lane.records.range(lane.head..).count()).sum();
        assert_eq!((stats.queued.records, stats.dropped_total().records), (left as u64, 0));
        self.lanes.iter_mut().for_each(|lane| lane.in_flight = None);
    }

    /// A crash repeats what the cursor on disk does not know; a power cut may lose what was not synced besides.
    fn crash(&mut self, cut: bool) {
        let copy = crashed(self.dir.path());
        for (index, lane) in self.lanes.iter().enumerate().filter(|_| cut) {
            for path in segments(copy.path(), 1, index as u16) {
                let original = self.dir.path().join(path.strip_prefix(copy.path()).unwrap());
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                file.set_len(lane.kept.get(&original).copied().unwrap_or(0)).unwrap();
            }
        }
        self.queue = None;
        self.dir = copy;
        self.start();
        assert_eq!(self.queue().stats().dropped_total().records, 0);
        for lane in 0..usize::from(LANES) {
            self.resume(lane, cut);
        }
        self.durable_after_crash();
    }

    /// Finds out where the lane stands, and that it may stand there.
    fn resume(&mut self, lane: usize, cut: bool) {
        let first = try_next(&mut self.readers[lane]).map(|record| record.seq);
        let model = &mut self.lanes[lane];
        let end = model.records.last_key_value().map_or(model.head, |(seq, _)| seq + 1);
        model.in_flight = None;
        let Some(first) = first else {
            assert!(if cut { model.durable <= model.head } else { model.head == end }, "records are missing");
            model.records.clear();
            model.uncertain |= cut;
            return;
        };
        assert!(first <= model.head, "records are missing");
        model.head = first;
        if cut {
            // a copy of the reader's own lane, read to its end, says how far it goes
            let copy = crashed(self.dir.path());
            let again = open(&Settings { dir: copy.path().to_owned(), ..self.settings.clone() });
            let last = super::harness::drain(&again, lane).last().map_or(0, |record| record.seq);
            let model = &mut self.lanes[lane];
            assert!(last + 1 >= model.durable.min(end), "durable records are missing");
            model.records.retain(|seq, _| *seq <= last);
        }
    }

    /// What a crash left is not known to be durable before the next round, but it is on this disk.
    fn durable_after_crash(&mut self) {
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let files = segments(self.dir.path(), 1, index as u16);
            lane.kept = files.into_iter().map(|path| (path.clone(), path.metadata().unwrap().len())).collect();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_its_model(ops in prop::collection::vec(op(), 1..80)) {
        let mut model = Model::new();
        for op in &ops {
            model.apply(op);
        }
    }
}
