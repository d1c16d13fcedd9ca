//! Numbers and tables for people, within 80 columns.

// writing to a String does not fail
use std::fmt::Write as _;

/// Rows under their heads: the first column to the left, the others to the right. What is in the first column and would
/// make a line longer than 80 columns has a line of its own.
pub(super) fn table(indent: usize, heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads.get(column).map_or(0, |head| head.len())]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let others: usize = widths.iter().skip(1).map(|width| width + 2).sum();
    if let Some(first) = widths.first_mut() {
        *first = (*first).min(80_usize.saturating_sub(indent + others).max(4));
    }
    let line = |cells: &[String]| {
        let mut line = " ".repeat(indent);
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            match column {
                0 if cell.chars().count() > *width => {
                    let _ = write!(line, "{cell}\n{}{}", " ".repeat(indent), " ".repeat(*width));
                }
                0 => {
                    let _ = write!(line, "{cell:<width$}");
                }
                _ => {
                    let _ = write!(line, "  {cell:>width$}");
                }
            }
        }
        format!("{}\n", line.trim_end())
    };
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    std::iter::once(&heads).chain(rows).map(|cells| line(cells)).collect()
}

/// `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 record`, `2 records`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// `1.2 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut scaled = bytes as f64;
    let mut unit = "B";
    for larger in units {
        if scaled < 1024.0 {
            break;
        }
        scaled /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{scaled:.1} {unit}") }
}

/// How long ago a time in milliseconds was, in its two largest units; `-` when there is none.
pub(super) fn age(then_ms: Option<i64>, now_ms: i64) -> String {
    let Some(then) = then_ms else { return "-".to_owned() };
    let seconds = u64::try_from((now_ms - then).max(0) / 1000).unwrap_or(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, ..) => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h"),
    }
}
