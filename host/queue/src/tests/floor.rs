//! The free-disk floor: below it the queue is full, whatever its budget says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tempfile::TempDir;

use super::harness::{
    TOTAL, append, assert_balance, bodies, counted, drain, meta, open_faulty, round, settings, try_next,
};
use crate::{AppendError, DEFAULT_MIN_FREE_DISK, DropReason, Health, Settings, WhenFull};

/// A record of 36 bytes takes 100.
const BODY: [u8; 36] = [7; 36];
const FLOOR: u64 = 8_000;

fn floored(dir: &TempDir, when_full: WhenFull) -> Settings {
    Settings { min_free_disk: Some(FLOOR), when_full, ..settings(dir.path(), 1) }
}

#[tokio::test]
async fn block_waits_until_there_is_room_again() {
    let dir = TempDir::new().unwrap();
    let (queue, faults) = open_faulty(&floored(&dir, WhenFull::Block));
    let queue = Arc::new(queue);
    faults.free.store(FLOOR + 150, Ordering::SeqCst);
    round(&queue).unwrap();
    append(&queue, 0, &BODY, 1).unwrap();
    // what was written since the last look counts, whether or not a round came between
    faults.free.store(FLOOR + 50, Ordering::SeqCst);
    assert!(matches!(append(&queue, 0, &BODY, 1), Err(AppendError::Full(DropReason::DiskLow))));
    assert_eq!(queue.health(), Health::DiskLow { min_free: FLOOR });
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.room(BODY.len()).await }
    });
    // an eighth of the floor more, lest every segment that goes opens the door
    faults.free.store(FLOOR + 999, Ordering::SeqCst);
    round(&queue).unwrap();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    assert!(matches!(append(&queue, 0, &BODY, 1), Err(AppendError::Full(DropReason::DiskLow))));
    faults.free.store(FLOOR + 1_000, Ordering::SeqCst);
    round(&queue).unwrap();
    waiting.await.unwrap();
    append(&queue, 0, &BODY, 1).unwrap();
    assert_eq!((queue.health(), queue.stats().dropped_total().records), (Health::Ok, 0));
    assert_eq!(drain(&queue, 0).len(), 2);
    assert_balance(&queue.stats());
}

#[test]
fn drop_newest_drops_and_counts() {
    let dir = TempDir::new().unwrap();
    let (queue, faults) = open_faulty(&floored(&dir, WhenFull::DropNewest));
    append(&queue, 0, &BODY, 1).unwrap();
    // somebody else takes the disk
    faults.free.store(FLOOR - 1, Ordering::SeqCst);
    round(&queue).unwrap();
    assert_eq!(queue.health(), Health::DiskLow { min_free: FLOOR });
    let calls = Arc::new(AtomicU64::new(0));
    for _ in 0..3 {
        let result = queue.append(0, meta(4), &Bytes::from_static(&BODY), &mut counted(&calls));
        assert!(matches!(result, Err(AppendError::Dropped(DropReason::DiskLow))));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    let dropped = queue.stats().dropped_for(DropReason::DiskLow);
    assert_eq!((dropped.records, dropped.entries, queue.stats().dropped_total()), (3, 12, dropped));
    faults.free.store(TOTAL, Ordering::SeqCst);
    round(&queue).unwrap();
    append(&queue, 0, &BODY, 1).unwrap();
    assert_eq!(drain(&queue, 0).len(), 2);
    assert_balance(&queue.stats());
}

#[test]
fn drop_oldest_takes_no_more_of_the_disk_than_it_has() {
    let dir = TempDir::new().unwrap();
    let (queue, faults) = open_faulty(&floored(&dir, WhenFull::DropOldest));
    for i in 0..4 {
        append(&queue, 0, &[i; 36], 3).unwrap();
    }
    faults.free.store(FLOOR - 1, Ordering::SeqCst);
    round(&queue).unwrap();
    let before = queue.stats().queued.bytes;
    // as large as two of them: two have to go
    let appended = queue.append(0, meta(3), &Bytes::from(vec![9; 136]), &mut None).unwrap();
    assert_eq!((appended.pushed_out.records, appended.pushed_out.entries), (2, 6));
    assert_eq!(queue.stats().queued.bytes, before);
    assert_eq!(queue.stats().dropped_for(DropReason::DiskLow).entries, 6);
    assert_eq!(bodies(&drain(&queue, 0)), [vec![2; 36], vec![3; 36], vec![9; 136]]);
    // nothing left that could go: what is in flight may not
    faults.free.store(TOTAL, Ordering::SeqCst);
    round(&queue).unwrap();
    append(&queue, 0, &BODY, 1).unwrap();
    assert!(try_next(&mut queue.lane_reader(0)).is_some());
    faults.free.store(0, Ordering::SeqCst);
    round(&queue).unwrap();
    assert!(matches!(append(&queue, 0, &BODY, 1), Err(AppendError::Dropped(DropReason::DiskLow))));
    assert_balance(&queue.stats());
}

#[test]
fn the_default_leaves_a_small_disk_usable() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_faulty(&Settings { min_free_disk: None, ..settings(dir.path(), 1) });
    assert_eq!(queue.shared.context.floor.min_free(), DEFAULT_MIN_FREE_DISK);
    // the real disk, whatever its size
    let real = TempDir::new().unwrap();
    let queue = crate::Queue::open(Settings { min_free_disk: None, ..settings(real.path(), 1) }).unwrap();
    let space = crate::storage::Storage::space(&crate::storage::Disk, real.path()).unwrap();
    assert!(space.free <= space.total && space.total > 0);
    assert_eq!(queue.shared.context.floor.min_free(), DEFAULT_MIN_FREE_DISK.min(space.total / 20));
}
