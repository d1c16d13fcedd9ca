//! The series that one plugin emits, as the slots of a target.

use std::hash::BuildHasher;

use hashbrown::HashMap;
use rapidhash::fast::RandomState;
use weir_model::{Births, LabelSet, Labels, Sample, Slot};
use weir_telemetry::SourceAccount;

use crate::guest::EmittedSamples;

/// How long a series may be silent before it has ended: what Prometheus looks back for the last sample of one.
pub(super) const SILENCE: i64 = 5 * 60 * 1000;

/// How far from now a sample's own time may be, as for scraped ones (in milliseconds).
const AHEAD: i64 = 10 * 60 * 1000;
const BEHIND: i64 = 60 * 60 * 1000;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Series {
    hasher: RandomState,
    by_hash: HashMap<u64, Slot, RandomState>,
    slots: Vec<Option<One>>,
    free: Vec<Slot>,
    /// When to look for silent ones again.
    next_look: i64,
    epoch: u64,
    births: Births,
    deaths: Vec<Slot>,
    samples: Vec<Sample>,
    slot_of_set: Vec<Slot>,
    /// Whether a row has that set.
    is_used: Vec<bool>,
    /// How many may be alive.
    most: usize,
    drops: Drops,
}

struct One {
    hash: u64,
    labels: LabelSet,
    /// Of its last sample.
    last: i64,
    /// When it was last emitted.
    seen: i64,
}

#[derive(Default)]
struct Drops {
    duplicate: u64,
    out_of_order: u64,
    out_of_bounds: u64,
    too_many: u64,
}

/// The next page.
pub(super) struct NextPage<'a> {
    pub(super) deaths: &'a [Slot],
    pub(super) births: &'a Births,
    pub(super) samples: &'a [Sample],
}

