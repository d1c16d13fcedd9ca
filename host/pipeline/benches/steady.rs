//! The whole pipeline stage in steady state: every verdict is kept, so a page is look-ups. The goal is 25 ns a sample.
//!
//! `cargo bench -p weir-pipeline --bench steady`; the time shown is a page's, the throughput is in samples.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use weir_model::{Births, LabelSet, Page, PageSink, Sample, Slot, TargetSink};
use weir_pipeline::guest::{
    Allowance, CallError, Guest, LabelEdit, LabelsWanted, LogsBatch, LogsEdit, OnError, Outcome, SamplesBatch,
    SamplesEdit, SeriesBatch, Symbols, Verdicts, Wants,
};
use weir_pipeline::{MetricsPipeline, PipelineStats, SampleSinks, TargetRoute};
use weir_telemetry::{Ledger, Metrics, PipelineAccount, Signal};

/// Samples of one page: a large exporter's.
const SAMPLES: u32 = 2_000;

fn main() {
    divan::main();
}

/// Drops each tenth series and gives the others a label.
struct Plugin(Wants);

impl Guest for Plugin {
    fn name(&self) -> &'static str {
        "bench"
    }
    fn wants(&self) -> &Wants {
        &self.0
    }
    fn on_error(&self) -> OnError {
        OnError::Drop
    }
    fn time_limit(&self) -> Duration {
        Duration::from_millis(50)
    }
    fn try_relabel(&self, batch: &SeriesBatch, _: &mut Allowance) -> Result<Verdicts, CallError> {
        let mut added = Symbols::default();
        added.push("cluster");
        added.push("eu-1");
        let first = batch.symbols.len() as u32;
        let assigned = (0..batch.rows).map(|row| [row, first, first + 1]).collect();
        let labels = Some(LabelEdit { added, assigned, removed: vec![] });
        Ok(Verdicts { dropped: (0..batch.rows).step_by(10).collect(), labels, ..Verdicts::default() })
    }
    fn try_samples(&self, _: &SamplesBatch, _: &mut Allowance) -> Result<SamplesEdit, CallError> {
        Ok(SamplesEdit::default())
    }
    fn try_logs(&self, _: &LogsBatch<'_>, _: &mut Allowance) -> Result<LogsEdit, CallError> {
        Ok(LogsEdit::default())
    }
    fn settled(&self, _: &Outcome<'_>) {}
    fn reject(&self) {}
}

struct Nowhere;

impl SampleSinks for Nowhere {
    fn generation(&self) -> u64 {
        1
    }
    fn open(&self, _: u64, _: &PipelineAccount) -> Box<dyn TargetSink> {
        Box::new(Self)
    }
}

impl TargetSink for Nowhere {
    fn renew(&mut self, page: &Page<'_>, _: &dyn Fn(Slot) -> bool) -> usize {
        self.accept(page)
    }
    fn sent(&self, _: &[Slot], _: &mut dyn FnMut(Slot, &str, u64)) {}
    fn end(&mut self, _: i64, _: &[Slot], _: &str) {}
    fn sinks(&self) -> Arc<[String]> {
        Arc::default()
    }
}

impl PageSink for Nowhere {
    fn accept(&mut self, page: &Page<'_>) -> usize {
        black_box(page.samples);
        1
    }
}

/// Pages through `stages` plugins that decide by labels.
#[divan::bench(args = [0, 1, 4])]
fn kept_verdicts(bencher: Bencher<'_, '_>, stages: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let metrics = Metrics::new();
    let ledger = Ledger::new(&metrics);
    let stats = PipelineStats::new(&metrics, &ledger);
    let wants = Wants { series: Some(LabelsWanted::Everything), ..Wants::default() };
    let guests: Vec<Arc<dyn Guest>> = (0..stages).map(|_| Arc::new(Plugin(wants.clone())) as _).collect();
    let pipeline = MetricsPipeline::new("bench", &guests, Arc::new(Nowhere), &Arc::default(), &stats);
    let mut route = TargetRoute::new(&[pipeline], 1, Duration::from_secs(15), ledger.source("bench", Signal::Samples));

    let (mut births, none) = (Births::default(), Births::default());
    for slot in 0..SAMPLES {
        let name = format!("http_requests_{}_total", slot % 100);
        let pod = format!("checkout-{}", slot / 100);
        let set: LabelSet = [("__name__", name.as_str()), ("job", "bench"), ("pod", &pod)].iter().collect();
        births.push(slot as Slot, set.as_labels());
    }
    let mut samples: Vec<Sample> =
        (0..SAMPLES).map(|slot| Sample { slot, own_time: false, time: 0, value: f64::from(slot) }).collect();
    let mut time = 1_700_000_000_000;
    let mut first = true;
    let mut page = || {
        time += 15_000;
        for sample in &mut samples {
            sample.time = time;
        }
        let births = if std::mem::take(&mut first) { &births } else { &none };
        runtime.block_on(route.begin());
        route.page(&Page { time, deaths: &[], births, samples: &samples });
    };
    page();
    bencher.counter(ItemsCount::new(SAMPLES)).bench_local(page);
}
