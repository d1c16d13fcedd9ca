//! What an append of a usual request (70 KB) costs the caller, beside a plain `write` of the same bytes to files of the same
//! size, and a record's whole way.
//!
//! Memory to page cache: each sample is a burst below what the queue holds for an fsync, and what follows (the fsync, the
//! removal of old segments) is waited for outside the measurement, for both alike.
#![allow(clippy::expect_used, reason = "a bench that cannot run should stop")]

use std::fs::File;
use std::io::Write;

use bytes::Bytes;
use divan::counter::BytesCount;
use weir_queue::{Queue, RecordMeta, Settings, WhenFull};

const BODY_BYTES: usize = 70_000;

/// Appends in a burst: 14 MB, less than two segments.
const BURST: usize = 200;

fn main() {
    divan::main();
}

fn settings(dir: &tempfile::TempDir) -> Settings {
    Settings { lanes: 1, max_bytes: 256 << 20, when_full: WhenFull::DropOldest, ..Settings::new(dir.path(), "b") }
}

/// Into the page cache, by a queue.
#[divan::bench(sample_count = 40, sample_size = 1)]
fn append(bencher: divan::Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a directory");
    // the fsyncs come between the bursts
    let settings =
        Settings { sync_bytes: u64::MAX, sync_interval: std::time::Duration::from_hours(1), ..settings(&dir) };
    let body = Bytes::from(vec![0x5a; BODY_BYTES]);
    bencher
        .counter(BytesCount::new(BODY_BYTES * BURST))
        .with_inputs(|| Queue::open(settings.clone()).expect("a queue"))
        .bench_local_values(|queue| {
            for _ in 0..BURST {
                queue.append(0, RecordMeta::default(), &body, &mut None).expect("room");
            }
            // closed, and fsynced, outside the measurement
            queue
        });
}

/// The same bytes by `write` alone, to files that end where the queue's segments do.
#[divan::bench(sample_count = 40, sample_size = 1)]
fn plain_write(bencher: divan::Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a directory");
    let body = vec![0x5a; BODY_BYTES + 64];
    let mut number = 0;
    bencher.counter(BytesCount::new(BODY_BYTES * BURST)).bench_local(|| {
        let mut files = Vec::new();
        for i in 0..BURST {
            if i % 119 == 0 {
                number += 1;
                files.push(File::create(dir.path().join(number.to_string())).expect("a file"));
            }
            let file = files.last_mut().expect("the file just made");
            file.write_all(&body).expect("written");
        }
        Synced(files)
    });
}

/// Files that are fsynced when they go, as the queue's are.
struct Synced(Vec<File>);

impl Drop for Synced {
    fn drop(&mut self) {
        for file in &self.0 {
            file.sync_data().expect("fsynced");
        }
    }
}

/// Appended while the queue's thread fsyncs beside it, as it does under load: what the disk lets through.
#[divan::bench(sample_count = 100, sample_size = 10)]
fn append_and_sync(bencher: divan::Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a directory");
    let queue = Queue::open(Settings { lanes: 8, ..settings(&dir) }).expect("a queue");
    let body = Bytes::from(vec![0x5a; BODY_BYTES]);
    let mut lane = 0;
    bencher.counter(BytesCount::new(BODY_BYTES)).bench_local(|| {
        lane += 1;
        // so far behind that memory would pay for it: what a real caller waits for
        while queue.append(lane, RecordMeta::default(), &body, &mut None).is_err() {
            std::thread::yield_now();
        }
    });
}

/// Appended, read and committed at once, as when the receiver keeps up.
#[divan::bench(sample_count = 200, sample_size = 10)]
fn through(bencher: divan::Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a directory");
    let queue = Queue::open(settings(&dir)).expect("a queue");
    let body = Bytes::from(vec![0x5a; BODY_BYTES]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut reader = queue.lane_reader(0);
    bencher.counter(BytesCount::new(BODY_BYTES)).bench_local(|| {
        while queue.append(0, RecordMeta::default(), &body, &mut None).is_err() {
            std::thread::yield_now();
        }
        let record = runtime.block_on(reader.next()).expect("the record just appended");
        reader.commit(record.seq);
    });
}
