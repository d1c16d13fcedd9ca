//! What a label edit leads to.

use weir_model::labels::METRIC_NAME;
use weir_model::{LabelSet, Labels, LabelsBuilder};

use crate::guest::{LabelEdit, Symbols};

/// What a label set stands for, and so what it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetKind {
    /// A series: it has a legal metric name.
    Series,
    /// A log stream: it has at least one label (Loki refuses a stream without).
    Stream,
    /// Structured metadata: may be empty.
    Metadata,
}

/// Applies `edit` to the rows' label sets: calls `changed` with each row that the edit names and the set it leads to.
///
/// `is_dropped` tells rows that the same answer drops; their changes are ignored. The error is what makes the whole
/// answer unacceptable, in words for the operator; `changed` may have been called before it is found.
pub fn apply_label_edit<'a>(
    edit: &LabelEdit,
    symbols: &Symbols,
    kind: SetKind,
    before: impl Fn(u32) -> Labels<'a>,
    is_dropped: impl Fn(u32) -> bool,
    builder: &mut LabelsBuilder,
    mut changed: impl FnMut(u32, Labels<'_>),
) -> Result<(), String> {
    for ops in by_row(edit) {
        if is_dropped(ops.row) {
            continue;
        }
        let labels = outcome(&ops, edit, symbols, kind, before(ops.row), builder)?;
        changed(ops.row, labels);
    }
    Ok(())
}

/// What an edit does to one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowOps<'a> {
    pub(crate) row: u32,
    pub(crate) removed: &'a [[u32; 2]],
    pub(crate) assigned: &'a [[u32; 3]],
}

impl RowOps<'_> {
    /// Whether it does the same to another row.
    pub(crate) fn same_as(&self, other: &RowOps<'_>) -> bool {
        self.removed.len() == other.removed.len()
            && self.assigned.len() == other.assigned.len()
            && self.removed.iter().zip(other.removed).all(|(a, b)| a[1] == b[1])
            && self.assigned.iter().zip(other.assigned).all(|(a, b)| a[1..] == b[1..])
    }
}

/// An edit row by row, ascending.
pub(crate) fn by_row(edit: &LabelEdit) -> impl Iterator<Item = RowOps<'_>> {
    let (mut removed, mut assigned) = (edit.removed.as_slice(), edit.assigned.as_slice());
    std::iter::from_fn(move || {
        let row = match (removed.first(), assigned.first()) {
            (Some(&[a, _]), Some(&[b, ..])) => a.min(b),
            (Some(&[row, _]), None) | (None, Some(&[row, ..])) => row,
            (None, None) => return None,
        };
        let removed = take(&mut removed, |op| op[0] == row);
        let assigned = take(&mut assigned, |op| op[0] == row);
        Some(RowOps { row, removed, assigned })
    })
}

/// The labels that `ops` make of `before`.
pub(crate) fn outcome<'b>(
    ops: &RowOps<'_>,
    edit: &LabelEdit,
    symbols: &Symbols,
    kind: SetKind,
    before: Labels<'_>,
    builder: &'b mut LabelsBuilder,
) -> Result<Labels<'b>, String> {
    let text = |i: u32| -> &str {
        let i = i as usize;
        symbols.get(i).or_else(|| edit.added.get(i.checked_sub(symbols.len())?)).unwrap_or_default()
    };
    builder.reset(before);
    let mut named = false;
    for op in ops.removed {
        let name = text(op[1]);
        named |= name == METRIC_NAME;
        builder.remove(name);
    }
    for op in ops.assigned {
        let name = text(op[1]);
        named |= name == METRIC_NAME;
        builder.set(name, text(op[2]));
    }
    // What an edit does not name is not its fault.
    if named || kind != SetKind::Series {
        check(builder, kind).map_err(|e| format!("row {}: {e}", ops.row))?;
    }
    Ok(builder.finish())
}

