//! Who writes what, over all pipelines: what a target that left has written ends after a while, unless others write it by then.
//!
//! A target that is removed may come back at once, in another job or pipeline, or with other labels that lead to the same
//! outputs. So its series are held for two intervals and a tenth, as Prometheus waits (`scrape.go`, `endOfRunStaleness`).
//! Whoever writes an output to a sink in that time, or ends it there, has taken it over for that sink: a marker of the
//! target that left would be older than what stands there already, and no receiver would take it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use hashbrown::HashMap;
use rapidhash::fast::RandomState;
use tokio::task::JoinSet;
use weir_model::{Page, Slot, TargetSink};

use crate::outputs::Outputs;
use crate::target::lock;

/// See the [module](self). One for all metrics pipelines of a process.
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
    sinks: Arc<[String]>,
    time: i64,
    /// By hash.
    outputs: HashMap<u64, Output, RandomState>,
}

struct Output {
    slot: Slot,
    /// The sinks at which others have it now.
    taken: Vec<String>,
}

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

    /// A page goes to these sinks: it takes over what it begins, and what it ends.
    pub(crate) fn page(&self, page: &Page<'_>, outputs: &Outputs, sinks: &[String]) {
        if self.held.load(Ordering::Acquire) == 0 || (page.births.is_empty() && page.deaths.is_empty()) {
            return;
        }
        let mut leaving = lock(&self.leaving);
        for slot in page.births.iter().map(|(slot, _)| slot).chain(page.deaths.iter().copied()) {
            let Some(hash) = outputs.hash_of(slot) else { continue };
            leaving.values_mut().for_each(|l| l.take_over(hash, sinks));
        }
    }

    /// A target is gone: its outputs end at `time` once it is sure, `delay` from now, that nobody else writes them. A process
    /// that ends before ends nothing.
    pub(crate) fn leave(
        self: &Arc<Self>,
        outputs: &Mutex<Outputs>,
        sink: Box<dyn TargetSink>,
        time: i64,
        delay: Duration,
    ) {
        let leaving = {
            let outputs = lock(outputs);
            let marked = outputs.marked().map(|(hash, slot)| (hash, Output { slot, taken: vec![] }));
            Leaving { sink, sinks: outputs.sinks.clone(), time, outputs: marked.collect() }
        };
        if leaving.outputs.is_empty() {
            return;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed) as u64;
        lock(&self.leaving).insert(number, leaving);
        self.held.fetch_add(1, Ordering::Release);
        let mut tasks = lock(&self.later);
        while tasks.try_join_next().is_some() {}
        // weak: the tasks are this very value's
        let writers = Arc::downgrade(self);
        tasks.spawn(async move {
            tokio::time::sleep(delay).await;
            if let Some(writers) = writers.upgrade() {
                writers.end(number);
            }
        });
    }

    fn end(&self, number: u64) {
        let Some(mut leaving) = lock(&self.leaving).remove(&number) else { return };
        self.held.fetch_sub(1, Ordering::Release);
        let others: Vec<_> = {
            let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            live.iter().filter_map(Weak::upgrade).collect()
        };
        for other in others {
            let other = lock(&other);
            leaving.take_over_all(&other);
        }
        leaving.end();
    }
}

impl Leaving {
    fn take_over(&mut self, hash: u64, sinks: &[String]) {
        let Some(output) = self.outputs.get_mut(&hash) else { return };
        if !output.taken_by(&self.sinks, sinks) {
            self.outputs.remove(&hash);
        }
    }

    fn take_over_all(&mut self, other: &Outputs) {
        let own = &self.sinks;
        self.outputs.retain(|&hash, output| !other.writes(hash) || output.taken_by(own, &other.sinks));
    }

    /// Ends what is left, at the sinks where nobody has it.
    fn end(mut self) {
        let mut by_sinks: BTreeMap<Vec<String>, Vec<Slot>> = BTreeMap::new();
        for output in std::mem::take(&mut self.outputs).into_values() {
            by_sinks.entry(output.taken).or_default().push(output.slot);
        }
        for (taken, slots) in by_sinks {
            self.sink.end(self.time, &slots, &taken);
        }
    }
}

impl Output {
    /// Notes that others have it at `theirs`; whether a sink of `own` is left.
    fn taken_by(&mut self, own: &[String], theirs: &[String]) -> bool {
        for sink in own.iter().filter(|s| theirs.contains(s)) {
            if !self.taken.contains(sink) {
                self.taken.push(sink.clone());
            }
        }
        self.taken.sort();
        self.taken.len() < own.len()
    }
}

impl std::fmt::Debug for Writers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writers")
    }
}
