//! What belongs to one instance on the host's side: what its imports work on.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use wasmtime::component::ResourceTable;

use crate::access::Access;
use crate::custom::CustomMetrics;
use crate::emission::{EmitLimits, EmitTo, Emitting};
use crate::guest_log::{GuestLog, Level, MAX_MESSAGE};
use crate::http::{HttpMetrics, Waiting};
use crate::kept::{Draft, Kept, KeptStates};
use crate::limits::Limits;
use crate::seat::Seats;
use crate::threads::Course;
use crate::time_limit::TimeLimit;

/// Files, folders and streams that an instance may have open at once: more than a table of anything needs, and far below the
/// descriptors of a process, which sinks and tails need too.
const MAX_OPEN: usize = 64;

/// The data of an instance's store.
#[derive(Debug)]
pub(crate) struct State {
    /// What it may use.
    pub(crate) limits: Limits,
    /// How long the call that is under way may take.
    pub(crate) time: TimeLimit,
    /// What it reaches beyond itself.
    pub(crate) services: Arc<Services>,
    /// What the call that is under way has emitted.
    pub(crate) emitting: Emitting,
    /// What it keeps in the host, as the call that is under way sees it.
    pub(crate) kept: Draft,
    /// How long the call that is under way may yet wait for answers.
    pub(crate) waiting: Waiting,
    /// Whether it said, in the tick that is under way, that its verdicts no longer hold.
    pub(crate) forgets: bool,
    /// What it has open.
    pub(crate) table: ResourceTable,
    output: LineBuffer,
}

/// What the instances of one plugin share.
#[derive(Debug)]
pub(crate) struct Services {
    /// The plugin's name.
    pub(crate) plugin: String,
    /// Its log.
    pub(crate) log: GuestLog,
    /// Everybody's metrics.
    pub(crate) custom: CustomMetrics,
    /// What `wasi:random/insecure-seed` answers: hash maps want it. One for the process, so that a plugin's instances agree.
    pub(crate) seed: (u64, u64),
    /// Where what it emits goes.
    pub(crate) emit_to: EmitTo,
    /// How much it may emit.
    pub(crate) emit_limits: EmitLimits,
    /// What all plugins keep.
    pub(crate) kept: KeptStates,
    /// Values that were not kept, by why.
    pub(crate) not_kept: Family<NotKeptLabels, Counter>,
    /// The places of all plugins that have one instance for a pipeline.
    pub(crate) seats: Seats,
    /// How many bytes may cross from it.
    pub(crate) crossing: Crossing,
    /// What its grants open.
    pub(crate) access: Access,
    /// Its requests.
    pub(crate) http: HttpMetrics,
}

/// The most bytes that cross from a guest at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    /// Of one answer.
    pub(crate) returned: usize,
    /// Of what one call of a function of weir's hands over.
    pub(crate) handed: usize,
}

/// Of a value that was not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct NotKeptLabels {
    pub(crate) plugin: String,
    pub(crate) reason: &'static str,
}

impl Services {
    /// Counts values that were not kept.
    pub(crate) fn count_not_kept(&self, reason: &'static str, values: u64) {
        if values > 0 {
            let labels = NotKeptLabels { plugin: self.plugin.clone(), reason };
            self.not_kept.get_or_create(&labels).inc_by(values);
        }
    }
}

impl State {
    /// The state of an instance whose start functions and `configure` may take `time` together, from now.
    pub(crate) fn new(limits: Limits, time: Duration, course: Course, services: Arc<Services>, kept: Kept) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_OPEN);
        let mut waiting = Waiting::default();
        waiting.begin(services.access.http.as_ref().map(|h| h.timeout));
        Self {
            waiting,
            limits,
            time: TimeLimit::begin(time, course),
            services,
            emitting: Emitting::default(),
            kept: Draft::new(kept),
            forgets: false,
            table,
            output: LineBuffer::default(),
        }
    }

    /// Stops who hands over more bytes to a function of weir's than its plugin may.
    pub(crate) fn handed(&self, bytes: usize) -> wasmtime::Result<()> {
        let most = self.services.crossing.handed;
        if bytes > most {
            let what = "it handed over to a function of weir's, more than its limit of";
            return Err(wasmtime::Error::msg(format!("{bytes} bytes {what} {most} (limits.host_call_bytes)")));
        }
        Ok(())
    }

    /// What the guest logs by itself.
    pub(crate) fn log(&mut self, level: Level, message: &str) {
        if level == Level::Error {
            self.output.last = Some(crate::guest_log::tidy(message));
        }
        self.services.log.write(level, message);
    }

    /// What the guest wrote to its standard output or error: into its log, line by line.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let log = &self.services.log;
        self.output.push(bytes, |line| log.write(Level::Info, line));
    }

    /// What was written last and says something: a panic's message, after a trap. Ends the line that is under way.
    pub(crate) fn take_last_words(&mut self) -> Option<String> {
        let log = &self.services.log;
        self.output.end(|line| log.write(Level::Info, line));
        std::mem::take(&mut self.output.last)
    }
}

/// Cuts what is written into lines, none longer than a log message.
#[derive(Debug, Default)]
struct LineBuffer {
    open: Vec<u8>,
    last: Option<String>,
}

impl LineBuffer {
    fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            let room = MAX_MESSAGE.saturating_sub(self.open.len());
            self.open.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
            if part.ends_with(b"\n") {
                self.end(&mut line);
            }
        }
    }

    fn end(&mut self, mut line: impl FnMut(&str)) {
        let text = String::from_utf8_lossy(&self.open);
        let text = text.trim_end();
        if !text.is_empty() {
            line(text);
            // Rust ends a panic's message with this note, which says nothing of the panic.
            if !text.starts_with("note: ") {
                self.last = Some(crate::guest_log::tidy(text));
            }
        }
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_comes_in_lines() {
        let mut lines = Vec::new();
        let mut b = LineBuffer::default();
        b.push(b"one\ntw", |l| lines.push(l.to_owned()));
        b.push(b"o\n\n", |l| lines.push(l.to_owned()));
        b.push(&[b'x'; 5000], |l| lines.push(l.to_owned()));
        b.push(b"\nnote: run with RUST_BACKTRACE\nopen", |l| lines.push(l.to_owned()));
        assert_eq!(b.last.as_deref().map(str::len), Some(MAX_MESSAGE));
        b.end(|l| lines.push(l.to_owned()));
        assert_eq!(lines, ["one", "two", &"x".repeat(MAX_MESSAGE), "note: run with RUST_BACKTRACE", "open"]);
    }
}
