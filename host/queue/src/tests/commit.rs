//! Group commit: what waits for an fsync becomes durable after a while, or when there is enough of it.

use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::harness::{crashed, drain, meta, open, settings};
use crate::{Queue, Settings};

/// Appends and says which number became durable.
fn append(queue: &Queue, number: u32, bytes: usize, durable: &mpsc::Sender<u32>) {
    let durable = durable.clone();
    let mut on_durable: Option<crate::OnDurable> = Some(Box::new(move || durable.send(number).unwrap()));
    queue.append(number as usize, meta(1), &Bytes::from(vec![1; bytes]), &mut on_durable).unwrap();
}

#[test]
fn after_the_interval_everything_is_acknowledged_and_durable() {
    let dir = TempDir::new().unwrap();
    let queue = open(&Settings { sync_interval: Duration::from_millis(20), ..settings(dir.path(), 2) });
    let (sender, durable) = mpsc::channel();
    for number in 0..10 {
        append(&queue, number, 10, &sender);
    }
    let mut numbers: Vec<u32> = durable.iter().take(10).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
    let copy = crashed(dir.path());
    let again = open(&settings(copy.path(), 2));
    assert_eq!(drain(&again, 0).len() + drain(&again, 1).len(), 10);
}

#[test]
fn enough_bytes_do_not_wait_for_the_interval() {
    let dir = TempDir::new().unwrap();
    // headers count: they are written as well
    let queue = open(&Settings { sync_bytes: 1_000, ..settings(dir.path(), 2) });
    let (sender, durable) = mpsc::channel();
    for number in 0..9 {
        append(&queue, number, 36, &sender);
    }
    assert!(durable.try_recv().is_err(), "900 bytes wait for the interval, which is longer than this test");
    append(&queue, 9, 36, &sender);
    assert_eq!(durable.iter().take(10).count(), 10);
    // and the next ones wait again
    append(&queue, 10, 36, &sender);
    assert!(durable.try_recv().is_err());
    queue.close().unwrap();
    assert_eq!(durable.recv(), Ok(10));
}
