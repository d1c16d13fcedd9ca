//! The budget, with exact counts (fault 8).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::harness::{append, assert_balance, bodies, counted, crashed, drain, meta, open, round, settings, try_next};
use crate::storage::Disk;
use crate::{AppendError, DropReason, Queue, Settings, WhenFull};

/// A record of 36 bytes takes 100.
const BODY: usize = 36;

fn limited(dir: &TempDir, when_full: WhenFull) -> Settings {
    Settings { max_bytes: 500, when_full, ..settings(dir.path(), 2) }
}

#[tokio::test]
async fn block_refuses_until_there_is_room() {
    let dir = TempDir::new().unwrap();
    let queue = Arc::new(open(&limited(&dir, WhenFull::Block)));
    for i in 0..5 {
        append(&queue, i, &[0; BODY], 3).unwrap();
    }
    let calls = Arc::new(AtomicU64::new(0));
    let mut on_durable = counted(&calls);
    let body = Bytes::from(vec![1; BODY]);
    assert!(matches!(queue.append(0, meta(3), &body, &mut on_durable), Err(AppendError::Full(_))));
    assert!(on_durable.is_some());
    assert_eq!(queue.stats().offered.records, 5);

    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.room(BODY).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let mut reader = queue.lane_reader(0);
    let record = reader.next().await.unwrap();
    reader.commit(record.seq);
    waiting.await.unwrap();
    queue.append(0, meta(3), &body, &mut on_durable).unwrap();
    assert!(on_durable.is_none());
    assert_balance(&queue.stats());
    assert_eq!(queue.stats().dropped_total().records, 0);
}

#[test]
fn drop_newest_refuses_and_counts() {
    let dir = TempDir::new().unwrap();
    let queue = open(&limited(&dir, WhenFull::DropNewest));
    let calls = Arc::new(AtomicU64::new(0));
    let body = Bytes::from(vec![1; BODY]);
    for i in 0..8 {
        let result = queue.append(0, meta(3), &body, &mut counted(&calls));
        assert_eq!(matches!(result, Err(AppendError::Dropped(DropReason::QueueFullNewest))), i >= 5);
    }
    // dropped by policy is settled
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    let stats = queue.stats();
    assert_eq!((stats.offered.records, stats.queued.records), (8, 5));
    let dropped = stats.dropped_for(DropReason::QueueFullNewest);
    assert_eq!((dropped.records, dropped.entries, dropped.bytes), (3, 9, 300));
    assert_balance(&stats);
}

#[test]
fn drop_oldest_makes_room_across_lanes_but_not_in_flight() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let dir = TempDir::new().unwrap();
    let clock = || NOW.fetch_add(1, Ordering::SeqCst);
    let queue = Queue::open_on(limited(&dir, WhenFull::DropOldest), Box::new(Disk), clock).unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    for i in 0..5_u8 {
        let body = Bytes::from(vec![i; BODY]);
        queue.append(usize::from(i), meta(3), &body, &mut counted(&calls)).unwrap();
    }
    let mut reader = queue.lane_reader(0);
    let in_flight = try_next(&mut reader).unwrap();
    assert_eq!(in_flight.body[0], 0);
    let appended = queue.append(0, meta(3), &Bytes::from(vec![5; 2 * BODY]), &mut None).unwrap();
    assert_eq!((appended.pushed_out.records, appended.pushed_out.entries), (2, 6));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    // still the same record, then what is left: 1 (lane 1) and 2 (lane 0) had to go
    assert_eq!(try_next(&mut reader).unwrap().seq, in_flight.seq);
    reader.commit(in_flight.seq);
    assert_eq!(bodies(&drain(&queue, 0)), [vec![4; BODY], vec![5; 2 * BODY]]);
    assert_eq!(bodies(&drain(&queue, 1)), [vec![3; BODY]]);
    let stats = queue.stats();
    assert_eq!(stats.dropped_for(DropReason::QueueFull).entries, 6);
    assert_eq!((stats.committed.records, stats.queued.bytes), (4, 0));
    assert_balance(&stats);
}

#[test]
fn what_was_dropped_behind_a_record_in_flight_does_not_count_as_damaged_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let mut settings = Settings { lanes: 1, segment_bytes: Some(200), ..limited(&dir, WhenFull::DropOldest) };
    let queue = open(&settings);
    for i in 0..5 {
        append(&queue, 0, &[i; BODY], 3).unwrap();
    }
    let mut reader = queue.lane_reader(0);
    assert_eq!(try_next(&mut reader).unwrap().seq, 1);
    for i in 5..8 {
        append(&queue, 0, &[i; BODY], 3).unwrap();
    }
    round(&queue).unwrap();
    let copy = crashed(dir.path());
    settings.dir = copy.path().to_owned();
    let again = open(&settings);
    let stats = again.stats();
    assert_eq!((stats.recovered.records, stats.in_flight.records, stats.queued.records), (5, 1, 4));
    let expected: Vec<_> = [0, 4, 5, 6, 7].map(|i| vec![i; BODY]).into();
    assert_eq!(bodies(&drain(&again, 0)), expected);
    assert_eq!(again.stats().dropped_total().records, 0);
    assert_balance(&again.stats());
}

