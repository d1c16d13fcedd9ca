//! Disks that fail (faults 6 and 7).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tempfile::TempDir;

use super::harness::{
    append, assert_balance, bodies, counted, crashed, drain, fail, meta, open, open_faulty, round, segments, settings,
    try_next,
};
use crate::{AppendError, DropReason, Health, Settings, WhenFull};

#[tokio::test]
async fn a_full_disk_blocks_and_recovers_unaided() {
    let dir = TempDir::new().unwrap();
    let (queue, faults) = open_faulty(&settings(dir.path(), 1));
    let queue = Arc::new(queue);
    append(&queue, 0, b"first", 1).unwrap();
    fail(&faults.write_errno, libc::ENOSPC);
    faults.written.store(70, Ordering::SeqCst);
    assert!(matches!(append(&queue, 0, b"second, torn", 1), Err(AppendError::Full(_))));
    assert_eq!(queue.health(), Health::DiskFull);
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.room(10).await }
    });
    let _ = round(&queue);
    assert_eq!(queue.health(), Health::DiskFull);
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    fail(&faults.write_errno, 0);
    round(&queue).unwrap();
    waiting.await.unwrap();
    assert_eq!(queue.health(), Health::Ok);
    append(&queue, 0, b"third", 1).unwrap();
    let copy = crashed(dir.path());
    assert_eq!(bodies(&drain(&queue, 0)), [b"first".to_vec(), b"third".to_vec()]);
    assert_balance(&queue.stats());
    let again = open(&settings(copy.path(), 1));
    assert_eq!(bodies(&drain(&again, 0)), [b"first".to_vec(), b"third".to_vec()]);
    assert_eq!(again.stats().dropped_total().records, 0);
}

#[test]
fn a_full_disk_drops_by_policy() {
    for when_full in [WhenFull::DropOldest, WhenFull::DropNewest] {
        let dir = TempDir::new().unwrap();
        let (queue, faults) = open_faulty(&Settings { when_full, ..settings(dir.path(), 1) });
        append(&queue, 0, b"first", 1).unwrap();
        fail(&faults.write_errno, libc::ENOSPC);
        let calls = Arc::new(AtomicU64::new(0));
        let result = queue.append(0, meta(4), &Bytes::from_static(b"second"), &mut counted(&calls));
        assert!(matches!(result, Err(AppendError::Dropped(DropReason::DiskFull))));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        fail(&faults.write_errno, 0);
        append(&queue, 0, b"third", 1).unwrap();
        assert_eq!(bodies(&drain(&queue, 0)), [b"first".to_vec(), b"third".to_vec()]);
        assert_eq!(queue.stats().dropped_for(DropReason::DiskFull).entries, 4);
        assert_balance(&queue.stats());
    }
}

#[test]
fn a_failing_write_is_never_acknowledged() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::DropNewest] {
        let dir = TempDir::new().unwrap();
        let (queue, faults) = open_faulty(&Settings { when_full, ..settings(dir.path(), 1) });
        append(&queue, 0, b"first", 1).unwrap();
        fail(&faults.write_errno, libc::EIO);
        faults.written.store(66, Ordering::SeqCst);
        let calls = Arc::new(AtomicU64::new(0));
        let mut on_durable = counted(&calls);
        let body = Bytes::from_static(b"second");
        assert!(matches!(queue.append(0, meta(4), &body, &mut on_durable), Err(AppendError::Storage)));
        assert!(on_durable.is_some() && matches!(queue.health(), Health::Failing(_)));
        fail(&faults.write_errno, 0);
        queue.append(0, meta(4), &body, &mut on_durable).unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        round(&queue).unwrap();
        assert_eq!((calls.load(Ordering::SeqCst), queue.health()), (1, Health::Ok));
        let copy = crashed(dir.path());
        let again = open(&settings(copy.path(), 1));
        assert_eq!(bodies(&drain(&again, 0)), [b"first".to_vec(), b"second".to_vec()]);
    }
}

#[test]
fn callbacks_wait_for_the_fsync_or_the_delivery() {
    let dir = TempDir::new().unwrap();
    let queue = open(&settings(dir.path(), 2));
    let calls = Arc::new(AtomicU64::new(0));
    let body = Bytes::from_static(b"x");
    queue.append(0, meta(1), &body, &mut counted(&calls)).unwrap();
    queue.append(1, meta(1), &body, &mut counted(&calls)).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    drain(&queue, 1);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    round(&queue).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    queue.append(0, meta(1), &body, &mut counted(&calls)).unwrap();
    queue.close().unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    let mut left = counted(&calls);
    assert!(matches!(queue.append(0, meta(1), &body, &mut left), Err(AppendError::Closed)));
    assert!(left.is_some() && try_next(&mut queue.lane_reader(0)).is_none());
}

