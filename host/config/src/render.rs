//! Findings as text for a terminal: 80 columns, a caret under what is meant.

use std::fmt::Write as _;

use crate::diagnostic::{Colour, Diagnostic, Severity, Snippet};

/// Readable in a terminal of the classic width, and in a log viewer's pane.
const COLUMNS: usize = 80;
/// Shown for a tab, so that the caret stands under what it points at whatever the terminal's tab stops are.
const TAB: &str = "    ";

pub(crate) fn diagnostics(found: &[Diagnostic], colour: Colour) -> String {
    let mut out = String::new();
    for one in found {
        out.push_str(&diagnostic(one, colour));
        out.push('\n');
    }
    let errors = found.iter().filter(|one| one.severity == Severity::Error).count();
    let warnings = found.len() - errors;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    out.push_str(&count(errors, "error"));
    if warnings > 0 {
        let _ = write!(out, ", {}", count(warnings, "warning"));
    }
    out.push('\n');
    out
}

pub(crate) fn diagnostic(found: &Diagnostic, colour: Colour) -> String {
    let paint = Paint { on: colour == Colour::Always };
    let (name, tone) = match found.severity {
        Severity::Error => ("error", "1;31"),
        Severity::Warning => ("warning", "1;33"),
    };
    let mut out = String::new();
    for (at, line) in wrap(&found.message, COLUMNS - name.len() - 2).iter().enumerate() {
        match at {
            0 => {
                let _ = writeln!(out, "{}{} {}", paint.with(tone, name), paint.with("1", ":"), paint.with("1", line));
            }
            _ => {
                let _ = writeln!(out, "{:1$}{2}", "", name.len() + 2, paint.with("1", line));
            }
        }
    }
    let all = found.snippet.iter().chain(&found.related);
    let gutter = all.map(|snippet| snippet.line.to_string().len()).max().unwrap_or(1).max(2);
    if let Some(main) = &found.snippet {
        snippet(&mut out, main, "-->", '^', tone, gutter, paint);
    }
    for other in &found.related {
        snippet(&mut out, other, ":::", '-', "1;34", gutter, paint);
    }
    if let Some(help) = &found.help {
        let lead = format!("{:gutter$} = help: ", "");
        for (at, line) in wrap(help, COLUMNS - lead.len()).iter().enumerate() {
            match at {
                0 => {
                    let _ = writeln!(out, "{:gutter$} {} help: {line}", "", paint.with("1;34", "="));
                }
                _ => {
                    let _ = writeln!(out, "{:1$}{line}", "", lead.len());
                }
            }
        }
    }
    out
}

fn snippet(out: &mut String, snippet: &Snippet, arrow: &str, mark: char, tone: &str, gutter: usize, paint: Paint) {
    let Snippet { file, line, column, label, .. } = snippet;
    let bar = paint.with("1;34", "|");
    let _ = writeln!(out, "{:gutter$}{} {file}:{line}:{column}", "", paint.with("1;34", arrow));
    let window = Window::of(snippet, COLUMNS - gutter - 3);
    let _ = writeln!(out, "{:gutter$} {bar}", "");
    let number = format!("{line:>gutter$}");
    let _ = writeln!(out, "{} {bar} {}", paint.with("1;34", &number), window.text.trim_end());
    let marks: String = std::iter::repeat_n(mark, window.width).collect();
    let beside = window.before + window.width + 1;
    let room = COLUMNS - gutter - 3;
    let fits = label.is_empty() || beside + label.chars().count() <= room;
    let tail = if fits && !label.is_empty() { format!(" {}", paint.with(tone, label)) } else { String::new() };
    let _ = writeln!(out, "{:gutter$} {bar} {:2$}{3}{tail}", "", "", window.before, paint.with(tone, &marks));
    if !fits {
        for line in wrap(label, room) {
            let _ = writeln!(out, "{:gutter$} {bar} {}", "", paint.with(tone, &line));
        }
    }
}

/// The part of a source line that is shown, and where the caret stands in it.
struct Window {
    text: String,
    before: usize,
    width: usize,
}

impl Window {
    fn of(snippet: &Snippet, room: usize) -> Self {
        let (mut shown, mut before, mut width) = (Vec::new(), 0, 0);
        for (at, c) in snippet.text.chars().enumerate() {
            let from = shown.len();
            match c {
                '\t' => shown.extend(TAB.chars()),
                c if c.is_control() => shown.push('\u{fffd}'),
                c => shown.push(c),
            }
            if at + 1 < snippet.column {
                before = shown.len();
            } else if at + 1 < snippet.column + snippet.width {
                width += shown.len() - from;
            }
        }
        let width = width.max(1);
        if shown.len() <= room {
            return Self { text: shown.into_iter().collect(), before, width };
        }
        let skip = (before + width.min(room / 2) + 4).saturating_sub(room).min(before);
        let cut: Vec<char> = shown.into_iter().skip(skip).collect();
        let longer = cut.len() > room;
        let mut text: String = cut.into_iter().take(if longer { room - 1 } else { room }).collect();
        if skip > 0 {
            text = std::iter::once('…').chain(text.chars().skip(1)).collect();
        }
        if longer {
            text.push('…');
        }
        let before = before - skip;
        Self { text, before, width: width.min(room.saturating_sub(before).max(1)) }
    }
}

/// Words on lines of at most `room` characters; a longer word has a line of its own.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[derive(Clone, Copy)]
struct Paint {
    on: bool,
}

impl Paint {
    fn with(self, tone: &str, text: &str) -> String {
        if self.on { format!("\x1b[{tone}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
