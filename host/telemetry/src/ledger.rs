//! The conservation ledger: what became of every record.
//!
//! For each source `read + generated = handed on + dropped{reason}`, and for each sink
//! `read + recovered + generated = delivered + queued + in_flight + dropped{reason}`, where a sink's `read` is what was
//! routed to it. `queued` and `in_flight` are gauges (`weir_records`), all else counters (`weir_records_total`).

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::Metrics;

/// What kind of record an account counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Samples of series.
    Samples,
    /// Lines of logs.
    Lines,
}

impl EncodeLabelValue for Signal {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Samples => "samples",
            Self::Lines => "lines",
        }
        .encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Entry {
    component: String,
    signal: Signal,
    stage: &'static str,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Holding {
    component: String,
    signal: Signal,
    stage: &'static str,
}

/// The whole ledger; clones share it.
#[derive(Clone, Debug)]
pub struct Ledger {
    records: Family<Entry, Counter>,
    held: Family<Holding, Gauge>,
}

impl Ledger {
    /// A ledger shown in `metrics`.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            records: metrics.register(
                "weir_records",
                "Records by what became of them, since start (the conservation ledger)",
                Family::default(),
            ),
            held: metrics.register(
                "weir_records_held",
                "Records that are neither delivered nor dropped yet (the conservation ledger)",
                Family::default(),
            ),
        }
    }

    /// The account of a component, such as `scrape.node`, `file_logs.app`, `plugin.redact` or `remote_write.mimir`.
    pub fn account(&self, component: impl Into<String>, signal: Signal) -> Account {
        let component = component.into();
        let counter = |stage| {
            self.records
                .get_or_create(&Entry { component: component.clone(), signal, stage, reason: String::new() })
                .clone()
        };
        let gauge = |stage| self.held.get_or_create(&Holding { component: component.clone(), signal, stage }).clone();
        Account {
            read: counter("read"),
            generated: counter("generated"),
            recovered: counter("recovered"),
            delivered: counter("delivered"),
            queued: gauge("queued"),
            in_flight: gauge("in_flight"),
            ledger: self.clone(),
            component,
            signal,
        }
    }
}

/// One component's side of the [`Ledger`]. Cheap to clone; count by batch, not by record.
#[derive(Clone, Debug)]
pub struct Account {
    /// Records that came in.
    pub read: Counter,
    /// Records that the component made itself (`up`, staleness markers).
    pub generated: Counter,
    /// Records found on disk at start.
    pub recovered: Counter,
    /// Records that the receiver has acknowledged.
    pub delivered: Counter,
    /// Records on disk.
    pub queued: Gauge,
    /// Records in a request.
    pub in_flight: Gauge,
    ledger: Ledger,
    component: String,
    signal: Signal,
}

impl Account {
    /// Counts records that end here. `reason` is a short fixed word.
    pub fn dropped(&self, reason: &'static str, records: u64) {
        if records > 0 {
            self.entry(reason).inc_by(records);
        }
    }

    /// How many records ended here for this reason.
    pub fn dropped_so_far(&self, reason: &'static str) -> u64 {
        self.entry(reason).get()
    }

    /// The component's name.
    pub fn component(&self) -> &str {
        &self.component
    }

    fn entry(&self, reason: &str) -> Counter {
        self.ledger
            .records
            .get_or_create(&Entry {
                component: self.component.clone(),
                signal: self.signal,
                stage: "dropped",
                reason: reason.to_owned(),
            })
            .clone()
    }
}
