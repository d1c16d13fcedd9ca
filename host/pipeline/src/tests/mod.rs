//! The pipeline with guests and sinks written in Rust.

mod cancelled;
mod halving;
mod ledger;
mod lines;
mod metadata;
mod pages;
mod staleness;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir_model::{LabelSet, Page, PageSink, STALE_NAN, Slot, TargetSink};
use weir_telemetry::{Ledger, Metrics, PipelineAccount, Signal, SinkAccount, SourceAccount};

use crate::guest::{
    Allowance, CallError, Guest, LabelsWanted, LogsBatch, LogsEdit, OnError, Outcome, SamplesBatch, SamplesEdit,
    SamplesWanted, SeriesBatch, Verdicts, Wants,
};
use crate::{PipelineStats, SampleSinks};

type SeriesFn = dyn Fn(&SeriesBatch) -> Result<Verdicts, CallError> + Send + Sync;
type SamplesFn = dyn Fn(&SamplesBatch) -> Result<SamplesEdit, CallError> + Send + Sync;
type LogsFn = dyn Fn(&LogsBatch<'_>) -> Result<LogsEdit, CallError> + Send + Sync;

/// A guest made of closures.
#[derive(Default)]
pub(crate) struct TestGuest {
    wants: Wants,
    on_error: OnError,
    series: Option<Box<SeriesFn>>,
    samples: Option<Box<SamplesFn>>,
    logs: Option<Box<LogsFn>>,
    rejected: AtomicU64,
    /// Batches that failed at first, with how many rows stayed unserved and why.
    unserved: Mutex<Vec<(usize, CallError)>>,
    /// What each call is said to take.
    takes: Duration,
    asked: AtomicU64,
    forgotten: AtomicU64,
}

impl TestGuest {
    fn series(f: impl Fn(&SeriesBatch) -> Result<Verdicts, CallError> + Send + Sync + 'static) -> Self {
        let wants = Wants { series: Some(LabelsWanted::Everything), ..Wants::default() };
        Self { wants, series: Some(Box::new(f)), ..Self::default() }
    }

    fn samples(f: impl Fn(&SamplesBatch) -> Result<SamplesEdit, CallError> + Send + Sync + 'static) -> Self {
        let wanted = SamplesWanted { labels: LabelsWanted::Everything, ..SamplesWanted::default() };
        Self {
            wants: Wants { samples: Some(wanted), ..Wants::default() },
            samples: Some(Box::new(f)),
            ..Self::default()
        }
    }

    fn on_error(mut self, policy: OnError) -> Self {
        self.on_error = policy;
        self
    }
}

impl Guest for TestGuest {
    fn name(&self) -> &'static str {
        "test"
    }
    fn wants(&self) -> &Wants {
        &self.wants
    }
    fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }
    fn on_error(&self) -> OnError {
        self.on_error
    }
    fn time_limit(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn try_relabel(&self, batch: &SeriesBatch, time: &mut Allowance) -> Result<Verdicts, CallError> {
        time.used = self.takes;
        self.asked.fetch_add(u64::from(batch.rows), Ordering::Relaxed);
        self.series.as_ref().unwrap()(batch)
    }
    fn try_samples(&self, batch: &SamplesBatch, time: &mut Allowance) -> Result<SamplesEdit, CallError> {
        time.used = self.takes;
        self.samples.as_ref().unwrap()(batch)
    }
    fn try_logs(&self, batch: &LogsBatch<'_>, time: &mut Allowance) -> Result<LogsEdit, CallError> {
        time.used = self.takes;
        self.logs.as_ref().unwrap()(batch)
    }
    fn settled(&self, outcome: &Outcome<'_>) {
        if let Some(error) = outcome.error {
            self.unserved.lock().unwrap().push((outcome.unserved, error.clone()));
        }
    }
    fn reject(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

/// A sample at a sink: (sink, series, time, value), a marker as `stale`.
pub(crate) type Arrival = (String, String, i64, String);

/// Sinks that keep what arrives; a pipeline writes to those that are named.
pub(crate) struct TestSinks {
    /// What was said last of each series: its help.
    said: Arc<Mutex<BTreeMap<String, String>>>,
    arrived: Arc<Mutex<Vec<Arrival>>>,
    names: Arc<Mutex<Vec<String>>>,
    generation: AtomicU64,
    account: Option<SinkAccount>,
}

struct TestSink {
    said: Arc<Mutex<BTreeMap<String, String>>>,
    from: PipelineAccount,
    account: Option<SinkAccount>,
    arrived: Arc<Mutex<Vec<Arrival>>>,
    wanted: Arc<Mutex<Vec<String>>>,
    names: Vec<String>,
    series: BTreeMap<Slot, LabelSet>,
}

impl Default for TestSinks {
    fn default() -> Self {
        Self::new(Arc::default(), &["sink"])
    }
}

impl SampleSinks for TestSinks {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
    fn open(&self, _target: u64, from: &PipelineAccount) -> Box<dyn TargetSink> {
        Box::new(TestSink {
            said: self.said.clone(),
            from: from.clone(),
            account: self.account.clone(),
            arrived: self.arrived.clone(),
            wanted: self.names.clone(),
            names: self.names.lock().unwrap().clone(),
            series: BTreeMap::new(),
        })
    }
}

impl PageSink for TestSink {
    fn accept(&mut self, page: &Page<'_>) -> usize {
        if let Some(account) = &self.account {
            account.take(&self.from, page.samples.len() as u64);
        }
        for (slot, labels) in page.births.iter() {
            let before = self.series.insert(slot, labels.to_owned());
            assert!(before.is_none(), "slot {slot} is born twice");
        }
        let born = page.births.iter().map(|(slot, _)| slot).zip(page.births.metadata());
        let described = page.births.described().iter().map(|(slot, metadata)| (*slot, Some(metadata)));
        for (slot, metadata) in born.chain(described) {
            let help = metadata.map_or(String::new(), |m| m.help.to_string());
            self.said.lock().unwrap().insert(self.series[&slot].to_string(), help);
        }
        for sample in page.samples {
            let value =
                if sample.value.to_bits() == STALE_NAN.to_bits() { "stale".into() } else { sample.value.to_string() };
            for name in &self.names {
                self.arrive(name, &self.series[&sample.slot], sample.time, &value);
            }
        }
        for slot in page.deaths {
            assert!(self.series.remove(slot).is_some(), "slot {slot} dies and was not alive");
        }
        usize::from(self.account.is_some())
    }
}

impl TestSink {
    fn arrive(&self, sink: &str, series: &LabelSet, time: i64, value: &str) {
        self.arrived.lock().unwrap().push((sink.to_owned(), series.to_string(), time, value.to_owned()));
    }
}

impl TargetSink for TestSink {
    fn renew(&mut self, page: &Page<'_>, unmarked: &dyn Fn(Slot) -> bool) -> usize {
        let wanted = self.wanted.lock().unwrap().clone();
        let (names, series) = (std::mem::replace(&mut self.names, wanted), std::mem::take(&mut self.series));
        let takers = self.accept(page);
        for (_, labels) in series.iter().filter(|(slot, _)| !unmarked(**slot)) {
            let goes_on = self.series.values().any(|l| l == labels);
            for name in names.iter().filter(|n| !goes_on || !self.names.contains(n)) {
                self.arrive(name, labels, page.time, "stale");
            }
        }
        takers
    }

    fn sent(&self, slots: &[Slot], show: &mut dyn FnMut(Slot, &str, u64)) {
        let hash = |labels: &LabelSet| BuildHasherDefault::<DefaultHasher>::default().hash_one(labels.to_string());
        for slot in slots.iter().filter(|slot| self.series.contains_key(slot)) {
            self.names.iter().for_each(|name| show(*slot, name, hash(&self.series[slot])));
        }
    }

    fn end(&mut self, time: i64, slots: &[Slot], sink: &str) {
        for slot in slots {
            self.arrive(sink, &self.series[slot], time, "stale");
        }
    }

    fn sinks(&self) -> Arc<[String]> {
        self.names.clone().into()
    }
}

impl TestSinks {
    /// A pipeline's way to the sinks of these names; what arrives is kept in `arrived`, which other ways may share.
    fn new(arrived: Arc<Mutex<Vec<Arrival>>>, names: &[&str]) -> Self {
        let names = names.iter().map(|n| (*n).to_owned()).collect();
        Self {
            said: Arc::default(),
            arrived,
            names: Arc::new(Mutex::new(names)),
            generation: AtomicU64::new(1),
            account: None,
        }
    }

    /// Writes to other sinks from now on.
    fn go_to(&self, names: &[&str]) {
        *self.names.lock().unwrap() = names.iter().map(|n| (*n).to_owned()).collect();
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// What arrived since the last look, sorted, whatever the sink.
    fn take(&self) -> Vec<(String, i64, String)> {
        self.take_all().into_iter().map(|(_, series, time, value)| (series, time, value)).collect()
    }

    /// The same with the sinks.
    fn take_all(&self) -> Vec<Arrival> {
        let mut arrived = std::mem::take(&mut *self.arrived.lock().unwrap());
        arrived.sort();
        arrived
    }
}

/// A source's account that nobody looks at.
fn source(signal: Signal) -> SourceAccount {
    Ledger::new(&Metrics::new()).source("test", signal)
}

fn stats() -> (PipelineStats, Metrics) {
    let metrics = Metrics::new();
    let ledger = Ledger::new(&metrics);
    (PipelineStats::new(&metrics, &ledger), metrics)
}
