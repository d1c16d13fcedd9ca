//! How many requests may be under way at once: the rule, without time or tasks of its own.
//!
//! Prometheus computes its shards from rates and starts anew with another number of them. Lanes are fixed here, so what
//! adapts is how many of them send at once, and the answers say all there is to know:
//!
//! 1. Answers are judged in **rounds**: as many as may be under way, and at least [`ROUND`], all asked for since the
//!    last change, and only while requests filled what was allowed: without that they say nothing of the bound.
//! 2. A round whose mean latency is within [`PROPORTION`] of the best known one, with lanes that had to wait, **grows**
//!    the bound: twofold until a backend was first seen at its limit, by one up to there.
//! 3. A round above [`EXCESS`] times the best known latency **shrinks** it in proportion, at most to half. In between it
//!    stands still: the gap keeps the bound from swinging.
//! 4. A 429, a 503 or a time-out **halves** it at once, other failures when they are more than a quarter of a round.
//!    Requests that were under way at a change do not count twice.
//! 5. Where a backend was at its limit stands a **ceiling**, one below. Beyond it the bound goes only after [`PROBE`]
//!    good rounds there, by one, then by two, four …; the first failure leads straight back, and the next try takes twice
//!    as many rounds, up to [`PATIENCE`]. So at a steady backend the bound is steady, and after an outage that left it at
//!    one it is back at eight after some fifty answers.
//! 6. The best known latency is that of the least requests at once, measured whenever the bound is there. A backend that
//!    stays in the gap of rule 3 for [`STALE`] may have become slower for good: one round with the least measures anew,
//!    and the bound goes back to where it was.
//! 7. What nobody needed for [`SETTLE`] goes: a bound found under last hour's load says nothing of this hour's.

use std::time::Duration;

use tokio::time::Instant;

/// The fewest answers of a round: a single one is an accident.
const ROUND: usize = 4;
/// Latency that is still in proportion. A backend that serves n at once takes twice as long for 2n: then enough wait at
/// its door to keep it busy.
const PROPORTION: f64 = 2.0;
/// Latency that is out of proportion.
const EXCESS: f64 = 3.0;
/// Seconds of latency that do not count: so much is the noise of two busy machines.
const SLACK: f64 = 0.005;
/// Good rounds at a ceiling before the bound goes beyond it.
const PROBE: u32 = 4;
/// The same after many tries in vain.
const PATIENCE: u32 = 64;
/// How long a bound may stand in the gap before the latency without load is measured again.
const STALE: Duration = Duration::from_mins(10);
/// How long a part of the bound may be unused.
const SETTLE: Duration = Duration::from_secs(30);

/// What an answer says of the backend's load, whatever it says of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// It answered after this time, with whatever: it worked.
    Served(Duration),
    /// It failed, which may have other reasons.
    Failed,
    /// It said that it has too much to do, or did not answer in time.
    Overloaded,
}

/// When a request was allowed, in terms of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Rule {
    min: usize,
    max: usize,
    bound: usize,
    /// Changes with the bound.
    epoch: u64,
    round: Round,
    /// The best known latency, in seconds.
    best: Option<f64>,
    /// When latency was last in proportion.
    in_proportion: Option<Instant>,
    /// Where the bound goes back to after a round with the least.
    resume: Option<usize>,
    ceiling: Option<Ceiling>,
    used: Used,
}

#[derive(Debug, Default)]
struct Round {
    served: usize,
    failed: usize,
    seconds: f64,
    /// A lane had to wait.
    wanted: bool,
}

#[derive(Debug)]
struct Ceiling {
    at: usize,
    /// Good rounds there.
    good: u32,
    /// How many it takes to go beyond.
    needed: u32,
    /// By how much the bound goes beyond it next.
    stride: usize,
    /// The bound went beyond from here, and no round has said yet that this was right.
    from: Option<usize>,
}

/// The most that was used since.
#[derive(Debug, Default)]
struct Used {
    since: Option<Instant>,
    most: usize,
}

