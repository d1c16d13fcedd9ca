//! The newest times of series whose pages give them times of their own.
//!
//! Such a page may repeat what it gave before, or go back. Prometheus' storage refuses that sample by sample; a receiver of
//! remote write refuses the whole request, other targets' samples included. So weir judges as the storage would, before
//! anything is sent (`tsdb/head_append.go`, `appendable`).
//!
//! Series are known by the hash of their labels: they may leave their page and come back in another slot. A target without
//! times of its own keeps nothing here.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use weir_model::{STALE_NAN, Sample, Slot};

use super::scratch::Keep;

/// A sample may be this far, in milliseconds, ahead of the scrape; Prometheus' `maxAheadTime`.
const AHEAD: i64 = 10 * 60 * 1000;

/// And this far behind it: half of what Prometheus' head block spans. A receiver would refuse an older one.
const BEHIND: i64 = 60 * 60 * 1000;

/// Series that are not on the page and are remembered all the same, beside as many as are.
const SLACK: usize = 1000;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Times(HashMap<u64, Last, BuildHasherDefault<Keep>>);

#[derive(Clone, Copy, Debug)]
struct Last {
    time: i64,
    /// The bits of its value.
    value: u64,
    /// Whether the page gave that time.
    own: bool,
    /// The time of the page that had it last.
    page: i64,
}

/// What becomes of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Newer,
    /// Too far in the future or the past.
    OutOfBounds,
    /// Older than the last one.
    OutOfOrder,
    /// As old as the last one, with another value.
    Duplicate,
    /// The last one again.
    Same,
}

impl Times {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Judges a sample of the series `key` at its `own` time, or at that of the `page`. A series of which nothing is known,
    /// but that had a sample `at_last_page`, had it at that page's time.
    pub(super) fn judge(
        &mut self,
        key: u64,
        own: Option<i64>,
        page: i64,
        value: f64,
        at_last_page: Option<i64>,
    ) -> Verdict {
        let known = self.0.get_mut(&key);
        if own.is_none() && known.is_none() {
            return Verdict::Newer;
        }
        let before = Last { time: at_last_page.unwrap_or(i64::MIN), value: STALE_NAN.to_bits(), own: false, page };
        let last = match known {
            Some(last) => last,
            None => self.0.entry(key).or_insert(before),
        };
        last.page = page;
        let time = own.unwrap_or(page);
        if time > page.saturating_add(AHEAD) || time < page.saturating_sub(BEHIND) {
            return Verdict::OutOfBounds;
        }
        match time.cmp(&last.time) {
            std::cmp::Ordering::Less => Verdict::OutOfOrder,
            std::cmp::Ordering::Equal if value.to_bits() == last.value => Verdict::Same,
            std::cmp::Ordering::Equal => Verdict::Duplicate,
            std::cmp::Ordering::Greater => Verdict::Newer,
        }
    }

    /// Keeps the newest times of a page that is whole; `labels` are the keys by slot.
    pub(super) fn keep(&mut self, samples: &[Sample], labels: &[u64], page: i64) {
        if self.0.is_empty() {
            return;
        }
        let mut kept = 0;
        for sample in samples {
            // judged, so known
            if let Some(last) = labels.get(sample.slot as usize).and_then(|key| self.0.get_mut(key)) {
                *last = Last { time: sample.time, value: sample.value.to_bits(), own: sample.own_time, page };
                kept += 1;
            }
        }
        if self.0.len() > kept * 2 + SLACK {
            self.0.retain(|_, last| last.page == page);
            self.0.shrink_to_fit();
        }
    }

    /// These slots end with this page: those without times of their own get a marker at the page's.
    pub(super) fn ended(&mut self, slots: &[Slot], labels: &[u64], page: i64) {
        if self.0.is_empty() {
            return;
        }
        let marker = Last { time: page, value: STALE_NAN.to_bits(), own: false, page };
        for key in slots.iter().filter_map(|slot| labels.get(*slot as usize)) {
            let last = self.0.entry(*key).or_insert(marker);
            if !last.own {
                *last = marker;
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(u64, Last)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: i64 = 10_000_000;

    fn sample(slot: Slot, time: i64, value: f64) -> Sample {
        Sample { slot, own_time: true, time, value }
    }

    #[test]
    fn times_go_on_from_page_to_page() {
        let mut times = Times::default();
        assert_eq!(times.judge(7, None, PAGE, 1.0, Some(PAGE - 9)), Verdict::Newer);
        assert!(times.is_empty(), "a target without times of its own costs nothing");
        assert_eq!(times.judge(7, Some(PAGE - 50), PAGE, 1.0, None), Verdict::Newer);
        times.keep(&[sample(0, PAGE - 50, 1.0)], &[7], PAGE);
        let mut judge = |time, value| times.judge(7, Some(time), PAGE + 9, value, Some(PAGE));
        assert_eq!(judge(PAGE - 51, 1.0), Verdict::OutOfOrder);
        assert_eq!(judge(PAGE - 50, 1.0), Verdict::Same);
        assert_eq!(judge(PAGE - 50, 2.0), Verdict::Duplicate);
        assert_eq!(judge(PAGE - 49, 2.0), Verdict::Newer);
        assert_eq!(judge(PAGE + 10 + AHEAD, 2.0), Verdict::OutOfBounds);
        assert_eq!(judge(PAGE + 8 - BEHIND, 2.0), Verdict::OutOfBounds);
    }

    #[test]
    fn a_time_of_its_own_is_not_before_the_last_page() {
        let mut times = Times::default();
        assert_eq!(times.judge(7, Some(PAGE - 20), PAGE, 1.0, Some(PAGE - 10)), Verdict::OutOfOrder);
        assert_eq!(times.judge(7, Some(PAGE - 5), PAGE, 1.0, None), Verdict::Newer, "the first answer is remembered");
        assert_eq!(times.judge(7, Some(PAGE - 20), PAGE, 1.0, None), Verdict::OutOfOrder);
    }

    #[test]
    fn a_marker_is_a_time_too() {
        let mut times = Times::default();
        times.judge(7, Some(PAGE - 50), PAGE, 1.0, None);
        times.keep(&[sample(0, PAGE - 50, 1.0)], &[7, 8], PAGE);
        times.ended(&[0, 1], &[7, 8], PAGE + 10);
        assert_eq!(times.judge(7, Some(PAGE - 40), PAGE + 20, 1.0, None), Verdict::Newer, "it had times: no marker");
        assert_eq!(times.judge(8, Some(PAGE), PAGE + 20, 1.0, None), Verdict::OutOfOrder);
    }

    #[test]
    fn series_that_stay_away_are_forgotten() {
        let mut times = Times::default();
        for page in 0..20 {
            for key in 0..500 {
                times.judge(page as u64 * 1000 + key, Some(PAGE), PAGE + page, 1.0, None);
            }
            let labels: Vec<_> = (0..500).map(|key| page as u64 * 1000 + key).collect();
            let samples: Vec<_> = (0..500).map(|slot| sample(slot, PAGE, 1.0)).collect();
            times.keep(&samples, &labels, PAGE + page);
            assert!(times.0.len() <= 500 * 2 + SLACK, "{} on page {page}", times.0.len());
        }
        assert_eq!(times.judge(19_007, Some(PAGE), PAGE + 20, 1.0, None), Verdict::Same);
    }
}
