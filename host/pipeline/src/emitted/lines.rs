//! Lines that a plugin emits, on their way.

use std::sync::Arc;

use weir_model::LogBatch;

use super::Source;
use crate::guest::EmittedLines;

/// Takes a plugin's lines through its pipelines, batch by batch, until it is to stop and nothing waits any more.
pub(super) async fn run(source: Arc<Source>) {
    loop {
        let emitted = source.lines.take();
        if emitted.is_empty() {
            if source.stops() {
                return;
            }
            source.lines.wake.notified().await;
        }
        let mut left = source.lines.account.passage(emitted.iter().map(|(_, lines)| lines.ends.len() as u64).sum());
        for (time, lines) in emitted {
            left.taken(1, lines.ends.len() as u64);
            let route = source.routes.lines(&source.plugin);
            source.lines.finds_takers(&source.plugin, "lines", !route.is_empty());
            route.accept_behind(batch(lines, time), &source.lines.account, Some(&source.plugin)).await;
        }
        left.end();
    }
}

/// The batch of an emission. Nobody waits for it to be durable: what it was made of is acknowledged by itself.
fn batch(lines: EmittedLines, now: i64) -> LogBatch {
    let EmittedLines { streams, stream_of_line, mut times, text, ends, metadata } = lines;
    if times.is_empty() {
        times.resize(ends.len(), now);
    }
    LogBatch { streams, stream_of_line, times, text, ends, metadata, ack: None }
}