fn take<'a, T>(list: &mut &'a [T], mut belongs: impl FnMut(&T) -> bool) -> &'a [T] {
    let n = list.iter().position(|t| !belongs(t)).unwrap_or(list.len());
    let (head, tail) = list.split_at(n);
    *list = tail;
    head
}

fn check(set: &LabelsBuilder, kind: SetKind) -> Result<(), String> {
    match kind {
        SetKind::Series => match set.get(METRIC_NAME) {
            Some(name) if is_metric_name(name) => Ok(()),
            Some(name) => Err(format!("{name:?} is no metric name")),
            None => Err("leaves a series without a name (__name__)".to_owned()),
        },
        SetKind::Stream if set.is_empty() => Err("leaves a log stream without any label".to_owned()),
        SetKind::Stream | SetKind::Metadata => Ok(()),
    }
}

/// Whether this may be the name of a metric. Prometheus' data model: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_metric_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

/// A label set that is the row's own or one that an edit made.
#[derive(Debug, Default)]
pub struct EditedSets {
    sets: Vec<LabelSet>,
    /// For each row, one more than the index of its set in `sets`; 0 where it was not edited.
    of_row: Vec<u32>,
}

impl EditedSets {
    /// No row of `rows` is edited.
    pub fn reset(&mut self, rows: usize) {
        self.sets.clear();
        self.of_row.clear();
        self.of_row.resize(rows, 0);
    }

    /// Row `row` has these labels from now on.
    pub fn set(&mut self, row: usize, labels: Labels<'_>) {
        self.sets.push(labels.to_owned());
        if let Some(of_row) = self.of_row.get_mut(row) {
            *of_row = self.sets.len() as u32;
        }
    }

    /// The labels of a row, if an edit made them.
    pub fn get(&self, row: usize) -> Option<Labels<'_>> {
        let index = (*self.of_row.get(row)?).checked_sub(1)?;
        self.sets.get(index as usize).map(LabelSet::as_labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> LabelSet {
        pairs.iter().collect()
    }

    fn symbols(strings: &[&str]) -> Symbols {
        let mut s = Symbols::default();
        for x in strings {
            s.push(x);
        }
        s
    }

    #[test]
    fn removals_come_first_and_untouched_rows_are_not_named() {
        let rows =
            [set(&[("__name__", "a"), ("id", "1")]), set(&[("__name__", "b")]), set(&[("__name__", "c"), ("id", "3")])];
        let edit = LabelEdit { added: symbols(&["x"]), assigned: vec![[0, 1, 2], [2, 1, 2]], removed: vec![[2, 1]] };
        let mut seen = vec![];
        apply_label_edit(
            &edit,
            &symbols(&["__name__", "id"]),
            SetKind::Series,
            |r| rows[r as usize].as_labels(),
            |_| false,
            &mut LabelsBuilder::default(),
            |r, l| seen.push((r, l.to_string())),
        )
        .unwrap();
        assert_eq!(seen, [(0, r#"{__name__="a", id="x"}"#.to_string()), (2, r#"{__name__="c", id="x"}"#.to_string())]);
    }

    #[test]
    fn an_outcome_without_a_name_is_an_error_unless_the_row_is_dropped() {
        let row = set(&[("__name__", "a")]);
        let edit = LabelEdit { removed: vec![[0, 0]], ..LabelEdit::default() };
        let run = |dropped: bool, kind| {
            apply_label_edit(
                &edit,
                &symbols(&["__name__"]),
                kind,
                |_| row.as_labels(),
                |_| dropped,
                &mut LabelsBuilder::default(),
                |_, _| {},
            )
        };
        assert!(run(false, SetKind::Series).unwrap_err().contains("without a name"));
        assert!(run(false, SetKind::Stream).unwrap_err().contains("without any label"));
        assert!(run(false, SetKind::Metadata).is_ok());
        assert!(run(true, SetKind::Series).is_ok());
    }
}
