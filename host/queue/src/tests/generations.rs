//! Another number of lanes.

use std::fs;

use tempfile::TempDir;

use super::harness::{append, assert_balance, bodies, drain, meta, open, round, settings, try_next};
use crate::queue::Queue;
use crate::settings::Settings;
use crate::storage::Disk;

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
fn a_writer_of_a_former_number_of_lanes_stays_in_front_of_those_of_the_new_one() {
    let dir = TempDir::new().unwrap();
    drop(open(&settings(dir.path(), 4)));
    let queue = open(&Settings { former_writers: true, ..settings(dir.path(), 3) });
    // nothing is left in the older generation, and yet it stays
    round(&queue).unwrap();
    let mut readers: Vec<_> = (0..3).map(|lane| queue.lane_reader(lane)).collect();
    let former = |lane, body: &'static [u8]| {
        queue.append_of(4, lane, meta(1), &bytes::Bytes::from_static(body), &mut None).unwrap();
    };
    former(3, b"first");
    append(&queue, 2, b"third", 1).unwrap();
    former(1, b"second");
    assert!(try_next(&mut readers[2]).is_none(), "what the former writer wrote is not sent yet");
    for (reader, body) in [(0, b"first".as_slice()), (1, b"second"), (2, b"third")] {
        let record = try_next(&mut readers[reader]).unwrap();
        assert_eq!(record.body, body);
        readers[reader].commit(record.seq);
    }
    assert!(dir.path().join("gen-00000001").exists());
    queue.former_writers_are_gone();
    round(&queue).unwrap();
    assert!(!dir.path().join("gen-00000001").exists());
    // one that was forgotten loses nothing but its place
    former(3, b"late");
    assert_eq!(try_next(&mut readers[0]).unwrap().body, b"late".as_slice());
    assert_balance(&queue.stats());
}

#[test]
fn a_reader_of_several_lanes_reads_the_oldest_backlog_first() {
    let dir = TempDir::new().unwrap();
    let at = |lanes, clock| Queue::open_on(settings(dir.path(), lanes), Box::new(Disk), clock).unwrap();
    // an hour between both, and both long ago
    let queue = at(2, || 0);
    append(&queue, 1, b"old", 1).unwrap();
    drop(queue);
    let queue = at(2, || 3_600_000);
    append(&queue, 0, b"young", 1).unwrap();
    drop(queue);
    let queue = at(1, || 36_000_000);
    assert_eq!(bodies(&drain(&queue, 0)), [b"old".to_vec(), b"young".to_vec()]);
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
