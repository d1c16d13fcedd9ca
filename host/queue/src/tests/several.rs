//! Several records of a lane in flight at once.

use std::sync::atomic::Ordering;

use tempfile::TempDir;

use super::harness::{append, assert_balance, bodies, crashed, drain, open, round, settings, try_next};
use crate::{LaneReader, Queue, Record, Settings, WhenFull};

const BODY: usize = 100;

fn filled(settings: &Settings, records: u8) -> Queue {
    let queue = open(settings);
    for i in 0..records {
        append(&queue, 0, &[i; BODY], 3).unwrap();
    }
    queue
}

fn take(reader: &mut LaneReader, records: usize) -> Vec<Record> {
    let mut taken = vec![try_next(reader).unwrap()];
    taken.extend(std::iter::from_fn(|| reader.another(|_, _| true)).take(records - 1));
    taken
}

#[test]
fn they_come_in_order_as_far_as_they_are_wanted_and_are_committed_one_by_one() {
    let dir = TempDir::new().unwrap();
    let queue = filled(&settings(dir.path(), 1), 5);
    let mut reader = queue.lane_reader(0);
    assert!(reader.another(|_, _| true).is_none(), "nothing is in flight to be behind of");
    let taken = take(&mut reader, 3);
    assert_eq!(taken.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(reader.another(|meta, len| meta.entries != 3 || len != BODY).is_none());
    assert_eq!(queue.stats().in_flight.records, 3);
    for record in taken {
        reader.commit(record.seq);
        assert_balance(&queue.stats());
    }
    assert_eq!(queue.stats().in_flight.records, 0);
    assert_eq!(bodies(&drain(&queue, 0)), [vec![3; BODY], vec![4; BODY]]);
}

#[test]
fn what_another_reader_left_in_flight_comes_again_in_order() {
    let dir = TempDir::new().unwrap();
    let queue = filled(&settings(dir.path(), 1), 5);
    let mut first = queue.lane_reader(0);
    let taken = take(&mut first, 3);
    first.commit(taken[0].seq);
    drop(first);
    let mut second = queue.lane_reader(0);
    assert_eq!(take(&mut second, 4).iter().map(|r| r.seq).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(queue.stats().in_flight.records, 4);
    assert_balance(&queue.stats());
}

#[test]
fn a_crash_repeats_what_was_not_committed_and_loses_nothing() {
    for committed in 0..=3 {
        let dir = TempDir::new().unwrap();
        let mut settings = Settings { segment_bytes: Some(400), ..settings(dir.path(), 1) };
        let queue = filled(&settings, 8);
        let mut reader = queue.lane_reader(0);
        for record in take(&mut reader, 4).iter().take(committed) {
            reader.commit(record.seq);
        }
        round(&queue).unwrap();
        let copy = crashed(dir.path());
        copy.path().clone_into(&mut settings.dir);
        let again = open(&settings);
        let expected: Vec<_> = (committed as u8..8).map(|i| vec![i; BODY]).collect();
        assert_eq!(bodies(&drain(&again, 0)), expected);
        assert_eq!(again.stats().dropped_total().records, 0);
        assert_balance(&again.stats());
    }
}

#[test]
fn none_of_them_makes_room() {
    let dir = TempDir::new().unwrap();
    let room_for_six = (BODY as u64 + 64) * 6;
    let settings = Settings { max_bytes: room_for_six, when_full: WhenFull::DropOldest, ..settings(dir.path(), 1) };
    let queue = filled(&settings, 6);
    let mut reader = queue.lane_reader(0);
    let taken = take(&mut reader, 3);
    for i in 6..9 {
        append(&queue, 0, &[i; BODY], 3).unwrap();
    }
    assert_eq!(queue.stats().dropped_total().records, 3);
    for record in &taken {
        reader.commit(record.seq);
    }
    let left: Vec<_> = (6..9).map(|i| vec![i; BODY]).collect();
    assert_eq!(bodies(&drain(&queue, 0)), left);
    assert_balance(&queue.stats());
}

#[test]
fn records_that_an_fsync_lost_are_still_in_flight() {
    let dir = TempDir::new().unwrap();
    let (queue, faults) = super::harness::open_faulty(&settings(dir.path(), 1));
    for i in 0..4 {
        append(&queue, 0, &[i; BODY], 3).unwrap();
    }
    let mut reader = queue.lane_reader(0);
    let taken = take(&mut reader, 3);
    faults.lost_from.store(0, Ordering::SeqCst);
    faults.sync_errno.store(i64::from(libc::EIO), Ordering::SeqCst);
    round(&queue).unwrap_err();
    faults.sync_errno.store(0, Ordering::SeqCst);
    round(&queue).unwrap();
    for record in &taken {
        reader.commit(record.seq);
    }
    assert_eq!(bodies(&drain(&queue, 0)), [vec![3; BODY]]);
    assert_balance(&queue.stats());
}

#[test]
fn what_is_put_back_makes_room_like_any_other_and_comes_again() {
    let dir = TempDir::new().unwrap();
    let room_for_six = (BODY as u64 + 64) * 6;
    let settings = Settings { max_bytes: room_for_six, when_full: WhenFull::DropOldest, ..settings(dir.path(), 1) };
    let queue = filled(&settings, 6);
    let mut reader = queue.lane_reader(0);
    let taken = take(&mut reader, 4);
    assert_eq!(reader.put_back(), 1);
    assert_eq!((queue.stats().in_flight.records, queue.stats().queued.records), (1, 5));
    assert_balance(&queue.stats());
    append(&queue, 0, &[6; BODY], 3).unwrap();
    assert_eq!(queue.stats().dropped_total().records, 1, "the second of the four");
    let again = take(&mut reader, 3);
    assert_eq!(again.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(again[0].body, taken[0].body);
    // what was dropped between the first two is not brought back
    assert_eq!(reader.put_back(), 1);
    assert_eq!(take(&mut reader, 3).iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 3, 4]);
    append(&queue, 0, &[7; BODY], 3).unwrap();
    for record in again {
        reader.commit(record.seq);
    }
    let left: Vec<_> = [5, 6, 7].map(|i| vec![i; BODY]).into();
    assert_eq!(bodies(&drain(&queue, 0)), left);
    assert_balance(&queue.stats());
}
