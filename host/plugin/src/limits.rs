//! How much memory and how many tables one instance may have.

use wasmtime::ResourceLimiter;

use crate::engine::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};
use crate::metrics::MemoryGauge;

/// Counts what an instance has, and refuses what goes beyond.
#[derive(Debug)]
pub(crate) struct Limits {
    memory_limit: usize,
    memory: usize,
    table_elements: usize,
    refused: bool,
    shown: MemoryGauge,
}

impl Limits {
    pub(crate) fn new(memory_limit: usize, shown: MemoryGauge) -> Self {
        Self { memory_limit, memory: 0, table_elements: 0, refused: false, shown }
    }

    /// Whether so much memory is in use that the instance is better replaced: a linear memory never shrinks, and one that
    /// leaks would die in the middle of a call.
    pub(crate) fn is_near_limit(&self) -> bool {
        self.memory > self.memory_limit / 4 * 3
    }

    /// Whether something was refused since the last time this was asked. To the guest a refusal looks like any failed
    /// allocation, and the trap that follows like an abort.
    pub(crate) fn take_refusal(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            self.refused = true;
            return Ok(false);
        }
        self.memory = total;
        self.shown.set(total);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > MAX_TABLE_ELEMENTS {
            self.refused = true;
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_count_together() {
        let mut l = Limits::new(1000, MemoryGauge::default());
        assert!(l.memory_growing(0, 600, None).unwrap());
        assert!(l.memory_growing(0, 400, None).unwrap());
        assert!(!l.take_refusal());
        assert!(!l.memory_growing(400, 401, None).unwrap());
        assert!(l.take_refusal());
        assert!(!l.take_refusal());
        assert_eq!(l.memory, 1000);
        assert!(l.is_near_limit());
    }

    #[test]
    fn tables_end_somewhere() {
        let mut l = Limits::new(1000, MemoryGauge::default());
        assert!(l.table_growing(0, MAX_TABLE_ELEMENTS, None).unwrap());
        assert!(!l.table_growing(0, 1, None).unwrap());
        assert!(l.take_refusal());
    }
}
