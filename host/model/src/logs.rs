//! Log lines, as they travel from a reader through the pipeline to the encoders.

use crate::ack::Ack;
use crate::labels::LabelSet;

/// A batch of lines from one source, column by column.
#[derive(Debug, Default)]
pub struct LogBatch {
    /// The streams' labels.
    pub streams: Vec<LabelSet>,
    /// For each line, the index of its stream; empty when all lines are of the first.
    pub stream_of_line: Vec<u32>,
    /// For each line, nanoseconds since the epoch.
    pub times: Vec<i64>,
    /// All lines end to end, without line ends.
    pub text: String,
    /// For each line, the byte of `text` where it ends.
    pub ends: Vec<u32>,
    /// For each line, its structured metadata; empty when no line has any.
    pub metadata: Vec<LabelSet>,
    /// Resolved once the batch is durable in every queue it was routed to, or dropped on purpose.
    pub ack: Option<Ack>,
}

impl LogBatch {
    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The index of a line's stream.
    pub fn stream_of(&self, line: usize) -> usize {
        self.stream_of_line.get(line).map_or(0, |s| *s as usize)
    }

    /// A line's text.
    pub fn line(&self, line: usize) -> &str {
        let start = if line == 0 { 0 } else { self.ends[line - 1] as usize };
        &self.text[start..self.ends[line] as usize]
    }

    /// Appends a line.
    pub fn push(&mut self, time: i64, line: &str) {
        self.text.push_str(line);
        self.ends.push(self.text.len() as u32);
        self.times.push(time);
    }
}
