//! Sources against real files.

mod away;
mod checkpoints;
mod churn;
mod driven;
mod generations;
mod generations_model;
mod many;
mod rotation;
mod text;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use weir_model::{Ack, LogBatch};
use weir_telemetry::{Ledger, Metrics};

use crate::{BoxFuture, FileLogsSettings, LogOutlet, Tail, TailMetrics};

/// How long a test waits for what must happen; far beyond what it takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Keeps all lines, and acknowledges at once or when told.
pub(crate) struct Collector {
    seen: Mutex<Seen>,
    count: watch::Sender<usize>,
    gate: watch::Sender<bool>,
}

#[derive(Default)]
struct Seen {
    lines: Vec<Line>,
    held: Vec<Ack>,
    hold: bool,
    most_lines: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) file: String,
    pub(crate) time: i64,
    pub(crate) text: String,
}

impl LogOutlet for Collector {
    fn accept(&self, mut batch: LogBatch) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut gate = self.gate.subscribe();
            let _ = gate.wait_for(|open| *open).await;
            let mut seen = self.seen.lock().unwrap();
            for i in 0..batch.len() {
                let labels = batch.streams[batch.stream_of(i)].as_labels();
                let file = labels.get("filename").map(|f| f.rsplit('/').next().unwrap().to_owned());
                let (time, text) = (batch.times[i], batch.line(i).to_owned());
                seen.lines.push(Line { file: file.unwrap_or_default(), time, text });
            }
            assert_eq!(batch.times.len(), batch.len());
            seen.most_lines = seen.most_lines.max(batch.len());
            let ack = batch.ack.take().unwrap();
            if seen.hold {
                seen.held.push(ack);
            } else {
                ack.done();
            }
            let count = seen.lines.len();
            drop(seen);
            self.count.send_replace(count);
        })
    }
}

impl Collector {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { seen: Mutex::default(), count: watch::channel(0).0, gate: watch::channel(true).0 })
    }

    /// Keeps acknowledgements from now on.
    pub(crate) fn hold(&self) {
        self.seen.lock().unwrap().hold = true;
    }

    /// Takes the acknowledgements kept so far.
    pub(crate) fn held(&self) -> Vec<Ack> {
        std::mem::take(&mut self.seen.lock().unwrap().held)
    }

    pub(crate) fn open_gate(&self, open: bool) {
        self.gate.send_replace(open);
    }

    /// Waits until there are so many lines, and returns all there are.
    pub(crate) async fn lines(&self, count: usize) -> Vec<Line> {
        let mut counts = self.count.subscribe();
        let waited = tokio::time::timeout(PATIENCE, counts.wait_for(|c| *c >= count)).await;
        let lines = self.seen.lock().unwrap().lines.clone();
        assert!(waited.is_ok(), "{count} lines expected, {} came: {:?}", lines.len(), lines.last());
        lines
    }

    /// As [`lines`](Self::lines), the text alone.
    pub(crate) async fn texts(&self, count: usize) -> Vec<String> {
        self.lines(count).await.into_iter().map(|l| l.text).collect()
    }
}

/// A directory of logs, one of checkpoints, and what a source needs.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) metrics: Metrics,
    tail_metrics: TailMetrics,
    ledger: Ledger,
}

impl Place {
    pub(crate) fn new() -> Self {
        let metrics = Metrics::new();
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("logs")).unwrap();
        Self { dir, tail_metrics: TailMetrics::new(&metrics), ledger: Ledger::new(&metrics), metrics }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("logs").join(name)
    }

    pub(crate) fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    /// Replaces the whole content in place.
    pub(crate) fn overwrite(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn delete(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// Settings in a hurry, for the files that `globs` match.
    pub(crate) fn settings(&self, globs: &[&str]) -> FileLogsSettings {
        let mut settings =
            FileLogsSettings::new("app", globs.iter().map(|g| self.path(g).to_str().unwrap().to_owned()));
        settings.poll_interval = Duration::from_millis(20);
        settings.glob_interval = Duration::from_millis(50);
        settings.rotate_grace = Duration::from_millis(100);
        settings.checkpoint_interval = Duration::from_millis(20);
        settings
    }

    pub(crate) fn start(&self, settings: FileLogsSettings, outlet: &Arc<Collector>) -> Tail {
        let outlet: Arc<dyn LogOutlet> = outlet.clone();
        Tail::start(settings, outlet, &self.checkpoints(), &self.tail_metrics, &self.ledger).unwrap()
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.dir.path().join("checkpoints")
    }

    /// Waits until a metric's line is there, such as `weir_tail_rotations_total{source="app",kind="rename"} 1`.
    pub(crate) async fn metric(&self, line: &str) {
        self.until(line, || self.metrics.encode().unwrap().lines().any(|l| l == line)).await;
    }

    /// Waits until a metric, given up to its value, is above a number.
    pub(crate) async fn metric_above(&self, name: &str, least: u64) {
        let above = |line: &str| line.strip_prefix(name).and_then(|v| v.parse::<u64>().ok()).is_some_and(|v| v > least);
        self.until(name, || self.metrics.encode().unwrap().lines().any(above)).await;
    }

    /// Waits until the checkpoint says something.
    pub(crate) async fn checkpoint(&self, what: &str, holds: impl Fn(&serde_json::Value) -> bool) {
        let path = self.checkpoints().join("app.json");
        let read = |p: &Path| serde_json::from_slice(&std::fs::read(p).ok()?).ok();
        self.until(what, || read(&path).is_some_and(|v| holds(&v))).await;
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let wait = async {
            while !holds() {
                // nothing tells of a change to a metric or a file: look again soon
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "never: {what}\n{}", self.metrics.encode().unwrap());
    }
}

/// `count` numbered lines from `from`.
pub(crate) fn numbered(from: usize, count: usize) -> String {
    use std::fmt::Write;
    (from..from + count).fold(String::new(), |mut text, i| {
        writeln!(text, "line {i}").unwrap();
        text
    })
}

/// That these are exactly the numbered lines from 0, in order.
pub(crate) fn assert_numbered(texts: &[String]) {
    for (i, text) in texts.iter().enumerate() {
        assert_eq!(text, &format!("line {i}"), "at {i}");
    }
}

pub(crate) fn assert_increasing(lines: &[Line]) {
    assert!(lines.windows(2).all(|w| w[0].time < w[1].time), "times do not increase");
}
