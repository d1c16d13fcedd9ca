//! What an append of a usual request (70 KB) costs the caller, and a record's whole way.
#![allow(clippy::expect_used, reason = "a bench that cannot run should stop")]

use bytes::Bytes;
use divan::counter::BytesCount;
use weir_queue::{Queue, RecordMeta, Settings, WhenFull};

const BODY_BYTES: usize = 70_000;

fn main() {
    divan::main();
}

fn queue(dir: &tempfile::TempDir) -> Queue {
    let settings = Settings { max_bytes: 256 << 20, when_full: WhenFull::DropOldest, ..Settings::new(dir.path(), "b") };
    Queue::open(settings).expect("a queue in a fresh directory")
}

/// Into the page cache; the oldest make room, the thread syncs beside it.
#[divan::bench(sample_count = 200, sample_size = 10)]
fn append(bencher: divan::Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a directory");
    let queue = queue(&dir);
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
    let queue = queue(&dir);
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
