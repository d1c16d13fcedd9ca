//! Answers, checked as the host checks them and applied.

use super::LabelSet;
use crate::Error;
use crate::columns::{Strings, Table, u32s};
use crate::edit::LabelEdit;

/// The rows of a column, ascending and below `rows`.
fn ascending(rows: impl Iterator<Item = u32>, repeats: bool) -> Result<Vec<usize>, Error> {
    let mut out: Vec<usize> = Vec::new();
    for row in rows.map(|row| row as usize) {
        if out.last().is_some_and(|last| row < *last || (row == *last && !repeats)) {
            return Err(format!("row {row} comes after a higher or equal one").into());
        }
        out.push(row);
    }
    Ok(out)
}

fn numbers(column: &[u8]) -> impl Iterator<Item = u32> {
    u32s(column).iter().map(|b| u32::from_le_bytes(*b))
}

/// Takes the dropped rows out.
pub(super) fn drop_rows<T>(rows: Vec<T>, dropped: &[u8]) -> Result<Vec<Option<T>>, Error> {
    let dropped = ascending(numbers(dropped), false)?;
    if dropped.last().is_some_and(|last| *last >= rows.len()) {
        return Err("a dropped row is past the last".into());
    }
    Ok(rows.into_iter().enumerate().map(|(i, row)| dropped.binary_search(&i).is_err().then_some(row)).collect())
}

/// Applies changes to label sets: removals first.
pub(super) fn relabel(rows: &mut [&mut LabelSet], batch: Strings<'_>, edit: Option<&LabelEdit>) -> Result<(), Error> {
    let Some(edit) = edit else { return Ok(()) };
    let (added, known) = (edit.added.strings(), batch.len());
    let string = |index: usize| {
        let own = index.checked_sub(known);
        match own {
            None => Ok(batch.get(index)),
            Some(own) if own < added.len() => Ok(added.get(own)),
            Some(_) => Err(Error::from(format!("there is no string {index}"))),
        }
    };
    let removed: Vec<usize> = numbers(&edit.removed).map(|n| n as usize).collect();
    ascending(removed.chunks_exact(2).filter_map(|op| op.first()).map(|row| *row as u32), true)?;
    for op in removed.as_chunks::<2>().0 {
        let [row, name] = *op;
        rows.get_mut(row).ok_or("a row with a removed label is past the last")?.0.remove(string(name)?);
    }
    let assigned: Vec<usize> = numbers(&edit.assigned).map(|n| n as usize).collect();
    ascending(assigned.chunks_exact(3).filter_map(|op| op.first()).map(|row| *row as u32), true)?;
    for op in assigned.as_chunks::<3>().0 {
        let [row, name, value] = *op;
        let set = &mut rows.get_mut(row).ok_or("a row with a new label is past the last")?.0;
        match string(value)? {
            "" => set.remove(string(name)?),
            value => set.insert(string(name)?.into(), value.into()),
        };
    }
    Ok(())
}

/// Rows and a 64-bit number for each.
pub(super) fn times(rows: &[u8], numbers_of: &[u8]) -> Result<Vec<(usize, i64)>, Error> {
    let rows = ascending(numbers(rows), false)?;
    let values = numbers_of.as_chunks::<8>().0;
    if rows.len() != values.len() {
        return Err(format!("{} rows and {} values", rows.len(), values.len()).into());
    }
    Ok(rows.into_iter().zip(values.iter().map(|b| i64::from_le_bytes(*b))).collect())
}

/// Rows and a string for each.
pub(super) fn strings<'t>(rows: &[u8], texts: &'t Table) -> Result<Vec<(usize, &'t str)>, Error> {
    let (rows, texts) = (ascending(numbers(rows), false)?, texts.strings());
    if rows.len() != texts.len() {
        return Err(format!("{} changed rows and {} texts", rows.len(), texts.len()).into());
    }
    Ok(rows.into_iter().enumerate().map(|(i, row)| (row, texts.get(i))).collect())
}
