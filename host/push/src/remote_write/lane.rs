//! A lane's buffer, the symbols of the series that are written there, and their later samples.

use std::sync::Arc;

use weir_model::{Labels, Page};

use super::later::{Later, Messages};
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
    pub(super) later: Later,
}

impl Lane {
    pub(super) fn new(protocol: Protocol, sinks: usize, lanes: usize) -> Self {
        let batch = Batch::new(protocol, sinks, lanes);
        Self { protocol, batch, symbols: SymbolTable::default(), later: Later::default() }
    }

    /// Writes a page's samples: to the message that the series has in the request under way, which is noted in `messages`,
    /// or with `put`, which is given the sample's field and says whether there was anything to write. Returns how many there
    /// was nothing of.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "what a lane does not know, once a page")]
    pub(super) fn write<'a>(
        &mut self,
        lane: usize,
        sinks: &[Arc<dyn Intake>],
        limits: &BatchSettings,
        page: &Page<'_>,
        messages: &mut Messages,
        series: impl Fn(u32) -> &'a [u8],
        put: impl Fn(&mut Self, &mut SampleField, &[u8], f64) -> bool,
    ) -> u64 {
        let mut field = SampleField::at(page.time);
        let mut dropped = 0;
        let again = self.later.has(messages.newest());
        let note = messages.page(again);
        for sample in page.samples {
            if !again || !self.later.add(messages.of(sample.slot), sample.time, sample.value) {
                if sample.time != field.time {
                    field = SampleField::at(sample.time);
                }
                if !put(self, &mut field, series(sample.slot), sample.value) {
                    dropped += 1;
                    continue;
                }
                let message = self.later.begun(sample.time);
                if note {
                    messages.note(sample.slot, message);
                }
            }
            self.added(lane, sinks, limits, sample.time);
        }
        messages.written(self.later.newest());
        self.batch.touch();
        dropped
    }

    /// A sample was added.
    #[inline]
    pub(super) fn added(&mut self, lane: usize, sinks: &[Arc<dyn Intake>], limits: &BatchSettings, time: i64) {
        self.batch.added(time);
        if self.batch.is_full(limits, self.later.bytes()) || !self.symbols.has_room() {
            self.seal(lane, sinks);
            self.batch.shed(sinks);
        }
    }

    /// Makes a request of what there is and offers it to the sinks.
    pub(super) fn seal(&mut self, lane: usize, sinks: &[Arc<dyn Intake>]) {
        self.complete();
        self.batch.seal(lane, sinks);
    }

    /// Writes the later samples: nothing can be added to the messages any more.
    pub(super) fn complete(&mut self) {
        if !self.later.is_empty() {
            let Batch { head, raw, .. } = &mut self.batch;
            self.later.write(raw, head);
            raw.clear();
        }
        self.later.clear();
    }

    /// Appends a series of either version that nothing is ready of, given as its labels, in a message of its own.
    pub(super) fn put_labels(&mut self, field: &mut SampleField, labels: Labels<'_>, value: f64) {
        let put = if self.protocol == Protocol::RemoteWrite2 {
            let mut numbers = Numbers::default();
            self.symbols.take(labels, None, &mut numbers);
            let put = self.put_2(field, numbers.as_bytes(), value);
            self.symbols.release(numbers.as_bytes());
            put
        } else {
            self.put_1(field, labels.as_bytes(), value)
        };
        if put {
            self.later.begun(field.time);
        }
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
