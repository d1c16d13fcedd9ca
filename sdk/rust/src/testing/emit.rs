//! What was emitted, kept for the test that runs on this thread.

use std::cell::RefCell;

use super::{LabelSet, Line, Sample, labels};
use crate::columns::{eights, i64_at, span, u32_at, u32s};
use crate::emit::{LineColumns, Refusal, SampleColumns, Sets};

thread_local! {
    static SAMPLES: RefCell<Vec<Sample>> = const { RefCell::new(Vec::new()) };
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// The samples that were emitted since the last question; those of now have the time 0.
pub fn emitted_samples() -> Vec<Sample> {
    SAMPLES.take()
}

/// The lines that were emitted since the last question; those of now have the time 0.
pub fn emitted_lines() -> Vec<Line> {
    LINES.take()
}

#[allow(clippy::needless_pass_by_value, reason = "as in the component")]
pub(crate) fn samples(columns: SampleColumns) -> Result<(), Refusal> {
    let sets = label_sets(&columns.sets, &columns.sets.pairs, &columns.sets.ends);
    if let Some(set) = sets.iter().find(|s| s.get("__name__").is_none_or(str::is_empty)) {
        return Err(Refusal::Malformed(format!("{set} has no name (__name__)")));
    }
    let times = eights(&columns.times);
    let values = eights(&columns.values).iter().map(|v| f64::from_le_bytes(*v));
    let all = sets
        .into_iter()
        .take(columns.rows as usize)
        .zip(values)
        .enumerate()
        .map(|(i, (set, value))| Sample::new(set, value).at(i64_at(times, i)));
    SAMPLES.with_borrow_mut(|samples| samples.extend(all));
    Ok(())
}

#[allow(clippy::needless_pass_by_value, reason = "as in the component")]
pub(crate) fn lines(columns: LineColumns) -> Result<(), Refusal> {
    let streams = label_sets(&columns.sets, &columns.sets.pairs, &columns.sets.ends);
    if streams.iter().any(|s| *s == LabelSet::default()) {
        return Err(Refusal::Malformed("a stream without any label".into()));
    }
    let metadata = label_sets(&columns.sets, &columns.metadata_pairs, &columns.metadata_ends);
    let (text, times) = (columns.text.strings(), eights(&columns.times));
    let all = streams.into_iter().take(columns.rows as usize).enumerate().map(|(i, labels)| Line {
        text: text.get(i).into(),
        labels,
        metadata: metadata.get(i).cloned().unwrap_or_default(),
        timestamp: i64_at(times, i),
    });
    LINES.with_borrow_mut(|lines| lines.extend(all));
    Ok(())
}

fn label_sets(sets: &Sets, pairs: &[u8], ends: &[u8]) -> Vec<LabelSet> {
    let (strings, pairs, ends) = (sets.symbols.strings(), u32s(pairs), u32s(ends));
    let text = |i: usize| strings.get(u32_at(pairs, i) as usize);
    let set = |i| {
        let (start, end) = span(ends, i);
        labels((start..end).map(|pair| (text(pair * 2), text(pair * 2 + 1))).filter(|(_, value)| !value.is_empty()))
    };
    (0..ends.len()).map(set).collect()
}
