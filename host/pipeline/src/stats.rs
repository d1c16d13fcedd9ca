//! What the pipeline counts about its plugins.

use std::sync::Arc;

use crate::guest::CallError;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use weir_telemetry::{Ledger, Metrics, Passage, PipelineAccount, Signal};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    plugin: String,
    pipeline: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WayLabels {
    pipeline: String,
    signal: &'static str,
}

/// Upper bounds in seconds, 1.5 times the one before each: from a page that is looked up in kept verdicts to one that a slow
/// plugin and a slow target share, with a 99th percentile good to a few hundredths.
fn way_buckets() -> Histogram {
    Histogram::new(prometheus_client::metrics::histogram::exponential_buckets(0.000_5, 1.5, 26))
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DropLabels {
    plugin: String,
    pipeline: String,
    reason: &'static str,
}

/// Counters of all pipelines.
#[derive(Clone, Debug)]
pub struct PipelineStats {
    records_in: Family<StageLabels, Counter>,
    records_out: Family<StageLabels, Counter>,
    changed: Family<StageLabels, Counter>,
    dropped: Family<DropLabels, Counter>,
    unserved: Family<DropLabels, Counter>,
    verdicts: Family<StageLabels, Counter>,
    seconds: Family<WayLabels, Histogram, fn() -> Histogram>,
    ledger: Ledger,
}

impl PipelineStats {
    /// Registers the counters.
    pub fn new(metrics: &Metrics, ledger: &Ledger) -> Self {
        Self {
            records_in: metrics.register(
                "weir_plugin_records_in",
                "Samples and lines that came to a plugin, whether it was called or its kept verdict served",
                Family::default(),
            ),
            records_out: metrics.register(
                "weir_plugin_records_out",
                "Samples and lines that went on behind a plugin",
                Family::default(),
            ),
            changed: metrics.register(
                "weir_plugin_records_changed",
                "Samples and lines (and, for kept verdicts, series) that a plugin's answer changed",
                Family::default(),
            ),
            dropped: metrics.register(
                "weir_plugin_records_dropped",
                "Samples and lines that ended at a plugin, by reason",
                Family::default(),
            ),
            unserved: metrics.register(
                "weir_plugin_records_unserved",
                "Samples, lines and label sets that no call of a plugin served, so that they met its failure policy, by reason",
                Family::default(),
            ),
            verdicts: metrics.register(
                "weir_plugin_verdicts",
                "Label sets on which a plugin was asked for a verdict",
                Family::default(),
            ),
            seconds: metrics.register(
                "weir_pipeline_seconds",
                "From when a page was due to be scraped, or a batch of lines was read, until the pipeline's sinks have taken it",
                Family::new_with_constructor(way_buckets),
            ),
            ledger: ledger.clone(),
        }
    }

    pub(crate) fn stage(&self, plugin: &str, pipeline: &str) -> StageStats {
        let labels = StageLabels { plugin: plugin.to_owned(), pipeline: pipeline.to_owned() };
        StageStats {
            records_in: self.records_in.get_or_create(&labels).clone(),
            records_out: self.records_out.get_or_create(&labels).clone(),
            changed: self.changed.get_or_create(&labels).clone(),
            verdicts: self.verdicts.get_or_create(&labels).clone(),
            dropped: self.dropped.clone(),
            unserved: self.unserved.clone(),
            plugin: plugin.into(),
            labels,
        }
    }

    /// How long pages or batches take through a pipeline.
    pub(crate) fn seconds(&self, pipeline: &str, signal: Signal) -> Histogram {
        let labels = WayLabels { pipeline: pipeline.to_owned(), signal: signal.as_str() };
        self.seconds.get_or_create(&labels).clone()
    }

    pub(crate) fn account(&self, pipeline: &str, signal: Signal) -> PipelineAccount {
        self.ledger.pipeline(pipeline, signal)
    }
}

/// Counters of one plugin in one pipeline; counted by batch.
#[derive(Clone, Debug)]
pub(crate) struct StageStats {
    pub(crate) records_in: Counter,
    pub(crate) records_out: Counter,
    pub(crate) changed: Counter,
    pub(crate) verdicts: Counter,
    dropped: Family<DropLabels, Counter>,
    unserved: Family<DropLabels, Counter>,
    plugin: Arc<str>,
    labels: StageLabels,
}

impl StageStats {
    /// Counts records that came in.
    pub(crate) fn came_in(&self, records: u64) {
        self.records_in.inc_by(records);
    }

    /// Counts records that went on.
    pub(crate) fn went_on(&self, records: u64) {
        self.records_out.inc_by(records);
    }

    /// Counts rows that met the plugin's failure policy, whatever that makes of them.
    pub(crate) fn unserved(&self, rows: usize, error: &CallError) {
        let StageLabels { plugin, pipeline } = self.labels.clone();
        self.unserved.get_or_create(&DropLabels { plugin, pipeline, reason: error.reason() }).inc_by(rows as u64);
    }

    /// Counts records that ended here, and notes them for the ledger.
    pub(crate) fn ended(&self, records: u64, reason: &'static str, losses: &mut Losses) {
        if records > 0 {
            let StageLabels { plugin, pipeline } = self.labels.clone();
            self.dropped.get_or_create(&DropLabels { plugin, pipeline, reason }).inc_by(records);
            losses.0.push((Some(self.plugin.clone()), reason, records));
        }
    }
}

/// What a page or batch has lost so far. It is booked when the way through the plugins is over: a batch that goes through
/// them again from the start (a plugin that is stopped) has lost nothing yet.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<(Option<Arc<str>>, &'static str, u64)>);

impl Losses {
    /// Notes records that no plugin has ended.
    pub(crate) fn add(&mut self, reason: &'static str, records: u64) {
        if records > 0 {
            self.0.push((None, reason, records));
        }
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Books them.
    pub(crate) fn settle(&mut self, passage: &mut Passage) {
        for (plugin, reason, records) in self.0.drain(..) {
            match plugin {
                Some(plugin) => passage.dropped_by(&plugin, reason, records),
                None => passage.dropped(reason, records),
            }
        }
    }
}
