//! `weir queue`: looks at the sinks' disk queues, or sends what is left in them.

mod drain;
mod inspect;
mod ls;
mod table;
mod verify;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::Value;
use weir_queue::inspect::{Depth, Inspected, Record};

use crate::args::duration;
use crate::failure::Failure;

pub(crate) use drain::drain;
pub(crate) use ls::live_row;

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// One line for each sink's queue: what waits in it, and since when
    ///
    /// Works beside a running weir. What it has read and not yet written to its cursor, a second's work at most, still
    /// counts as waiting.
    Ls {
        #[command(flatten)]
        place: Place,
        /// Print JSON, as `/api/v1/queues` does
        #[arg(long)]
        json: bool,
    },
    /// The lanes of one sink's queue: segments, totals, where the sender stands, gaps
    ///
    /// Reads every header and no body. Works beside a running weir.
    Inspect {
        /// The sink, as `remote_write.NAME` or `loki.NAME`
        sink: String,
        #[command(flatten)]
        place: Place,
        /// This lane alone
        #[arg(long, value_name = "N")]
        lane: Option<u16>,
        /// List every record's header
        #[arg(long)]
        records: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read every header and body and report what is damaged
    ///
    /// Ends with exit code 1 when something is. Changes nothing and works beside a running weir, which skips and counts
    /// what is damaged when it comes to it.
    Verify {
        /// This sink alone, as `remote_write.NAME` or `loki.NAME`
        sink: Option<String>,
        #[command(flatten)]
        place: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send what is left in the queues and end; for machines that go away
    ///
    /// Opens the sinks of the configuration and none of its sources. Ends with exit code 0 when every queue is empty, and
    /// with 1 and what is left otherwise.
    Drain {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Give up after this long, as in `10m`; without it, try until it is done or interrupted
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        timeout: Option<Duration>,
    },
}

/// Where the queues are.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// The configuration file, for its `data_dir`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    /// The directories of all queues.
    fn queues(&self) -> Result<Vec<PathBuf>, Failure> {
        let data_dir = match (&self.config, &self.data_dir) {
            (Some(path), _) => weir_config::load(path).map_err(|d| Failure::config(&d))?.0.data_dir,
            (None, Some(dir)) => dir.clone(),
            // clap sees to it that there is one
            (None, None) => PathBuf::from("."),
        };
        if !data_dir.is_dir() {
            return Err(Failure::new(format!("error: there is no data directory {}", data_dir.display())));
        }
        let dir = weir_push::queues_dir(&data_dir);
        weir_queue::inspect::find(&dir).map_err(|e| Failure::new(format!("error: {}: {e}", dir.display())))
    }

    /// The queue of `sink`.
    fn queue(&self, sink: &str) -> Result<PathBuf, Failure> {
        let mut there = vec![];
        for dir in self.queues()? {
            let found = look(&dir, Depth::Totals, &mut |_| (), &mut |_| ())?;
            if found.sink == sink {
                return Ok(dir);
            }
            there.push(found.sink);
        }
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        Err(Failure::new(format!("error: there is no queue of {sink:?}; there are: {there}")))
    }
}

/// Runs a command that looks; `drain` needs a runtime.
pub(crate) fn run(command: QueueCommand) -> Result<(), Failure> {
    match command {
        QueueCommand::Ls { place, json } => ls::ls(&place, json),
        QueueCommand::Inspect { sink, place, lane, records, json } => {
            inspect::inspect(&place.queue(&sink)?, lane, records, json)
        }
        QueueCommand::Verify { sink, place, json } => {
            let dirs = match sink {
                Some(sink) => vec![place.queue(&sink)?],
                None => place.queues()?,
            };
            verify::verify(&dirs, json)
        }
        QueueCommand::Drain { .. } => Err(Failure::new("error: drain needs a runtime")),
    }
}

fn look(
    dir: &Path,
    depth: Depth,
    progress: &mut dyn FnMut(u64),
    visit: &mut dyn FnMut(&Record),
) -> Result<Inspected, Failure> {
    Ok(weir_queue::inspect::inspect(dir, depth, progress, visit)?)
}

fn print(text: &str) -> Result<(), Failure> {
    Ok(std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes())?)
}

fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Milliseconds since the epoch.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
