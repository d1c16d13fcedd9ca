//! `weir queue drain`.

// writing to a String does not fail
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use weir_config::Config;
use weir_push::{SinkError, SinkQueue, Sinks};
use weir_queue::inspect::Depth;
use weir_queue::{OpenError, Volume};
use weir_telemetry::{Ledger, Metrics, logging};

use super::look;
use super::table::{bytes, counted, number};
use crate::failure::Failure;
use crate::translate;

/// How often to look whether everything is sent.
const LOOK: Duration = Duration::from_millis(100);

/// How often progress is written where that is no terminal.
const TELL: Duration = Duration::from_secs(10);

/// Sends what the queues of the configuration in `path` hold, within `timeout`.
pub(crate) async fn drain(path: &Path, timeout: Option<Duration>) -> Result<(), Failure> {
    let (config, _) = weir_config::load(path).map_err(|d| Failure::config(&d))?;
    logging::init("warn", logging::Format::Text)?;
    let (remote_writes, lokis) = translate::sinks(&config)?;
    let names: Vec<String> = config
        .remote_write
        .iter()
        .map(|sink| format!("remote_write.{}", sink.name))
        .chain(config.loki.iter().map(|sink| format!("loki.{}", sink.name)))
        .collect();
    let metrics = Metrics::new();
    let ledger = Ledger::new(&metrics);
    let opened = Sinks::open(remote_writes, lokis, &config.data_dir, &metrics, &ledger).await;
    let sinks = opened.map_err(|error| match error {
        SinkError::Queue { source: OpenError::InUse { dir }, .. } => Failure::new(format!(
            "error: {} is in use: a weir runs on this data directory, and sends it by itself; stop that first",
            dir.display()
        )),
        other => other.into(),
    })?;
    let end = wait(&sinks, timeout).await?;
    sinks.shutdown(Duration::ZERO).await;
    let left = sinks_left(&config, &names)?;
    if left.is_empty() {
        return Ok(());
    }
    let mut text = format!("error: {end}; what is left stays on disk:\n");
    for (sink, queued, is_known) in left {
        let (records, entries) =
            (counted(queued.records, "record", "records"), counted(queued.entries, "entry", "entries"));
        let unknown = if is_known { "" } else { " (no sink of the configuration)" };
        let _ = writeln!(text, "  {sink}: {records}, {entries}, {}{unknown}", bytes(queued.bytes));
    }
    Err(Failure::new(text))
}

/// Waits until every queue is empty, the time is over or somebody interrupts; says how it ended.
async fn wait(sinks: &Sinks, timeout: Option<Duration>) -> Result<&'static str, Failure> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let begun = Instant::now();
    let mut progress = Progress::new();
    loop {
        let queues = sinks.queues();
        progress.tell(&queues, begun);
        if queues.iter().all(|queue| waiting(queue).records == 0) {
            progress.end(&queues);
            return Ok("the configured queues are empty");
        }
        if timeout.is_some_and(|timeout| begun.elapsed() >= timeout) {
            progress.end(&queues);
            return Ok("the time is over");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = terminate.recv() => return Ok("interrupted"),
            _ = interrupt.recv() => return Ok("interrupted"),
        }
    }
}

fn waiting(queue: &SinkQueue) -> Volume {
    queue.stats.queued + queue.stats.in_flight
}

/// What is on disk now, of the configured sinks and of others.
fn sinks_left(config: &Config, names: &[String]) -> Result<Vec<(String, Volume, bool)>, Failure> {
    let mut left = vec![];
    for dir in weir_queue::inspect::find(&weir_push::queues_dir(&config.data_dir))? {
        let found = look(&dir, Depth::Totals, &mut |_| (), &mut |_| ())?;
        if found.queued().records > 0 {
            left.push((found.sink.clone(), found.queued(), names.contains(&found.sink)));
        }
    }
    Ok(left)
}

/// How far the sending is, on standard error: in place on a terminal, now and then elsewhere.
struct Progress {
    terminal: bool,
    told: Option<Instant>,
}

impl Progress {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), told: None }
    }

    fn tell(&mut self, queues: &[SinkQueue], begun: Instant) {
        let every = if self.terminal { LOOK } else { TELL };
        if self.told.is_some_and(|told| told.elapsed() < every) {
            return;
        }
        self.told = Some(Instant::now());
        let left = queues.iter().fold(Volume::default(), |sum, queue| sum + waiting(queue));
        let (records, entries) = (counted(left.records, "record", "records"), number(left.entries));
        let line =
            format!("{records} ({entries} entries, {}) left after {}s", bytes(left.bytes), begun.elapsed().as_secs());
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        // nobody may be there to read it
        let _ = write!(std::io::stderr(), "{start}{line}{end}");
    }

    fn end(&self, queues: &[SinkQueue]) {
        let _ = write!(std::io::stderr(), "{}", if self.terminal { "\r\x1b[K" } else { "" });
        for queue in queues {
            let (settled, dropped) = (queue.stats.committed, queue.stats.dropped_total());
            let mut line = format!("{}: {}", queue.component, counted(settled.records, "record", "records"));
            let _ = write!(line, " with {} settled", counted(settled.entries, "entry", "entries"));
            if dropped.records > 0 {
                let _ = write!(line, ", {} dropped", counted(dropped.records, "record", "records"));
            }
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}