#[test]
fn too_large_is_dropped_by_every_policy() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::DropNewest] {
        let dir = TempDir::new().unwrap();
        let queue = open(&limited(&dir, when_full));
        append(&queue, 0, &[1; BODY], 1).unwrap();
        let result = append(&queue, 0, &[1; 500], 9);
        assert!(matches!(result, Err(AppendError::Dropped(DropReason::QueueTooLarge))));
        assert_eq!(queue.stats().dropped_for(DropReason::QueueTooLarge).entries, 9);
        assert_eq!(queue.stats().queued.records, 1);
        assert_balance(&queue.stats());
    }
}

#[test]
fn old_records_expire() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let dir = TempDir::new().unwrap();
    let settings = Settings { max_age: Some(Duration::from_millis(100)), ..settings(dir.path(), 1) };
    let queue = Queue::open_on(settings, Box::new(Disk), || NOW.load(Ordering::SeqCst)).unwrap();
    for i in 0..4 {
        NOW.store(i * 50, Ordering::SeqCst);
        append(&queue, 0, &[i as u8], 2).unwrap();
    }
    NOW.store(151, Ordering::SeqCst);
    round(&queue).unwrap();
    assert_eq!(queue.stats().dropped_for(DropReason::QueueAge).entries, 4);
    assert_eq!(bodies(&drain(&queue, 0)), [[2], [3]]);
    assert_balance(&queue.stats());
}

#[test]
fn lanes_with_a_backlog_stay_together() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let minute = 60_000;
    let dir = TempDir::new().unwrap();
    let queue = Queue::open_on(settings(dir.path(), 3), Box::new(Disk), || NOW.load(Ordering::SeqCst)).unwrap();
    for i in 0..=30 {
        NOW.store(i * minute, Ordering::SeqCst);
        append(&queue, 0, b"slow", 1).unwrap();
        append(&queue, 1, b"fast", 1).unwrap();
    }
    append(&queue, 2, b"fresh", 1).unwrap();
    NOW.store(31 * minute - 1, Ordering::SeqCst);
    let mut fast = queue.lane_reader(1);
    let mut read = |until: i64| {
        while let Some(record) = try_next(&mut fast) {
            assert!(record.appended_ms <= until);
            fast.commit(record.seq);
        }
    };
    read(10 * minute);
    assert!(!queue.may_send(1) && queue.may_send(0) && queue.may_send(2));
    assert_eq!(queue.oldest_time(1), Some(11 * minute));
    let mut slow = queue.lane_reader(0);
    let record = try_next(&mut slow).unwrap();
    assert!(!queue.may_send(1), "a record in flight still counts");
    slow.commit(record.seq);
    assert!(queue.may_send(1));
    read(11 * minute);
    assert_eq!(drain(&queue, 2).len(), 1);
}

/// Writers, readers and the queue's own thread at once, with little room: nothing lost, order kept, all acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn under_load_everything_arrives_in_order() {
    const PER_LANE: u64 = 400;
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        max_bytes: 3_000,
        segment_bytes: Some(700),
        sync_interval: Duration::from_millis(1),
        sync_bytes: 0,
        ..settings(dir.path(), 3)
    };
    let queue = Arc::new(open(&settings));
    let calls = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for lane in 0..3 {
        let (writer, calls) = (queue.clone(), calls.clone());
        tasks.push(tokio::spawn(async move {
            for i in 0..PER_LANE {
                let body = Bytes::copy_from_slice(&i.to_le_bytes().repeat(1 + (i % 7) as usize));
                let mut on_durable = counted(&calls);
                while let Err(error) = writer.append(lane, meta(2), &body, &mut on_durable) {
                    assert!(matches!(error, AppendError::Full(_)));
                    writer.room(body.len()).await;
                }
            }
        }));
        let mut reader = queue.lane_reader(lane);
        tasks.push(tokio::spawn(async move {
            for i in 0..PER_LANE {
                let record = reader.next().await.unwrap();
                assert_eq!(record.seq, i + 1);
                assert_eq!(record.body[..8], i.to_le_bytes());
                reader.commit(record.seq);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    queue.close().unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 3 * PER_LANE);
    let stats = queue.stats();
    assert_balance(&stats);
    assert_eq!((stats.committed.entries, stats.dropped_total().records), (6 * PER_LANE, 0));
    assert_eq!((stats.queued.bytes, stats.in_flight.bytes), (0, 0));
    for lane in 0..3 {
        assert!(super::harness::segments(dir.path(), 1, lane).len() <= 1, "what was sent is removed");
    }
}