impl Rule {
    /// A rule for a bound from `min` (at least 1) to `max`; it begins at `min`.
    pub(crate) fn new(min: usize, max: usize) -> Self {
        let min = min.max(1);
        Self {
            min,
            max: max.max(min),
            bound: min,
            epoch: 0,
            round: Round::default(),
            best: None,
            in_proportion: None,
            resume: None,
            ceiling: None,
            used: Used::default(),
        }
    }

    /// How many requests may be under way.
    pub(crate) fn bound(&self) -> usize {
        self.bound
    }

    /// To be kept with a request that begins now.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    /// A request was answered; `demand` requests, with it, were under way or waited to be.
    pub(crate) fn answered(&mut self, load: Load, begun: Epoch, demand: usize, now: Instant) {
        self.settle(demand, now);
        if begun.0 != self.epoch {
            return;
        }
        let enough = self.bound.max(ROUND);
        match load {
            Load::Overloaded => return self.overloaded(),
            Load::Failed => {
                self.round.failed += 1;
                if self.round.failed * 4 > enough {
                    return self.overloaded();
                }
            }
            Load::Served(_) if demand < self.bound => return,
            Load::Served(took) => {
                self.round.served += 1;
                self.round.seconds += took.as_secs_f64();
                self.round.wanted |= demand > self.bound;
            }
        }
        if self.round.served + self.round.failed >= enough && self.round.served > 0 {
            let round = std::mem::take(&mut self.round);
            self.judge(round.seconds / round.served as f64, round.wanted, now);
        }
    }

    fn judge(&mut self, latency: f64, wanted: bool, now: Instant) {
        let best = match self.best {
            Some(best) if self.bound > self.min => best.min(latency),
            _ => latency,
        };
        self.best = Some(best);
        if let Some(bound) = self.resume.take() {
            self.in_proportion = Some(now);
            return self.go(bound);
        }
        if latency > EXCESS * best + 2.0 * SLACK {
            let fitting = (self.bound as f64 * PROPORTION * best / latency) as usize;
            return self.shrink(fitting.max(self.bound / 2));
        }
        if latency <= PROPORTION * best + SLACK {
            self.in_proportion = Some(now);
            if let Some(ceiling) = &mut self.ceiling
                && ceiling.from.take().is_some()
            {
                ceiling.needed = PROBE;
            }
            if wanted {
                self.grow();
            }
        } else if now.saturating_duration_since(*self.in_proportion.get_or_insert(now)) >= STALE {
            self.resume = Some(self.bound);
            self.go(self.min);
        }
    }

    fn grow(&mut self) {
        let Some(ceiling) = &mut self.ceiling else { return self.go(self.bound * 2) };
        if self.bound < ceiling.at {
            return self.go(self.bound + 1);
        }
        ceiling.good += 1;
        if ceiling.good >= ceiling.needed {
            let next = (self.bound + ceiling.stride).min(self.max);
            let (stride, needed) = (ceiling.stride * 2, ceiling.needed);
            *ceiling = Ceiling { at: next, good: 0, needed, stride, from: Some(self.bound) };
            self.go(next);
        }
    }

    fn overloaded(&mut self) {
        // a round with the least was not it, but what it led from may be
        self.resume = None;
        self.shrink(self.bound / 2);
    }

    fn shrink(&mut self, to: usize) {
        let back = self.ceiling.as_ref().and_then(|ceiling| ceiling.from);
        let at = back.unwrap_or(self.bound.saturating_sub(1)).max(self.min);
        let needed = match (&self.ceiling, back) {
            (Some(ceiling), Some(_)) => (ceiling.needed * 2).min(PATIENCE),
            _ => PROBE,
        };
        self.ceiling = Some(Ceiling { at, good: 0, needed, stride: 1, from: None });
        self.go(back.unwrap_or(to));
    }

    fn go(&mut self, bound: usize) {
        self.bound = bound.clamp(self.min, self.max);
        self.epoch += 1;
        self.round = Round::default();
    }

