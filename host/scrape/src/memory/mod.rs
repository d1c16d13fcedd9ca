//! The scrape memory: what a target's last page looked like, so that only what changed is looked at.
//!
//! For each line of the last page, in order, the memory keeps a 64-bit hash of the text up to the value, that text's
//! length, and the slot of the series: 16 bytes. The next page is walked along it ([`walk`]): when the text at the position
//! hashes to what is expected, only the number is read. A line that is not where it was is looked for by its hash; one that
//! was not there at all is parsed, gets its labels, and is *born*. Live slots that the walk has not met *die*.
//! A slot costs another 8 bytes (a hash of its labels) and a bit.
//!
//! The hash's seed is random and secret, per process: with n lines the chance that a changed text passes for an expected
//! one is n in 2^64, and nobody who writes pages can raise it.
//!
//! Two texts may lead to the same labels (another order, relabelling). They share a slot, and the first on the page is
//! the sample; the rest are duplicates. No two live slots ever have the same labels.

mod bits;
mod family;
mod scratch;
mod times;
mod walk;

use rapidhash::v3::RapidSecrets;
use weir_model::{Sample, Slot};

pub(crate) use bits::Bits;
pub(crate) use scratch::{Scratch, ScratchPool};
use times::Times;
pub(crate) use walk::PageRules;

use crate::report::Report;

/// The first slots are those of the series that weir reports itself, whether they are all in use or not.
pub(crate) const REPORT_SLOTS: Slot = 8;

/// A line's place in [`Entry::slot`] when it has no slot.
pub(crate) mod state {
    /// A comment or metadata.
    pub(crate) const COMMENT: u32 = u32::MAX;
    /// Metric relabelling drops the series.
    pub(crate) const DROPPED: u32 = u32::MAX - 1;
    /// The series was there, but its slot has ended with a failed scrape or a generation: it will be born again.
    pub(crate) const GONE: u32 = u32::MAX - 2;
    /// The series was there, and no sample of it was ever taken, for their times. In what is counted it is new.
    pub(crate) const REFUSED: u32 = u32::MAX - 3;
    /// Never seen.
    pub(crate) const NEW: u32 = u32::MAX - 4;
}

/// One line of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Of the text up to the blank before the value; of a comment's whole text.
    hash: u64,
    /// Of that text, in bytes.
    len: u32,
    /// Or one of [`state`].
    slot: u32,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Memory {
    entries: Vec<Entry>,
    /// The slots that the outlet knows.
    live: Bits,
    /// For each slot a hash of its labels; what stands at a free slot means nothing.
    labels: Vec<u64>,
    /// How many entries the last whole page had.
    whole: usize,
    /// Of series with times of their own.
    times: Times,
    /// When the last page was scraped, in milliseconds since the epoch.
    last_time: i64,
}

/// What a walk counted; all are samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// On the page.
    pub(crate) scraped: u64,
    /// Left by metric relabelling, those dropped later included (as Prometheus counts); `sample_limit` is on these.
    pub(crate) relabelled: u64,
    /// Of texts that the page before did not have.
    pub(crate) series_added: u64,
    /// Second samples of one series and time.
    pub(crate) duplicates: u64,
    /// Older than an earlier one of the same series, on this page or the ones before.
    pub(crate) out_of_order: u64,
    /// Too far in the future or the past.
    pub(crate) out_of_bounds: u64,
}

impl Memory {
    /// Begins a page: nothing of the body is known yet, and the series that weir reports itself are on it.
    pub(crate) fn begin(&mut self, rules: PageRules<'_>, scratch: &mut Scratch) {
        scratch.begin(&self.live);
        for (slot, name) in (0..).zip(Report::names(rules.extra)) {
            scratch.seen.put(slot);
            if !self.live.contains(slot) {
                rules.series.report(name, &mut scratch.builder);
                let labels = scratch.builder.finish();
                set_at(&mut self.labels, slot, hash(labels.as_bytes(), rules.secrets));
                scratch.births.push_described(slot, labels, Report::metadata(slot));
            }
        }
    }

    /// The body cannot be used: all its series die, and what the walk has found so far is forgotten. Their texts are
    /// remembered, those that only this page had too, so that they do not count as added when they come back (as in
    /// Prometheus).
    pub(crate) fn fail(&mut self, rules: PageRules<'_>, scratch: &mut Scratch) {
        self.remember(scratch);
        self.end_slots();
        self.begin(rules, scratch);
    }

    /// The most entries that pages which fail may add up to, as in Prometheus (`scrapeCache.iterDone`): a target whose
    /// every page fails and is another one shall not fill the memory.
    fn may_remember(&self) -> usize {
        self.whole * 2 + 1000
    }

    /// Adds what is new on a page that failed.
    fn remember(&mut self, scratch: &mut Scratch) {
        if scratch.layout.is_empty() {
            return;
        }
        let most = self.may_remember();
        scratch.fill_positions(&self.entries);
        for entry in scratch.layout.drain(..).filter(|e| e.slot != state::COMMENT) {
            if self.entries.len() >= most {
                return;
            }
            let position = scratch.positions.entry(entry.hash).or_insert(scratch::THIS_PAGE);
            if *position == scratch::THIS_PAGE {
                *position = self.entries.len() as u32;
                self.entries.push(entry);
            }
        }
    }

    /// The outlet has begun a new generation: it knows no slot any more.
    pub(crate) fn new_generation(&mut self) {
        self.end_slots();
        self.live.clear();
        self.labels = Vec::new();
    }

    /// The rules that make labels have changed: every text is parsed again. Slots whose labels stay live on.
    pub(crate) fn new_rules(&mut self) {
        self.entries = Vec::new();
    }

    /// Adds what weir reports itself and computes the deaths. The page is whole after this, and the memory is that of the
    /// page to come.
    pub(crate) fn finish(&mut self, report: &Report, time: i64, scratch: &mut Scratch) {
        for (slot, value) in (0..).zip(report.values()) {
            scratch.samples.push(Sample { slot, own_time: false, time, value });
        }
        scratch.deaths.extend(self.live.minus(&scratch.seen));
        self.times.ended(&scratch.deaths, &self.labels, time);
        self.last_time = time;
        if !scratch.deaths.is_empty() || !scratch.births.is_empty() {
            self.live.copy_from(&scratch.seen);
        }
    }

    /// Bytes held while the target is at rest.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.labels.capacity() * size_of::<u64>()
            + self.live.heap_bytes()
            + self.times.heap_bytes()
    }

    fn end_slots(&mut self) {
        for entry in &mut self.entries {
            if entry.slot < state::NEW {
                entry.slot = state::GONE;
            }
        }
    }
}

fn set_at(list: &mut Vec<u64>, slot: Slot, value: u64) {
    let at = slot as usize;
    if at >= list.len() {
        list.resize(at + 1, 0);
    }
    list[at] = value;
}

#[inline]
fn hash(text: &[u8], secrets: &RapidSecrets) -> u64 {
    rapidhash::v3::rapidhash_v3_inline::<true, false, false>(text, secrets)
}

#[cfg(test)]
mod tests;
