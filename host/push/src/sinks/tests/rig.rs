//! A backend, sinks to it, and the ledger between.

pub(super) use std::sync::Arc;
pub(super) use std::time::Duration;

pub(super) use tempfile::TempDir;
pub(super) use weir_model::{Births, LabelSet, LogBatch, Page, Sample, TargetSink};
pub(super) use weir_receive::{Preview, Recorder};
pub(super) use weir_telemetry::{Ledger, Metrics, Signal, SinkAccount};

pub(super) use crate::intake::testing::from;
pub(super) use crate::settings::{LokiSettings, RemoteWriteSettings, SendSettings};
pub(super) use crate::sinks::{Destinations, Sinks};

/// Far beyond what any step takes: reaching it is a failure.
pub(super) const BOUND: Duration = Duration::from_secs(20);

/// A backend, sinks to it, and the ledger between.
pub(super) struct Rig {
    pub(super) dir: TempDir,
    pub(super) recorder: Arc<Recorder>,
    pub(super) preview: Preview,
    pub(super) metrics: Metrics,
    pub(super) ledger: Ledger,
    pub(super) sinks: Sinks,
}

pub(super) fn fast() -> SendSettings {
    SendSettings {
        min_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(5),
        ..SendSettings::default()
    }
}

pub(super) fn remote_write(preview: &Preview, name: &str) -> RemoteWriteSettings {
    let url = preview.remote_write_url().parse().unwrap();
    RemoteWriteSettings { sending: fast(), ..RemoteWriteSettings::new(name, url) }
}

pub(super) fn loki(preview: &Preview, name: &str) -> LokiSettings {
    LokiSettings { sending: fast(), ..LokiSettings::new(name, preview.loki_url().parse().unwrap()) }
}

impl Rig {
    pub(super) async fn new() -> Self {
        Self::with(|preview| vec![remote_write(preview, "a")], |preview| vec![loki(preview, "l")]).await
    }

    pub(super) async fn with(
        remote_writes: impl Fn(&Preview) -> Vec<RemoteWriteSettings>,
        lokis: impl Fn(&Preview) -> Vec<LokiSettings>,
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let recorder = Arc::new(Recorder::default());
        let preview = Preview::local(recorder.clone()).await.unwrap();
        let metrics = Metrics::new();
        let ledger = Ledger::new(&metrics);
        let (metric, log) = (remote_writes(&preview), lokis(&preview));
        let sinks = Sinks::open(metric, log, dir.path(), &metrics, &ledger).await.unwrap();
        Self { dir, recorder, preview, metrics, ledger, sinks }
    }

    pub(super) fn account(&self, component: &str) -> SinkAccount {
        let signal = if component.starts_with("loki") { Signal::Lines } else { Signal::Samples };
        self.ledger.sink(component, signal)
    }

    pub(super) async fn arrived(&self, enough: impl FnMut(&Recorder) -> bool) {
        tokio::time::timeout(BOUND, self.recorder.wait_until(enough)).await.expect("it should have arrived");
    }

    pub(super) async fn asked(&self, requests: u64) {
        let asked = async {
            while self.preview.faults().asked() < requests {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(BOUND, asked).await.expect("it should have been asked");
    }
}

/// One target with the series `m0`, `m1`, … or of another name.
pub(super) struct Target {
    pub(super) sink: Box<dyn TargetSink>,
    pub(super) to: Arc<Destinations>,
    name: String,
    pub(super) born: bool,
    pub(super) series: u32,
}

impl Target {
    pub(super) fn new(sinks: &Sinks, names: &[&str], series: u32) -> Self {
        Self::named("m", sinks, names, series, 3)
    }

    /// With series `name0`, …, in the lane of `hash`.
    pub(super) fn named(name: &str, sinks: &Sinks, names: &[&str], series: u32, hash: u64) -> Self {
        let names: Vec<_> = names.iter().map(|n| (*n).to_owned()).collect();
        let to = Arc::new(Destinations::new(&names));
        let sink = sinks.remote_write_target(&to, hash, &from());
        Self { sink, to, name: name.to_owned(), born: false, series }
    }

    pub(super) fn scrape(&mut self, time: i64) {
        let mut births = Births::default();
        for slot in (0..self.series).filter(|_| !self.born) {
            let labels: LabelSet = [("__name__", format!("{}{slot}", self.name))].iter().collect();
            births.push(slot, labels.as_labels());
        }
        self.born = true;
        let samples: Vec<_> = (0..self.series).map(|slot| Sample { slot, own_time: false, time, value: 1.0 }).collect();
        self.sink.accept(&Page { time, deaths: &[], births: &births, samples: &samples });
    }
}

/// Targets `a`, `b`, … of one series each, spread over the lanes.
pub(super) fn targets(sinks: &Sinks, names: &[&str], count: u8) -> Vec<Target> {
    let target = |i: u8| Target::named(&char::from(b'a' + i).to_string(), sinks, names, 1, u64::from(i));
    (0..count).map(target).collect()
}

/// A backend of its own.
pub(super) async fn backend() -> (Preview, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    (Preview::local(recorder.clone()).await.unwrap(), recorder)
}

/// Waits for what is about to come.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let holds = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BOUND, holds).await.unwrap_or_else(|_| panic!("{what}: it should have come"));
}

pub(super) fn lines(lines: &[&str]) -> LogBatch {
    let mut batch = LogBatch { streams: vec![[("job", "x")].iter().collect()], ..LogBatch::default() };
    for line in lines {
        batch.push(1, line);
    }
    batch
}

pub(super) fn times(recorder: &Recorder, series: &str) -> Vec<i64> {
    recorder.samples(series).iter().map(|p| p.time).collect()
}

pub(super) fn balance(account: &SinkAccount, dropped: u64) {
    let came = account.read.get() + account.recovered.get() + account.generated.get();
    let went = account.delivered.get() + dropped;
    let held = account.queued() + account.in_flight.get();
    assert_eq!(came as i64, went as i64 + held, "{account:?}");
}
