//! Another number of lanes.

use std::fs;

use tempfile::TempDir;

use super::harness::{append, assert_balance, open, round, settings, try_next};

#[test]
fn an_older_generation_is_sent_first_and_removed() {
    for (before, after) in [(5, 2), (2, 5), (3, 1)] {
        let dir = TempDir::new().unwrap();
        let queue = open(&settings(dir.path(), before));
        for i in 0..20_u8 {
            append(&queue, usize::from(i), &[i], 1).unwrap();
        }
        queue.close().unwrap();
        drop(queue);

        let queue = open(&settings(dir.path(), after));
        for i in 20..40_u8 {
            append(&queue, usize::from(i), &[i], 1).unwrap();
        }
        assert_eq!(queue.stats().queued.records, 40);
        let mut readers: Vec<_> = (0..usize::from(after)).map(|lane| queue.lane_reader(lane)).collect();
        let mut order = Vec::new();
        while let Some((reader, record)) = readers.iter_mut().find_map(|reader| {
            let record = try_next(reader)?;
            Some((reader, record))
        }) {
            reader.commit(record.seq);
            order.push(record.body[0]);
        }
        assert_eq!(order.len(), 40);
        assert!(order[..20].iter().all(|i| *i < 20), "{order:?}");
        for lane in 0..before as u8 {
            let of_lane: Vec<_> = order.iter().filter(|i| **i < 20 && **i % before as u8 == lane).collect();
            assert!(of_lane.is_sorted());
        }
        round(&queue).unwrap();
        assert!(!dir.path().join("gen-00000001").exists());
        assert!(dir.path().join("gen-00000002").exists());
        assert_balance(&queue.stats());
        queue.close().unwrap();
        drop(queue);
        let queue = open(&settings(dir.path(), after));
        assert_eq!(queue.stats().queued.records, 0);
    }
}

#[test]
fn half_removed_and_half_made_generations_do_no_harm() {
    let dir = TempDir::new().unwrap();
    drop(open(&settings(dir.path(), 2)));
    fs::create_dir_all(dir.path().join("gone-7/lane-00")).unwrap();
    fs::create_dir_all(dir.path().join("gen-00000002/lane-00")).unwrap();
    let queue = open(&settings(dir.path(), 2));
    append(&queue, 0, b"x", 1).unwrap();
    assert!(!dir.path().join("gone-7").exists());
    assert!(!dir.path().join("gen-00000002").exists());
}

#[tokio::test]
async fn a_waiting_reader_wakes_when_the_older_generation_is_done() {
    let dir = TempDir::new().unwrap();
    let queue = open(&settings(dir.path(), 1));
    append(&queue, 0, b"old", 1).unwrap();
    drop(queue);
    let queue = open(&settings(dir.path(), 2));
    append(&queue, 1, b"new", 1).unwrap();
    let mut second = queue.lane_reader(1);
    let waiting = tokio::spawn(async move { second.next().await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let mut first = queue.lane_reader(0);
    let record = first.next().await.unwrap();
    first.commit(record.seq);
    assert_eq!(&waiting.await.unwrap().unwrap().body[..], b"new");
}
