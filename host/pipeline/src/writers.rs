//! Who writes what, over all pipelines: what a target that left has written ends after a while, unless others write it by then.
//!
//! A target that is removed may come back at once, in another job or pipeline, or with other labels that lead to the same
//! outputs. So its series are held for two intervals and a tenth, as Prometheus waits (`scrape.go`, `endOfRunStaleness`).
//! Whoever writes a series to a sink in that time, or ends it there, has taken it over for that sink: a marker of the
//! target that left would be older than what stands there already, and no receiver would take it. What counts is the series
//! as it is sent: under other external labels, or behind other rules of the sink, it is another.
//!
//! Two targets that write one series side by side are a mistake that no marker mends. When one of them lets it go from its page
//! there is a marker, as in Prometheus; when one of them leaves there is none, for the other writes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use hashbrown::HashMap;
use rapidhash::fast::RandomState;
use tokio::task::JoinSet;
use weir_model::{Page, Slot, TargetSink};

use crate::outputs::Outputs;
use crate::target::lock;

/// Who writes which series to which sink, and the targets that left and are held: one for all metrics pipelines of a process.
#[derive(Default)]
pub struct Writers {
    hasher: RandomState,
    live: Mutex<Vec<Weak<Mutex<Outputs>>>>,
    leaving: Mutex<BTreeMap<u64, Leaving>>,
    /// How many there are in `leaving`, so that a page looks there only when there is something.
    held: AtomicUsize,
    next: AtomicUsize,
    later: Mutex<JoinSet<()>>,
}

/// The series of a target that left a pipeline.
struct Leaving {
    sink: Box<dyn TargetSink>,
    time: i64,
    /// By sink, then by hash of the labels as sent there: the slot.
    series: BTreeMap<String, HashMap<u64, Slot, RandomState>>,
}

/// Series as they are sent: sink and hash.
type Sent = Vec<(String, u64)>;

impl Writers {
    pub(crate) fn empty_outputs(&self) -> Outputs {
        Outputs::new(self.hasher)
    }

    /// A table for a target that begins.
    pub(crate) fn new_outputs(&self, sinks: Arc<[String]>) -> Arc<Mutex<Outputs>> {
        let mut outputs = self.empty_outputs();
        outputs.sinks = sinks;
        let outputs = Arc::new(Mutex::new(outputs));
        let mut live = lock(&self.live);
        live.retain(|o| o.strong_count() > 0);
        live.push(Arc::downgrade(&outputs));
        outputs
    }

    /// Hands a page on, and has it take over what it begins and what it ends.
    pub(crate) fn page(
        &self,
        page: &Page<'_>,
        sink: &mut dyn TargetSink,
        hand_on: impl FnOnce(&mut dyn TargetSink) -> usize,
    ) -> usize {
        if self.held.load(Ordering::Acquire) == 0 || (page.births.is_empty() && page.deaths.is_empty()) {
            return hand_on(sink);
        }
        let mut taken = sent(sink, page.deaths);
        let takers = hand_on(sink);
        let births: Vec<Slot> = page.births.iter().map(|(slot, _)| slot).collect();
        taken.extend(sent(sink, &births));
        let mut leaving = lock(&self.leaving);
        for (sink, hash) in &taken {
            for series in leaving.values_mut().filter_map(|l| l.series.get_mut(sink)) {
                series.remove(hash);
            }
        }
        takers
    }

    /// Holds the series of a target that left, which end at `time` unless something else is said by then. `None` when
    /// there are none.
    pub(crate) fn hold(&self, outputs: &Arc<Mutex<Outputs>>, sink: Box<dyn TargetSink>, time: i64) -> Option<u64> {
        let own: HashMap<Slot, u64, RandomState> = lock(outputs).marked().map(|(hash, slot)| (slot, hash)).collect();
        let slots: Vec<Slot> = own.keys().copied().collect();
        let mut series: BTreeMap<String, HashMap<u64, Slot, RandomState>> = BTreeMap::new();
        sink.sent(&slots, &mut |slot, sink, hash| {
            series.entry(sink.to_owned()).or_default().insert(hash, slot);
        });
        // another target that wrote the same all along writes on
        let others: Vec<_> = lock(&self.live).iter().filter_map(Weak::upgrade).collect();
        for other in others.iter().filter(|o| !Arc::ptr_eq(o, outputs)) {
            let other = lock(other);
            for (_, series) in series.iter_mut().filter(|(sink, _)| other.sinks.contains(sink)) {
                series.retain(|_, slot| !own.get(slot).is_some_and(|hash| other.writes(*hash)));
            }
        }
        if series.values().all(HashMap::is_empty) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed) as u64;
        lock(&self.leaving).insert(number, Leaving { sink, time, series });
        self.held.fetch_add(1, Ordering::Release);
        Some(number)
    }

    /// Ends held series after a while. A process that ends before ends nothing.
    pub(crate) fn end_later(self: &Arc<Self>, number: u64, delay: Duration) {
        let mut tasks = lock(&self.later);
        while tasks.try_join_next().is_some() {}
        // weak: the tasks are this very value's
        let writers = Arc::downgrade(self);
        tasks.spawn(async move {
            tokio::time::sleep(delay).await;
            if let Some(writers) = writers.upgrade() {
                writers.end(number, None);
            }
        });
    }

    /// Ends held series: what others do not write by now gets its marker, of this time or of the one they were held with.
    pub(crate) fn end(&self, number: u64, time: Option<i64>) {
        let Some(leaving) = lock(&self.leaving).remove(&number) else { return };
        self.held.fetch_sub(1, Ordering::Release);
        let Leaving { mut sink, series, time: held } = leaving;
        for (name, slots) in series {
            let slots: Vec<Slot> = slots.into_values().collect();
            if !slots.is_empty() {
                sink.end(time.unwrap_or(held), &slots, &name);
            }
        }
    }
}

fn sent(sink: &dyn TargetSink, slots: &[Slot]) -> Sent {
    let mut all = vec![];
    sink.sent(slots, &mut |_, sink, hash| all.push((sink.to_owned(), hash)));
    all
}

impl std::fmt::Debug for Writers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writers")
    }
}
