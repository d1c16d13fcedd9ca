//! A lane's buffer, and the symbols of the series that are written there.

use std::sync::Arc;

use weir_model::{Labels, Page};

use super::series::SampleField;
use super::symbols::{Numbers, SymbolTable};
use crate::batch::{Batch, BatchSettings};
use crate::intake::Intake;
use crate::protocol::Protocol;

/// See the [module](self). Lives behind the lane's mutex.
pub(super) struct Lane {
    protocol: Protocol,
    pub(super) batch: Batch,
    /// Of 2.0 alone.
    pub(super) symbols: SymbolTable,
}

impl Lane {
    pub(super) fn new(protocol: Protocol, sinks: usize, lanes: usize) -> Self {
        Self { protocol, batch: Batch::new(protocol, sinks, lanes), symbols: SymbolTable::default() }
    }

    /// Writes a page's samples with `put`, which is given the sample's field and says whether there was anything to write.
    /// Returns how many there was nothing of.
    #[inline]
    pub(super) fn write<'a>(
        &mut self,
        lane: usize,
        sinks: &[Arc<dyn Intake>],
        limits: &BatchSettings,
        page: &Page<'_>,
        series: impl Fn(u32) -> &'a [u8],
        put: impl Fn(&mut Self, &mut SampleField, &[u8], f64) -> bool,
    ) -> u64 {
        let mut field = SampleField::at(page.time);
        let mut dropped = 0;
        for sample in page.samples {
            if sample.time != field.time {
                field = SampleField::at(sample.time);
            }
            if !put(self, &mut field, series(sample.slot), sample.value) {
                dropped += 1;
                continue;
            }
            self.added(lane, sinks, limits, sample.time);
        }
        self.batch.touch();
        dropped
    }

    /// A series with one sample was appended.
    #[inline]
    pub(super) fn added(&mut self, lane: usize, sinks: &[Arc<dyn Intake>], limits: &BatchSettings, time: i64) {
        self.batch.added(time);
        if self.batch.is_full(limits) || !self.symbols.has_room() {
            self.batch.seal(lane, sinks);
            self.batch.shed(sinks);
        }
    }

    /// Appends a series of either version that nothing is ready of, given as its labels.
    pub(super) fn put_labels(&mut self, field: &mut SampleField, labels: Labels<'_>, value: f64) {
        if self.protocol != Protocol::RemoteWrite2 {
            self.put_1(field, labels.as_bytes(), value);
            return;
        }
        let mut numbers = Numbers::default();
        self.symbols.take(labels, None, &mut numbers);
        self.put_2(field, numbers.as_bytes(), value);
        self.symbols.release(numbers.as_bytes());
    }

    /// Appends a series of 1.0, given as its labels.
    #[inline]
    pub(super) fn put_1(&mut self, field: &mut SampleField, labels: &[u8], value: f64) -> bool {
        if labels.is_empty() {
            return false;
        }
        field.put_series(&mut self.batch.raw, labels, value);
        true
    }

    /// Appends a series of 2.0, given as its numbers.
    #[inline]
    pub(super) fn put_2(&mut self, field: &mut SampleField, numbers: &[u8], value: f64) -> bool {
        let Batch { head, raw, .. } = &mut self.batch;
        if head.is_empty() {
            self.symbols.begin(head);
        }
        self.symbols.put_series(numbers, field.with(value), head, raw)
    }
}
