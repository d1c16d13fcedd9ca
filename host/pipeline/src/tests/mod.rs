//! The pipeline with guests and sinks written in Rust.

mod lines;
mod pages;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use weir_model::{LabelSet, Page, PageSink, STALE_NAN, Slot};
use weir_telemetry::{Ledger, Metrics, PipelineAccount, Signal, SinkAccount, SourceAccount};

use crate::guest::{
    CallError, Guest, LabelsWanted, LogsBatch, LogsEdit, OnError, SamplesBatch, SamplesEdit, SamplesWanted,
    SeriesBatch, Verdicts, Wants,
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
    rejected: Mutex<Vec<String>>,
    asked: AtomicU64,
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
    fn on_error(&self) -> OnError {
        self.on_error
    }
    fn is_slow(&self) -> bool {
        false
    }
    fn relabel(&self, batch: &SeriesBatch) -> Result<Verdicts, CallError> {
        self.asked.fetch_add(u64::from(batch.rows), Ordering::Relaxed);
        self.series.as_ref().unwrap()(batch)
    }
    fn samples(&self, batch: &SamplesBatch) -> Result<SamplesEdit, CallError> {
        self.samples.as_ref().unwrap()(batch)
    }
    fn logs(&self, batch: &LogsBatch<'_>) -> Result<LogsEdit, CallError> {
        self.logs.as_ref().unwrap()(batch)
    }
    fn reject(&self, what: &str) {
        self.rejected.lock().unwrap().push(what.to_owned());
    }
}

/// What arrived behind the pipeline: (series, time, value), a marker as `stale`.
#[derive(Default)]
pub(crate) struct TestSinks {
    arrived: Arc<Mutex<Vec<(String, i64, String)>>>,
    generation: AtomicU64,
    account: Option<SinkAccount>,
}

struct TestSink {
    from: PipelineAccount,
    account: Option<SinkAccount>,
    arrived: Arc<Mutex<Vec<(String, i64, String)>>>,
    series: BTreeMap<Slot, LabelSet>,
}

impl SampleSinks for TestSinks {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
    fn open(&self, _target: u64, from: &PipelineAccount) -> Box<dyn PageSink> {
        let (arrived, account) = (self.arrived.clone(), self.account.clone());
        Box::new(TestSink { from: from.clone(), account, arrived, series: BTreeMap::new() })
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
        let mut arrived = self.arrived.lock().unwrap();
        for sample in page.samples {
            let value =
                if sample.value.to_bits() == STALE_NAN.to_bits() { "stale".into() } else { sample.value.to_string() };
            arrived.push((self.series[&sample.slot].to_string(), sample.time, value));
        }
        for slot in page.deaths {
            assert!(self.series.remove(slot).is_some(), "slot {slot} dies and was not alive");
        }
        usize::from(self.account.is_some())
    }
}

impl TestSinks {
    /// What arrived since the last look, sorted.
    fn take(&self) -> Vec<(String, i64, String)> {
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
