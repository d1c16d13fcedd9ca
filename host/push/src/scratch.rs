//! Buffers to unpack labels into: one a page under way, not one a target.

use std::sync::{Mutex, PoisonError};

/// Buffers kept while nobody uses them: as many as pages are encoded at once on a mid-sized machine.
const KEPT: usize = 4;

/// A larger buffer is given back to the allocator: one huge target must not hold its size for ever.
const KEPT_BYTES: usize = 8 << 20;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct ScratchPool(Mutex<Vec<Vec<u8>>>);

impl ScratchPool {
    /// A buffer of any content.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, buffer: Vec<u8>) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < KEPT && buffer.capacity() <= KEPT_BYTES {
            pool.push(buffer);
        }
    }
}
