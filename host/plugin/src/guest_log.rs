//! What a plugin logs, in weir's log: with its name, cut, and thinned out.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;

/// The longest message: enough for a panic's message, and no way to write payloads into the log unseen.
pub(crate) const MAX_MESSAGE: usize = 1024;

/// Lines that may come at once: a plugin that reports on its start.
const BURST: f64 = 50.0;

/// Lines a second after that: a plugin that logs at each batch must not bury weir's own log.
const PER_SECOND: f64 = 10.0;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something is lost.
    Error,
    /// Something is degraded, and nothing lost.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What the author wants to know.
    Debug,
}

/// Who hears what plugins log.
pub trait Listener: Send + Sync {
    /// A line, as the plugin wrote it but for what a terminal would obey. On the thread of the call: it must not block.
    fn logged(&self, level: Level, line: &str);
}

/// Who hears what plugins log, all of it, beside weir's own log: a test that shows it. Usually nobody.
#[derive(Clone, Default)]
pub struct LogTo(pub Option<Arc<dyn Listener>>);

impl fmt::Debug for LogTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "LogTo(there)" } else { "LogTo(nobody)" })
    }
}

/// The log of one plugin; all its instances share it.
#[derive(Debug)]
pub(crate) struct GuestLog {
    plugin: String,
    bucket: Mutex<Bucket>,
    written: Counter,
    dropped: Counter,
    heard_by: LogTo,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
    left_out: u64,
}

impl Bucket {
    /// Whether a line may be written at `now`, and then how many were left out before it.
    fn take(&mut self, now: Instant) -> Option<u64> {
        self.tokens = BURST.min(self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND);
        self.at = now;
        if self.tokens < 1.0 {
            self.left_out += 1;
            return None;
        }
        self.tokens -= 1.0;
        Some(std::mem::take(&mut self.left_out))
    }
}

impl GuestLog {
    pub(crate) fn new(plugin: &str, written: Counter, dropped: Counter) -> Self {
        let bucket = Mutex::new(Bucket { tokens: BURST, at: Instant::now(), left_out: 0 });
        Self { plugin: plugin.to_owned(), bucket, written, dropped, heard_by: LogTo::default() }
    }

    /// The same, with somebody who hears it.
    pub(crate) fn heard_by(self, heard_by: LogTo) -> Self {
        Self { heard_by, ..self }
    }

    /// Writes one line.
    pub(crate) fn write(&self, level: Level, message: &str) {
        if let Some(listener) = &self.heard_by.0 {
            message.lines().for_each(|line| listener.logged(level, &tidy(line)));
        }
        let taken = self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        let Some(left_out) = taken else {
            self.dropped.inc();
            return;
        };
        if left_out > 0 {
            tracing::warn!(plugin = self.plugin, lines = left_out, "left out lines of a plugin that logs too much");
        }
        self.written.inc();
        let message = tidy(message);
        match level {
            Level::Error => tracing::error!(target: "weir_plugin::guest", plugin = self.plugin, "{message}"),
            Level::Warn => tracing::warn!(target: "weir_plugin::guest", plugin = self.plugin, "{message}"),
            Level::Info => tracing::info!(target: "weir_plugin::guest", plugin = self.plugin, "{message}"),
            Level::Debug => tracing::debug!(target: "weir_plugin::guest", plugin = self.plugin, "{message}"),
        }
    }
}

/// Whether a terminal, a browser or a reader of lines would obey a character instead of showing it: control characters, separators of
/// lines and paragraphs, and what turns the direction of writing, behind which a log can say another thing than it holds.
pub(crate) fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The message in one line, cut, and without anything that a terminal would obey.
pub(crate) fn tidy(message: &str) -> String {
    let message = message.trim_end();
    let cut = message.floor_char_boundary(MAX_MESSAGE);
    let mut out: String =
        message.get(..cut).unwrap_or_default().chars().map(|c| if is_obeyed(c) { ' ' } else { c }).collect();
    if cut < message.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn floods_are_thinned_out_and_told_of() {
        let now = Instant::now();
        let mut b = Bucket { tokens: BURST, at: now, left_out: 0 };
        for _ in 0..50 {
            assert_eq!(b.take(now), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(b.take(now), None);
        }
        assert_eq!(b.take(now + Duration::from_millis(101)), Some(7));
        assert_eq!(b.take(now + Duration::from_millis(102)), None);
    }

    #[test]
    fn messages_are_one_short_line() {
        assert_eq!(tidy("a\nb\x1b[31mc\n\n"), "a b [31mc");
        assert_eq!(tidy("a\u{9b}31m b\u{2028}c \u{202e}d\u{2069} é 漢 🙂"), "a 31m b c  d  é 漢 🙂");
        let long = tidy(&"é".repeat(1000));
        assert_eq!(long.chars().count(), 513);
        assert!(long.ends_with('…'));
    }
}
