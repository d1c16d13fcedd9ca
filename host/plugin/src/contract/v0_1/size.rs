//! How many bytes cross from a guest: of what it hands to a function of weir's, and of what it answers. Strings and columns count as
//! long as they are, each element of another list [`ELEMENT`] bytes more.

use super::bindings::exports::weir::plugin::{logs, samples, series};
use super::bindings::weir::plugin::{emit, http, types};

/// Two pointers and two lengths, of which such elements are.
const ELEMENT: usize = 16;

pub(super) fn labels(labels: &[types::Label]) -> usize {
    labels.iter().map(|l| ELEMENT + l.name.len() + l.value.len()).sum()
}

pub(super) fn request(request: &http::Request) -> usize {
    let headers = request.headers.iter().map(|h| ELEMENT + h.name.len() + h.value.len()).sum::<usize>();
    request.method.len() + request.url.len() + headers + request.body.len()
}

pub(super) fn emitted_samples(raw: &emit::SampleColumns) -> usize {
    symbols(&raw.symbols)
        + sets(&raw.sets)
        + raw.set_of_row.len()
        + raw.timestamps.len()
        + raw.start_timestamps.len()
        + raw.values.len()
}

pub(super) fn emitted_lines(raw: &emit::LineColumns) -> usize {
    symbols(&raw.symbols)
        + sets(&raw.sets)
        + raw.set_of_row.len()
        + sets(&raw.metadata)
        + raw.timestamps.len()
        + symbols(&raw.lines)
}

pub(super) fn verdicts(answer: &series::Verdicts) -> usize {
    answer.dropped.len() + edit(answer.labels.as_ref())
}

pub(super) fn samples_edit(answer: &samples::Edit) -> usize {
    let samples::Edit::Patch(p) = answer else { return 0 };
    p.dropped.len() + edit(p.labels.as_ref()) + p.changed.len() + p.values.len()
}

pub(super) fn logs_edit(answer: &logs::Edit) -> usize {
    let logs::Edit::Patch(p) = answer else { return 0 };
    let times = p.times.as_ref().map_or(0, |t| t.rows.len() + t.timestamps.len());
    p.dropped.len() + edit(p.labels.as_ref()) + edit(p.metadata.as_ref()) + times + p.changed.len() + symbols(&p.lines)
}

fn edit(edit: Option<&types::LabelEdit>) -> usize {
    edit.map_or(0, |e| symbols(&e.added) + e.assigned.len() + e.removed.len())
}

fn symbols(symbols: &types::SymbolsResult) -> usize {
    symbols.text.len() + symbols.ends.len()
}

fn sets(sets: &types::LabelSetsResult) -> usize {
    sets.pairs.len() + sets.ends.len()
}