/// Fsync fails and the kernel drops the pages: the records are written again, and only then acknowledged.
#[test]
fn after_a_failed_fsync_the_records_are_written_again() {
    for read_before in 0..5 {
        let dir = TempDir::new().unwrap();
        let settings = Settings { segment_bytes: Some(250), ..settings(dir.path(), 1) };
        let (queue, faults) = open_faulty(&settings);
        for i in 0..3_u8 {
            append(&queue, 0, &[i; 36], 1).unwrap();
        }
        round(&queue).unwrap();
        let calls = Arc::new(AtomicU64::new(0));
        for i in 3..7_u8 {
            queue.append(0, meta(1), &Bytes::from(vec![i; 36]), &mut counted(&calls)).unwrap();
        }
        let mut reader = queue.lane_reader(0);
        for _ in 0..read_before {
            let record = try_next(&mut reader).unwrap();
            reader.commit(record.seq);
        }
        let in_flight = try_next(&mut reader).unwrap();
        // record 2 is durable, at the start of the segment whose second record is not
        faults.lost_from.store(100, Ordering::SeqCst);
        fail(&faults.sync_errno, libc::EIO);
        round(&queue).unwrap_err();
        assert!(matches!(queue.health(), Health::Failing(_)));
        assert!(matches!(append(&queue, 0, b"not now", 1), Err(AppendError::Storage)));
        assert_eq!(try_next(&mut reader).unwrap().body, in_flight.body);
        // a disk without space for the copy: still nothing is lost
        fail(&faults.write_errno, libc::ENOSPC);
        round(&queue).unwrap_err();
        fail(&faults.write_errno, 0);
        fail(&faults.sync_errno, 0);
        let settled = (read_before as u64).saturating_sub(3);
        assert_eq!(calls.load(Ordering::SeqCst), settled);
        round(&queue).unwrap();
        assert_eq!((calls.load(Ordering::SeqCst), queue.health()), (4, Health::Ok));
        append(&queue, 0, &[7; 36], 1).unwrap();
        round(&queue).unwrap();

        let copy = crashed(dir.path());
        let expected: Vec<_> = (read_before..8).map(|i| vec![i as u8; 36]).collect();
        assert_eq!(bodies(&drain(&queue, 0)), expected);
        assert_balance(&queue.stats());
        assert_eq!(queue.stats().dropped_total().records, 0);
        let again = open(&Settings { dir: copy.path().to_owned(), ..settings });
        assert_eq!(bodies(&drain(&again, 0)), expected, "read before: {read_before}");
        assert_eq!(again.stats().dropped_total().records, 0);
        assert_balance(&again.stats());
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_sector_is_given_up_after_a_while() {
    let dir = TempDir::new().unwrap();
    let settings = Settings { segment_bytes: Some(100), ..settings(dir.path(), 1) };
    let queue = open(&settings);
    append(&queue, 0, b"unreadable", 5).unwrap();
    queue.close().unwrap();
    drop(queue);
    let (queue, faults) = open_faulty(&settings);
    fail(&faults.read_errno, libc::EIO);
    append(&queue, 0, b"good", 1).unwrap();
    let mut reader = queue.lane_reader(0);
    let record = reader.next().await.unwrap();
    assert_eq!(&record.body[..], b"good");
    assert_eq!(queue.stats().dropped_for(DropReason::QueueCorrupt).entries, 5);
    assert_balance(&queue.stats());
}

/// Whatever fails of making a segment durable or getting rid of it: nothing is acknowledged before it is true, and it is
/// made good when the disk works again.
#[test]
fn names_that_cannot_be_made_durable_or_removed_are_tried_again() {
    let dir = TempDir::new().unwrap();
    let settings = Settings { segment_bytes: Some(150), ..settings(dir.path(), 1) };
    let (queue, faults) = open_faulty(&settings);
    round(&queue).unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let append = |i: u8| queue.append(0, meta(1), &Bytes::from(vec![i; 36]), &mut counted(&calls));
    append(0).unwrap();
    append(1).unwrap();
    fail(&faults.dir_errno, libc::EIO);
    round(&queue).unwrap_err();
    assert_eq!(calls.load(Ordering::SeqCst), 0, "a file without a name that lasts is not durable");
    assert!(matches!(append(9), Err(AppendError::Storage)));
    fail(&faults.dir_errno, 0);
    round(&queue).unwrap();
    assert_eq!((calls.load(Ordering::SeqCst), queue.health()), (2, Health::Ok));

    for i in 2..5 {
        append(i).unwrap();
    }
    let mut reader = queue.lane_reader(0);
    for i in 0..4 {
        let record = try_next(&mut reader).unwrap();
        assert_eq!(record.body[0], i);
        reader.commit(record.seq);
    }
    let there = segments(dir.path(), 1, 0).len();
    assert!(there >= 3);
    // the cursor first: without it no segment may go
    fail(&faults.cursor_sync_errno, libc::EIO);
    round(&queue).unwrap_err();
    assert_eq!(segments(dir.path(), 1, 0).len(), there);
    fail(&faults.cursor_sync_errno, 0);
    fail(&faults.remove_errno, libc::EIO);
    round(&queue).unwrap_err();
    assert!(matches!(queue.health(), Health::Failing(_)));
    assert_eq!(segments(dir.path(), 1, 0).len(), there);
    fail(&faults.remove_errno, 0);
    round(&queue).unwrap();
    assert_eq!((segments(dir.path(), 1, 0).len(), queue.health()), (1, Health::Ok));
    assert_eq!(bodies(&drain(&queue, 0)), [vec![4; 36]]);
    assert_balance(&queue.stats());
}

/// Short writes and files that cannot be made or cut, by every error and policy: a record is refused or taken whole.
#[test]
fn a_record_is_refused_or_taken_whole_whatever_fails() {
    let mut cases = 0;
    for errno in [libc::ENOSPC, libc::EDQUOT, libc::EIO, libc::EMFILE] {
        for cut_fails in [false, true] {
            for written in 0..=100 {
                let dir = TempDir::new().unwrap();
                let (queue, faults) = open_faulty(&settings(dir.path(), 1));
                append(&queue, 0, &[1; 36], 1).unwrap();
                faults.written.store(written, Ordering::SeqCst);
                fail(&faults.write_errno, errno);
                fail(&faults.cut_errno, if cut_fails { libc::EIO } else { 0 });
                assert!(append(&queue, 0, &[2; 36], 1).is_err());
                fail(&faults.write_errno, 0);
                fail(&faults.create_errno, errno);
                let _ = append(&queue, 0, &[2; 36], 1);
                fail(&faults.create_errno, 0);
                round(&queue).unwrap();
                assert_eq!(queue.health(), Health::Ok, "it recovers unaided");
                append(&queue, 0, &[3; 36], 1).unwrap();
                let copy = crashed(dir.path());
                let delivered = bodies(&drain(&queue, 0));
                let whole = [[1; 36].to_vec(), [3; 36].to_vec()];
                let all = [[1; 36].to_vec(), [2; 36].to_vec(), [3; 36].to_vec()];
                assert!(delivered == whole || delivered == all, "{errno} after {written} bytes: {delivered:?}");
                assert_balance(&queue.stats());
                assert_eq!(queue.stats().dropped_total().records, 0);
                let again = open(&settings(copy.path(), 1));
                assert_eq!(bodies(&drain(&again, 0)), delivered, "{errno} after {written} bytes, reopened");
                assert_eq!(again.stats().dropped_total().records, 0);
                cases += 1;
            }
        }
    }
    println!("{cases} writes cut short");
}

#[tokio::test(start_paused = true)]
async fn a_bad_sector_at_opening_costs_what_it_holds_and_no_more() {
    for bad in 0..3 {
        let dir = TempDir::new().unwrap();
        let settings = Settings { segment_bytes: Some(100), ..settings(dir.path(), 1) };
        let queue = open(&settings);
        for i in 0..3_u8 {
            append(&queue, 0, &[i; 36], 5).unwrap();
        }
        queue.close().unwrap();
        drop(queue);
        let faults = Arc::<super::harness::Faults>::default();
        let name = segments(dir.path(), 1, 0)[bad].clone();
        *faults.bad_file.lock().unwrap() = Some(name);
        let disk = super::harness::FaultyDisk(faults);
        let queue = crate::Queue::open_on(settings, Box::new(disk), || 1_000).unwrap();
        assert_eq!(queue.stats().recovered.records, 3);
        append(&queue, 0, &[9; 36], 1).unwrap();
        let mut reader = queue.lane_reader(0);
        for i in [0, 1, 2, 9].into_iter().filter(|i| usize::from(*i) != bad) {
            let record = reader.next().await.unwrap();
            assert_eq!(record.body[0], i, "bad: {bad}");
            reader.commit(record.seq);
        }
        assert!(try_next(&mut reader).is_none());
        let lost = queue.stats().dropped_for(DropReason::QueueCorrupt);
        assert_eq!((lost.records, lost.entries), (1, 5), "bad: {bad}");
        assert_balance(&queue.stats());
    }
}

#[test]
fn a_queue_that_cannot_be_opened_says_why_and_works_later() {
    let dir = TempDir::new().unwrap();
    let settings = settings(dir.path(), 1);
    let queue = open(&settings);
    append(&queue, 0, b"kept", 1).unwrap();
    queue.close().unwrap();
    drop(queue);
    let faults = Arc::<super::harness::Faults>::default();
    let try_open =
        || crate::Queue::open_on(settings.clone(), Box::new(super::harness::FaultyDisk(faults.clone())), || 1_000);
    for errno in [libc::EMFILE, libc::EACCES] {
        fail(&faults.open_errno, errno);
        assert!(matches!(try_open(), Err(crate::OpenError::Io { .. })));
    }
    fail(&faults.open_errno, 0);
    let queue = try_open().unwrap();
    assert_eq!(bodies(&drain(&queue, 0)), [b"kept"]);
}