impl Series {
    /// Ends what has been silent for too long.
    pub(super) fn expire(&mut self, now: i64) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + SILENCE / 10;
        for (slot, place) in self.slots.iter_mut().enumerate() {
            if let Some(one) = place.take_if(|one| now - one.seen > SILENCE) {
                self.by_hash.remove(&one.hash);
                self.deaths.push(slot as Slot);
            }
        }
    }

    /// How many series may be alive from now on. Of those that are more none is ended.
    pub(super) fn allow(&mut self, most: usize) {
        self.most = most;
    }

    /// Puts an emission of this time on the next page.
    pub(super) fn write(&mut self, emitted: &EmittedSamples, time: i64, now: i64) {
        let mut before = std::mem::take(&mut self.slot_of_set);
        before.resize(emitted.label_ends.len(), Slot::MAX);
        self.is_used.clear();
        self.is_used.resize(before.len(), emitted.set_of_row.is_empty());
        for &set in &emitted.set_of_row {
            if let Some(is_used) = self.is_used.get_mut(set as usize) {
                *is_used = true;
            }
        }
        let mut start = 0;
        for (set, (slot, &end)) in before.iter_mut().zip(&emitted.label_ends).enumerate() {
            let labels = Labels::from_trusted(emitted.labels.get(start..end as usize).unwrap_or_default());
            start = end as usize;
            // a plugin emits its series in one order, time after time
            if self.is_used[set] && !self.is_at(*slot, labels, now) {
                *slot = self.slot(labels, now);
            }
        }
        self.slot_of_set = before;
        for (row, &value) in emitted.values.iter().enumerate() {
            let set = if emitted.set_of_row.is_empty() { row } else { emitted.set_of_row[row] as usize };
            let Some(&slot) = self.slot_of_set.get(set) else { continue };
            let Some(one) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else {
                self.drops.too_many += 1;
                continue;
            };
            let own = emitted.timestamps.get(row).copied();
            let time = own.unwrap_or(time);
            if own.is_some() && !(now - BEHIND..=now + AHEAD).contains(&time) {
                self.drops.out_of_bounds += 1;
            } else if time == one.last {
                self.drops.duplicate += 1;
            } else if time < one.last {
                self.drops.out_of_order += 1;
            } else {
                one.last = time;
                self.samples.push(Sample { slot, own_time: own.is_some(), time, value });
            }
        }
    }

    /// Books what did not come onto the page.
    pub(super) fn count_drops(&mut self, account: &SourceAccount) {
        let Drops { duplicate, out_of_order, out_of_bounds, too_many } = std::mem::take(&mut self.drops);
        let all = duplicate + out_of_order + out_of_bounds + too_many;
        if all > 0 {
            let mut passage = account.passage(all);
            passage.dropped("duplicate", duplicate);
            passage.dropped("out_of_order", out_of_order);
            passage.dropped("out_of_bounds", out_of_bounds);
            passage.dropped("emit_series", too_many);
            passage.end();
        }
    }

    /// Whether there is anything to hand on.
    pub(super) fn has_page(&self) -> bool {
        !(self.samples.is_empty() && self.deaths.is_empty())
    }

    /// How many samples are on the next page.
    pub(super) fn on_page(&self) -> u64 {
        self.samples.len() as u64
    }

    /// What there is to hand on. With another `epoch` than before slots start over: all living series are births.
    pub(super) fn page(&mut self, epoch: u64) -> NextPage<'_> {
        if std::mem::replace(&mut self.epoch, epoch) != epoch {
            self.births.clear();
            // those that end were never born there
            self.free.append(&mut self.deaths);
            for (slot, one) in self.slots.iter().enumerate() {
                if let Some(one) = one {
                    self.births.push(slot as Slot, one.labels.as_labels());
                }
            }
        }
        NextPage { deaths: &self.deaths, births: &self.births, samples: &self.samples }
    }

    /// The page was handed on.
    pub(super) fn next_page(&mut self) {
        self.free.append(&mut self.deaths);
        self.births.clear();
        self.samples.clear();
    }

    /// Whether this series has that slot; it is then seen now.
    fn is_at(&mut self, slot: Slot, labels: Labels<'_>, now: i64) -> bool {
        match self.slots.get_mut(slot as usize) {
            Some(Some(one)) if one.labels.as_labels() == labels => {
                one.seen = now;
                true
            }
            _ => false,
        }
    }

    /// The slot of a series; none where there are as many as may be.
    fn slot(&mut self, labels: Labels<'_>, now: i64) -> Slot {
        let hash = self.hasher.hash_one(labels.as_bytes());
        if let Some(&slot) = self.by_hash.get(&hash) {
            if let Some(one) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) {
                one.seen = now;
            }
            return slot;
        }
        if self.by_hash.len() >= self.most {
            return Slot::MAX;
        }
        let one = One { hash, labels: labels.to_owned(), last: i64::MIN, seen: now };
        let slot = self.free.pop().unwrap_or(self.slots.len() as Slot);
        if self.slots.len() <= slot as usize {
            self.slots.resize_with(slot as usize + 1, || None);
        }
        self.slots[slot as usize] = Some(one);
        self.by_hash.insert(hash, slot);
        self.births.push(slot, labels);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emitted(names: &[&str], rows: &[(u32, f64)], times: &[i64]) -> EmittedSamples {
        let mut e = EmittedSamples { timestamps: times.to_vec(), ..EmittedSamples::default() };
        for name in names {
            let set: LabelSet = [("__name__", *name)].iter().collect();
            e.labels.extend_from_slice(set.as_labels().as_bytes());
            e.label_ends.push(e.labels.len() as u32);
        }
        e.set_of_row = rows.iter().map(|r| r.0).collect();
        e.values = rows.iter().map(|r| r.1).collect();
        e
    }

    fn series(most: usize) -> Series {
        let mut s = Series::default();
        s.allow(most);
        s
    }

    #[test]
    fn a_set_that_no_row_has_is_no_series() {
        let (mut s, now) = (series(9), 1_700_000_000_000);
        s.write(&emitted(&["a", "b", "c"], &[(1, 1.0)], &[]), now, now);
        let page = s.page(1);
        assert_eq!((page.births.len(), page.samples.len()), (1, 1));
        s.next_page();
        s.write(&emitted(&["a", "b", "c"], &[(2, 1.0), (1, 2.0)], &[]), now + 1, now + 1);
        assert_eq!((s.page(1).births.len(), s.by_hash.len()), (1, 2));
    }

    #[test]
    fn there_are_as_many_series_as_may_be_until_some_have_ended() {
        let (mut s, now) = (series(2), 1_700_000_000_000);
        s.write(&emitted(&["a", "b", "c"], &[(0, 1.0), (1, 1.0), (2, 1.0), (2, 2.0)], &[]), now, now);
        assert_eq!((s.on_page(), s.drops.too_many), (2, 2));
        s.page(1);
        s.next_page();
        let later = now + SILENCE;
        s.write(&emitted(&["b", "d"], &[(0, 2.0), (1, 1.0)], &[]), later, later);
        assert_eq!((s.on_page(), s.drops.too_many), (1, 3), "those that are there go on");
        s.page(1);
        s.next_page();
        s.expire(later + 1);
        s.write(&emitted(&["d"], &[(0, 1.0)], &[]), later + 1, later + 1);
        assert_eq!((s.on_page(), s.drops.too_many), (1, 3));
    }

    #[test]
    fn a_series_is_born_once_and_ends_after_silence() {
        let mut s = series(9);
        let now = 1_700_000_000_000;
        s.write(&emitted(&["a", "b"], &[(0, 1.0), (1, 2.0)], &[]), now, now);
        let page = s.page(7);
        assert_eq!((page.births.len(), page.samples.len(), page.deaths.len()), (2, 2, 0));
        s.next_page();
        s.write(&emitted(&["a"], &[(0, 3.0)], &[]), now + SILENCE, now + SILENCE);
        s.expire(now + SILENCE + 1);
        let page = s.page(7);
        assert_eq!((page.births.len(), page.samples.len(), page.deaths), (0, 1, &[1][..]));
        s.next_page();
        assert!(!s.has_page());
        s.write(&emitted(&["c"], &[(0, 3.0)], &[]), now + SILENCE + 2, now + SILENCE + 2);
        // slots start over: all that live are births, and a dead one's slot is used again
        let births: Vec<Slot> = s.page(8).births.iter().map(|b| b.0).collect();
        assert_eq!(births, [0, 1]);
    }

    #[test]
    fn times_of_a_series_ascend_and_are_near() {
        let mut s = series(9);
        let now = 1_700_000_000_000;
        let times = [now, now, now - 1, now + AHEAD + 1, now - BEHIND - 1, now + 1];
        let rows: Vec<(u32, f64)> = times.iter().map(|_| (0, 1.0)).collect();
        s.write(&emitted(&["a"], &rows, &times), 0, now);
        assert_eq!((s.drops.duplicate, s.drops.out_of_order, s.drops.out_of_bounds), (1, 1, 2));
        assert_eq!(s.page(1).samples.iter().map(|x| x.time).collect::<Vec<_>>(), [now, now + 1]);
    }
}
