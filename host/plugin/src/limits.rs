//! How much memory and how many tables one instance may have.

use wasmtime::ResourceLimiter;

use crate::engine::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use crate::metrics::MemoryGauge;

/// Counts what an instance has, and refuses what goes beyond.
#[derive(Debug)]
pub(crate) struct Limits {
    memory_limit: usize,
    memory: usize,
    /// What it had once it was configured.
    fresh: usize,
    /// What it had before the call that is under way.
    before: usize,
    /// Calls since it was configured.
    calls: u64,
    table_limit: usize,
    table_elements: usize,
    refused: bool,
    shown: MemoryGauge,
}

impl Limits {
    pub(crate) fn new(memory_limit: usize, table_limit: usize, shown: MemoryGauge) -> Self {
        let (memory, fresh, before, calls, table_elements) = (0, 0, 0, 0, 0);
        Self { memory_limit, memory, fresh, before, calls, table_limit, table_elements, refused: false, shown }
    }

    /// The instance is configured: what it has now it needs, and does not leak.
    pub(crate) fn is_ready(&mut self) {
        self.fresh = self.memory;
        self.calls = 0;
    }

    /// A call begins.
    pub(crate) fn begin(&mut self) {
        self.before = self.memory;
        self.calls += 1;
    }

    /// Whether so much memory is in use that the instance is better replaced: a linear memory never shrinks, and one that
    /// leaks would die in the middle of a call. That is at three quarters of what was free when it was fresh, or where
    /// another call like the last one would find too little; the first call does not count, for it may have filled what
    /// others only use.
    pub(crate) fn is_near_limit(&self) -> bool {
        let (free, taken) = (self.memory_limit.saturating_sub(self.fresh), self.memory.saturating_sub(self.fresh));
        let last = if self.calls > 1 { self.memory - self.before } else { 0 };
        taken > free / 4 * 3 || last > self.memory_limit.saturating_sub(self.memory)
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
        if total > self.table_limit {
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
        let mut l = Limits::new(1000, 50, MemoryGauge::default());
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
    fn an_instance_wears_out_by_what_it_takes_after_it_was_configured() {
        let mut l = Limits::new(1000, 50, MemoryGauge::default());
        l.begin();
        assert!(l.memory_growing(0, 800, None).unwrap());
        l.is_ready();
        assert!(!l.is_near_limit(), "it needs that much, and so would another");
        l.begin();
        assert!(l.memory_growing(800, 900, None).unwrap());
        assert!(!l.is_near_limit(), "a first call may fill what others use");
        l.begin();
        assert!(l.memory_growing(900, 930, None).unwrap());
        assert!(!l.is_near_limit());
        l.begin();
        assert!(l.memory_growing(930, 951, None).unwrap());
        assert!(l.is_near_limit(), "three quarters of what was free");
        let mut l = Limits::new(1000, 50, MemoryGauge::default());
        for at in [0, 350] {
            l.begin();
            assert!(l.memory_growing(at, at + 350, None).unwrap());
        }
        assert!(l.is_near_limit(), "there is no room for another such call");
    }

    #[test]
    fn tables_end_somewhere() {
        let mut l = Limits::new(1000, 50, MemoryGauge::default());
        assert!(l.table_growing(0, 50, None).unwrap());
        assert!(!l.table_growing(0, 1, None).unwrap());
        assert!(l.take_refusal());
    }
}
