//! weir-queue: the segmented disk queue of opaque bytes.
//!
//! Each sink has one [`Queue`] in a directory of its own. Records go into a fixed number of *lanes*; a lane keeps its
//! order and has one record in flight, or several in a row that share a request. The queue knows nothing of what a body
//! is: it keeps how many entries are in it, so that whatever becomes of the body, its entries can be counted. What lies on
//! disk can be looked at without opening it: [`inspect`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use weir_queue::{Queue, RecordMeta, Settings};
//!
//! let queue = Queue::open(Settings::new("/var/lib/weir/queue/mimir", "mimir"))?;
//! let meta = RecordMeta { entries: 3, ..RecordMeta::default() };
//! let mut on_durable: Option<weir_queue::OnDurable> = Some(Box::new(|| println!("safe")));
//! queue.append(0, meta, &bytes::Bytes::from_static(b"body"), &mut on_durable)?;
//!
//! let mut reader = queue.lane_reader(0);
//! while let Some(record) = reader.next().await {
//!     // send record.body …
//!     reader.commit(record.seq);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # On disk
//! ```text
//! <dir>/lock                                     held while the queue is open
//! <dir>/gen-00000001/queue.meta                  text: format version, generation, lanes, sink
//! <dir>/gen-00000001/lane-00/cursor              where the sender stands
//! <dir>/gen-00000001/lane-00/00000000000000000001.seg
//! ```
//! Segments are numbered in the order in which they were begun, and hold nothing but records, one behind the other. A
//! record is 64 bytes of header, little-endian, and the body:
//!
//! | bytes | |
//! |---|---|
//! | 0–3 | magic `f7 57 51 01` |
//! | 4–7 | length of the body |
//! | 8–15 | sequence number in the lane, from 1, without gaps: so also the running total of records |
//! | 16–23 | running total of entries before this record |
//! | 24–27 | entries in this record |
//! | 28, 29 | protocol and flags, the caller's own |
//! | 30–31 | zero |
//! | 32–39, 40–47 | earliest and latest time of an entry, in milliseconds |
//! | 48–55 | when it was appended, in milliseconds |
//! | 56–59 | CRC32C of the body |
//! | 60–63 | CRC32C of bytes 0–59 |
//!
//! A header is good when its magic and CRC are, its body is 64 MiB at most and its totals are below 2^54.
//!
//! A cursor file has two slots, at 0 and 4096, written in turn; the good one with the higher turn counts. A slot is 14
//! words of 8 bytes, little-endian, and the CRC32C of those:
//!
//! | words | |
//! |---|---|
//! | 0, 1 | magic `weircur1`; turn |
//! | 2–5 | the next record: number, entries before it, segment, place in the segment |
//! | 6–9, 10 | the record in flight, likewise, and its entries; 0 without one |
//! | 11, 12 | number and entries behind the last record that was durable |
//! | 13 | zero |
//!
//! `queue.meta` is replaced as a whole. Garbage in it is replaced by what the lanes' directories say. Files and directories
//! of other names are left alone.
//!
//! # Invariants
//! 1. **A damaged header** loses one record: the reader scans on to the next good header, and the difference of the
//!    totals on both sides says exactly what was lost. A damaged body loses its own record alone. Both are counted when
//!    the reader comes by, not at opening: until then they are part of `queued`, which opening knows from the totals at
//!    both ends of the lane without reading what lies between. What the disk cannot read is given up after five attempts,
//!    a second apart, and counted in the same way.
//! 2. **A torn tail** is cut off at opening. What the cursor says was durable and is gone counts as damaged, what was
//!    still being written as torn.
//! 3. **Written twice.** After a failed fsync, of a segment or of the directory that names it, the records that it should
//!    have made durable are written to a new segment from the copies in memory; the number of a segment's first record ends
//!    the validity of all segments before it from that number on. Nothing is acknowledged in between, and the lane takes no
//!    other record.
//! 4. **Removal** is: advance the cursor, fsync it, unlink the segment; what cannot be unlinked is tried again. Otherwise
//!    the cursor is written when a request is settled and fsynced every ten seconds: a crash of the process repeats the
//!    requests under way, a power cut at most ten seconds' deliveries. Without a cursor, or with one that is garbage, the oldest
//!    segment is read again from its beginning. Where one slot is damaged, the other may be older than a removal:
//!    then a segment that is missing at the front was sent, and is not counted as lost.
//! 5. **Records in flight** are never dropped by policy. Of several in a row the cursor knows the first alone, so a
//!    crash repeats the others. What is dropped behind the first leaves a gap on disk that the cursor knows of, so that
//!    a restart does not take it for damage.
//! 6. **Another number of lanes** begins a generation. The readers send the older one to its end before they touch the
//!    newer, and then its directory goes. A writer that counts the former number still appends to the older one
//!    ([`Queue::append_of`]), so that its records do not overtake each other.
//! 7. **Group commit.** Fsyncs are made by one thread of the queue: [`sync_interval`](Settings::sync_interval) after the
//!    last, or as soon as [`sync_bytes`](Settings::sync_bytes) wait for one. Only then is a record acknowledged; delivery,
//!    and a drop by policy, acknowledge it too. Appends only write into the page cache. What is not fsynced is held in
//!    memory as well, 32 MiB at most: with more, appends are refused until the disk comes along.
//! 8. **Full** is a queue that holds its budget, or whose disk has less than [`min_free_disk`](Settings::min_free_disk)
//!    left, or says that it has no space. Then [`when_full`](Settings::when_full) decides, and whatever it drops is counted
//!    under a [`DropReason`] that says which of the three it was. All of them end by themselves.
//! 9. At every moment `recovered + offered = committed + queued + in_flight + dropped`; see [`Stats`].
//!
//! # How it is tested
//! Every file operation goes through a seam (`storage.rs`). Behind it the tests put disks that fail, write short or lie, and
//! one in memory that remembers every operation, so that the power can go after each of them with any part of what was not
//! fsynced. Directories that hold anything are tried by `cargo test`, and at length by libFuzzer:
//!
//! ```sh
//! cd host/queue/fuzz
//! cargo run --release --target "$(rustc -vV | sed -n 's/^host: //p')" -- -max_total_time=60 corpus
//! ```
//!
//! What it finds goes into `fuzz/corpus`, which `cargo test` runs as well.

mod account;
mod cursor;
mod durability;
mod error;
mod floor;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod generation;
pub mod inspect;
mod lane;
mod policy;
mod queue;
mod reader;
mod recover;
mod segment;
mod settings;
mod shared;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), allow(dead_code, reason = "the fuzzer lets no power go"))]
mod simulated;
mod stats;
mod storage;
mod ticker;

#[cfg(test)]
mod tests;

pub use error::{AppendError, OpenError};
pub use queue::{Appended, OnDurable, Queue, RecordMeta};
pub use reader::{LaneReader, Record};
pub use settings::{
    DEFAULT_LANES, DEFAULT_MAX_BYTES, DEFAULT_MIN_FREE_DISK, DEFAULT_SYNC_BYTES, DEFAULT_SYNC_INTERVAL, MAX_LANES,
    MAX_SYNC_BYTES, Settings, WhenFull,
};
pub use stats::{DropReason, Health, Stats, Volume};
