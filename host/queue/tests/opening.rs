//! Opening 10 GB of queue reads next to nothing of it and keeps next to nothing of it in memory.
//!
//! Alone in its program: it asks the kernel what the process has read, and the allocator what is in use.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "tests say what counts they reached")]

mod large;

use large::{Large, SEGMENT_BYTES};
use weir_queue::{DEFAULT_LANES, Queue, Settings};

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// Bytes that the process has asked the kernel for, by `read` and its like.
fn bytes_read() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// What opening reads and keeps.
fn open(bytes: u64) -> (u64, u64) {
    let large = Large::new(bytes);
    let (read, kept) = (bytes_read(), ALLOCATOR.allocated() as u64);
    let queue = Queue::open(Settings { max_bytes: 1 << 40, ..Settings::new(large.dir(), "sink") }).unwrap();
    let (read, kept) = (bytes_read() - read, ALLOCATOR.allocated() as u64 - kept);
    let queued = queue.stats().queued;
    assert_eq!((queued.records, queued.bytes), (large.records, large.bytes));
    assert_eq!(queue.stats().dropped_total().records, 0);
    println!("{} segments of {bytes} bytes: {read} bytes read, {kept} bytes kept", large.segments);
    (read, kept)
}

#[test]
fn ten_gigabytes_cost_what_their_ends_cost() {
    const GIGABYTE: u64 = 1 << 30;
    let (read, kept) = open(10 * GIGABYTE);
    // the last segment's headers of each lane, the first header of every other one, and small files
    let lanes = u64::from(DEFAULT_LANES);
    let headers = lanes * (SEGMENT_BYTES / large::RECORD_BYTES + 2) + 10 * GIGABYTE / SEGMENT_BYTES;
    assert!(read < 2 * 64 * headers + (64 << 10), "{read} bytes were read for {headers} headers");
    // a name and some numbers for each segment; nothing of what is in it
    assert!(kept < 512 * 10 * GIGABYTE / SEGMENT_BYTES + (256 << 10), "{kept} bytes are kept");
    let (_, less) = open(GIGABYTE);
    let per_gigabyte = kept.saturating_sub(less) / 9;
    assert!(per_gigabyte < 64 << 10, "{per_gigabyte} bytes are kept for a gigabyte");
}
