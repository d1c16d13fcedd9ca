//! How long it takes to open 10 GB of queue.
#![allow(clippy::unwrap_used, reason = "a bench that cannot run should stop")]

#[path = "../tests/large/mod.rs"]
mod large;

use large::Large;
use weir_queue::{Queue, Settings};

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn ten_gigabytes(bencher: divan::Bencher<'_, '_>) {
    let large = Large::new(10 << 30);
    bencher.bench_local(|| Queue::open(Settings { max_bytes: 1 << 40, ..Settings::new(large.dir(), "sink") }).unwrap());
}
