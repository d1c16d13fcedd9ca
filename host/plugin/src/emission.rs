//! What a call emits, until it has succeeded; and how much a plugin may emit.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use weir_pipeline::guest::{Emission, EmittedLines, EmittedSamples, Emitter};

/// How many seconds' worth may come at once: a tick that emits all the series of a minute's aggregation.
const BURST: f64 = 10.0;

/// Where emitted records go. Without a place (`weir check`, a test of loading) they go nowhere.
#[derive(Clone, Default)]
pub struct EmitTo(pub Option<Arc<dyn Emitter>>);

impl fmt::Debug for EmitTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "EmitTo(there)" } else { "EmitTo(nowhere)" })
    }
}

/// How much one plugin may emit, over all its instances: so many records and bytes a second, ten seconds' worth at once. Bytes are those
/// that the records have while weir holds them, their labels written out: columns say a label once that stands in thousands of sets.
#[derive(Debug)]
pub(crate) struct Budget {
    records_per_second: f64,
    bytes_per_second: f64,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    records: f64,
    bytes: f64,
    at: Instant,
}

impl Budget {
    pub(crate) fn new(records_per_second: u32, bytes_per_second: u64) -> Self {
        let (records, bytes) = (f64::from(records_per_second), bytes_per_second as f64);
        let left = Left { records: records * BURST, bytes: bytes * BURST, at: Instant::now() };
        Self { records_per_second: records, bytes_per_second: bytes, left: Mutex::new(left) }
    }

    /// The most records that are ever taken at once.
    fn most_records(&self) -> usize {
        (self.records_per_second * BURST) as usize
    }

    /// The most bytes that are ever taken at once.
    fn most_bytes(&self) -> usize {
        (self.bytes_per_second * BURST) as usize
    }

    /// Takes so much out of the budget, if there is as much.
    pub(crate) fn take(&self, records: u64, bytes: usize, now: Instant) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(left.at).as_secs_f64();
        left.records = (left.records + passed * self.records_per_second).min(self.records_per_second * BURST);
        left.bytes = (left.bytes + passed * self.bytes_per_second).min(self.bytes_per_second * BURST);
        left.at = now;
        let (records, bytes) = (records as f64, bytes as f64);
        if left.records < records || left.bytes < bytes {
            return false;
        }
        left.records -= records;
        left.bytes -= bytes;
        true
    }
}

/// What the instances of a plugin share of this.
#[derive(Debug)]
pub(crate) struct EmitLimits {
    pub(crate) budget: Budget,
    /// Emissions that were taken, that broke the contract, that were too much, and that came at the wrong time.
    pub(crate) ok: Counter,
    pub(crate) malformed: Counter,
    pub(crate) over_budget: Counter,
    pub(crate) not_now: Counter,
}

/// Why nothing of an emission was taken.
#[derive(Debug)]
pub(crate) enum EmitRefusal {
    Malformed(String),
    OverBudget,
    NotNow,
}

/// What the call that is under way has emitted.
#[derive(Debug, Default)]
pub(crate) struct Emitting {
    open: bool,
    emission: Emission,
}

impl Emitting {
    /// A call begins, in which there may be emissions or not. What the one before has emitted and nobody took never was.
    pub(crate) fn begin(&mut self, open: bool) {
        self.open = open;
        self.emission = Emission::default();
    }

    /// The call has succeeded: what it has emitted.
    pub(crate) fn take(&mut self) -> Emission {
        self.open = false;
        std::mem::take(&mut self.emission)
    }

    /// Takes so many samples. `check` gets the most bytes that they may have, and gives none where they have more.
    pub(crate) fn samples(
        &mut self,
        limits: &EmitLimits,
        rows: u32,
        check: impl FnOnce(usize) -> Result<Option<EmittedSamples>, String>,
    ) -> Result<(), EmitRefusal> {
        let samples = self.checked(limits, check)?;
        if rows == 0 {
            return Ok(());
        }
        let Some(samples) = samples.filter(|s| limits.budget.take(rows.into(), s.bytes(), Instant::now())) else {
            self.emission.samples_over_budget += u64::from(rows);
            limits.over_budget.inc();
            return Err(EmitRefusal::OverBudget);
        };
        limits.ok.inc();
        self.emission.most_series = limits.budget.most_records();
        self.emission.samples.push(samples);
        Ok(())
    }

    /// Takes so many lines; `check` as above.
    pub(crate) fn lines(
        &mut self,
        limits: &EmitLimits,
        rows: u32,
        check: impl FnOnce(usize) -> Result<Option<EmittedLines>, String>,
    ) -> Result<(), EmitRefusal> {
        let lines = self.checked(limits, check)?;
        if rows == 0 {
            return Ok(());
        }
        let Some(lines) = lines.filter(|l| limits.budget.take(rows.into(), l.bytes(), Instant::now())) else {
            self.emission.lines_over_budget += u64::from(rows);
            limits.over_budget.inc();
            return Err(EmitRefusal::OverBudget);
        };
        limits.ok.inc();
        self.emission.lines.push(lines);
        Ok(())
    }

    fn checked<T>(
        &self,
        limits: &EmitLimits,
        check: impl FnOnce(usize) -> Result<Option<T>, String>,
    ) -> Result<Option<T>, EmitRefusal> {
        if !self.open {
            limits.not_now.inc();
            return Err(EmitRefusal::NotNow);
        }
        check(limits.budget.most_bytes()).map_err(|why| {
            limits.malformed.inc();
            EmitRefusal::Malformed(why)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_budget_fills_up_again() {
        let budget = Budget::new(10, 1000);
        let now = Instant::now();
        assert!(!budget.take(101, 0, now), "more than a burst is never taken");
        assert!(budget.take(100, 0, now));
        assert!(!budget.take(1, 0, now));
        assert!(!budget.take(0, 10_001, now));
        let later = now + Duration::from_secs(2);
        assert!(budget.take(20, 0, later));
        assert!(!budget.take(1, 0, later));
    }
}
