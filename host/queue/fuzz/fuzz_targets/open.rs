//! Opens a queue in whatever directory the input describes; see `weir_queue::fuzzing`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// For the queue's lock, the one file that is real.
static LOCK: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary directory"));

fuzz_target!(|data: &[u8]| weir_queue::fuzzing::open_any(LOCK.path(), data));