    fn settle(&mut self, demand: usize, now: Instant) {
        self.used.most = self.used.most.max(demand);
        let since = *self.used.since.get_or_insert(now);
        if now.saturating_duration_since(since) < SETTLE {
            return;
        }
        let used = std::mem::replace(&mut self.used, Used { since: Some(now), most: demand });
        if used.most.max(self.min) < self.bound {
            self.go(used.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load() -> impl Strategy<Value = Load> {
        prop_oneof![
            4 => (0u64..10_000).prop_map(|ms| Load::Served(Duration::from_millis(ms))),
            1 => Just(Load::Failed),
            1 => Just(Load::Overloaded),
        ]
    }

    proptest! {
        #[test]
        fn the_bound_stays_within_its_limits(
            min in 0usize..20,
            more in 0usize..300,
            answers in prop::collection::vec((load(), 1usize..300, 0u64..100_000, any::<bool>()), 1..500),
        ) {
            let mut rule = Rule::new(min, min + more);
            let mut now = Instant::now();
            let mut old = rule.epoch();
            for (load, demand, ms, stale) in answers {
                now += Duration::from_millis(ms);
                let before = (rule.bound(), rule.epoch());
                let epoch = if stale { old } else { rule.epoch() };
                rule.answered(load, epoch, demand, now);
                prop_assert!(rule.bound() >= min.max(1) && rule.bound() <= (min + more).max(1));
                if rule.bound() > before.0 {
                    prop_assert!(matches!(load, Load::Served(_) | Load::Failed));
                }
                if load == Load::Overloaded && epoch == before.1 && rule.epoch() != before.1 {
                    prop_assert!(rule.bound() <= before.0, "never more after a failure");
                }
                old = before.1;
            }
        }
    }

    #[test]
    fn one_burst_of_failures_counts_once() {
        let mut rule = Rule::new(1, 64);
        let now = Instant::now();
        for _ in 0..200 {
            rule.answered(Load::Served(Duration::from_millis(50)), rule.epoch(), 100, now);
        }
        assert_eq!(rule.bound(), 64);
        let epoch = rule.epoch();
        for _ in 0..64 {
            rule.answered(Load::Overloaded, epoch, 100, now);
        }
        assert_eq!(rule.bound(), 32);
    }

    #[test]
    fn a_few_failures_without_a_word_of_load_are_borne() {
        let mut rule = Rule::new(1, 8);
        let now = Instant::now();
        for i in 0..400 {
            let load = if i % 10 == 9 { Load::Failed } else { Load::Served(Duration::from_millis(50)) };
            rule.answered(load, rule.epoch(), 8, now);
        }
        assert_eq!(rule.bound(), 8);
    }

    #[test]
    fn what_is_not_needed_goes_and_comes_back() {
        let mut rule = Rule::new(1, 8);
        let mut now = Instant::now();
        let well = Load::Served(Duration::from_millis(50));
        for _ in 0..100 {
            rule.answered(well, rule.epoch(), 8, now);
        }
        assert_eq!(rule.bound(), 8);
        for _ in 0..70 {
            now += Duration::from_secs(1);
            rule.answered(well, rule.epoch(), 2, now);
        }
        assert_eq!(rule.bound(), 2);
        for _ in 0..100 {
            rule.answered(well, rule.epoch(), 8, now);
        }
        assert_eq!(rule.bound(), 8);
    }

    #[test]
    fn a_backend_that_became_slower_for_good_is_measured_anew() {
        let mut rule = Rule::new(1, 16);
        let mut now = Instant::now();
        let mut serve = |rule: &mut Rule, ms: u64, answers: u32| {
            for _ in 0..answers {
                now += Duration::from_millis(100);
                rule.answered(Load::Served(Duration::from_millis(ms)), rule.epoch(), 20, now);
            }
        };
        serve(&mut rule, 100, 12);
        let before = rule.bound();
        assert!((4..16).contains(&before), "{before}");
        serve(&mut rule, 250, 5_000);
        assert_eq!(rule.bound(), before, "in the gap");
        serve(&mut rule, 250, 3_000);
        assert_eq!(rule.bound(), 16, "250 ms is what it takes now");
    }
}
