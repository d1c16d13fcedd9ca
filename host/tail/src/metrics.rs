//! What tails show of themselves on `/metrics`.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use weir_telemetry::Metrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySource {
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    source: String,
    kind: &'static str,
}

/// The metrics of all sources; registered once, shared by clones.
#[derive(Clone, Debug)]
pub struct TailMetrics {
    lines: Family<BySource, Counter>,
    bytes: Family<BySource, Counter>,
    truncated: Family<BySource, Counter>,
    invalid: Family<BySource, Counter>,
    rotations: Family<ByKind, Counter>,
    read_errors: Family<BySource, Counter>,
    watch_errors: Family<BySource, Counter>,
    checkpoint_errors: Family<BySource, Counter>,
    files: Family<BySource, Gauge>,
    open: Family<BySource, Gauge>,
    lag: Family<BySource, Gauge>,
}

impl TailMetrics {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Self {
        let counter = |name, help| metrics.register(name, help, Family::<BySource, Counter>::default());
        let gauge = |name, help| metrics.register(name, help, Family::<BySource, Gauge>::default());
        Self {
            lines: counter("weir_tail_lines", "Lines read from log files"),
            bytes: counter("weir_tail_bytes", "Bytes read from log files, line ends included"),
            truncated: counter("weir_tail_truncated_lines", "Lines cut because they exceeded max_line_bytes"),
            invalid: counter("weir_tail_invalid_utf8_lines", "Lines in which invalid text was replaced by U+FFFD"),
            rotations: metrics.register(
                "weir_tail_rotations",
                "Log files that were replaced, by how; lines that vanished with them cannot be counted",
                Family::default(),
            ),
            read_errors: counter("weir_tail_read_errors", "Failures to list, open or read log files"),
            watch_errors: counter("weir_tail_watch_errors", "Files and directories that are polled only"),
            checkpoint_errors: counter("weir_tail_checkpoint_errors", "Checkpoints that could not be read or written"),
            files: gauge("weir_tail_files_active", "Log files being followed"),
            open: gauge("weir_tail_files_open", "Log files held open"),
            lag: gauge("weir_tail_lag_bytes", "Bytes in followed files that are not read yet"),
        }
    }

    pub(crate) fn of(&self, source: &str) -> SourceMetrics {
        let by = BySource { source: source.to_owned() };
        SourceMetrics {
            lines: self.lines.get_or_create(&by).clone(),
            bytes: self.bytes.get_or_create(&by).clone(),
            truncated: self.truncated.get_or_create(&by).clone(),
            invalid: self.invalid.get_or_create(&by).clone(),
            read_errors: self.read_errors.get_or_create(&by).clone(),
            watch_errors: self.watch_errors.get_or_create(&by).clone(),
            checkpoint_errors: self.checkpoint_errors.get_or_create(&by).clone(),
            files: self.files.get_or_create(&by).clone(),
            open: self.open.get_or_create(&by).clone(),
            lag: self.lag.get_or_create(&by).clone(),
            rotations: self.rotations.clone(),
            source: by.source,
        }
    }

    /// Forgets the gauges of a source that is gone; its counters stay, as counters do.
    pub(crate) fn remove(&self, source: &str) {
        let by = BySource { source: source.to_owned() };
        for gauges in [&self.files, &self.open, &self.lag] {
            gauges.remove(&by);
        }
    }
}

/// One source's share of [`TailMetrics`].
#[derive(Clone, Debug)]
pub(crate) struct SourceMetrics {
    pub(crate) lines: Counter,
    pub(crate) bytes: Counter,
    pub(crate) truncated: Counter,
    pub(crate) invalid: Counter,
    pub(crate) read_errors: Counter,
    pub(crate) watch_errors: Counter,
    pub(crate) checkpoint_errors: Counter,
    pub(crate) files: Gauge,
    pub(crate) open: Gauge,
    pub(crate) lag: Gauge,
    rotations: Family<ByKind, Counter>,
    source: String,
}

/// How a file was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// Renamed, and perhaps followed by a new file.
    Rename,
    /// Deleted.
    Delete,
    /// A symbolic link points elsewhere now.
    Symlink,
    /// Cut to nothing, or written anew from its start (copytruncate).
    Truncate,
    /// Gone while it was not open: what was written to it since it was last read is lost.
    Vanish,
}

impl SourceMetrics {
    pub(crate) fn rotated(&self, kind: Rotation) {
        let kind = match kind {
            Rotation::Rename => "rename",
            Rotation::Delete => "delete",
            Rotation::Symlink => "symlink",
            Rotation::Truncate => "truncate",
            Rotation::Vanish => "vanish",
        };
        self.rotations.get_or_create(&ByKind { source: self.source.clone(), kind }).inc();
    }
}
