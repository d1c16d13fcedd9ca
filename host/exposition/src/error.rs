//! What is wrong with a page, and where.

/// How much of the offending line an error shows: enough to recognise it, little enough for one log line.
const EXCERPT: usize = 80;

/// Something wrong at a byte of the page. Cheap to make; [`Fault::locate`] turns it into an error for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The offset of the offending byte in what was parsed.
    pub at: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What can be wrong with a page. All are fatal to the page: the target has to change what it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A line begins with something else than a metric name, `{` or `#`.
    #[error("expected a metric name; is this a page of metrics in the text format?")]
    NoName,
    /// The braces hold no name and nothing stands before them.
    #[error("no metric name; put it before the braces, or first in them, in quotes")]
    NameNotSet,
    /// A second quoted name in the braces.
    #[error("a second metric name; a quoted word in the braces is a name unless = and a value follow it")]
    NameTwice,
    /// A quoted name that is empty.
    #[error("a name cannot be empty")]
    EmptyName,
    /// Not a label name where there has to be one.
    #[error("expected a label name or }}; names of other than letters, digits and _ go in quotes")]
    NoLabelName,
    /// No `=` after a label name.
    #[error("expected = after the label name")]
    NoEqual,
    /// No quoted value after `=`.
    #[error("expected a label value in double quotes")]
    NoLabelValue,
    /// A quote that is never closed.
    #[error("the quote is not closed; write \\\" for a quote inside a value")]
    OpenQuote,
    /// A brace that is never closed.
    #[error("the labels are not closed; expected }}")]
    OpenBrace,
    /// Text that is not UTF-8.
    #[error("not valid UTF-8")]
    NotUtf8,
    /// One label name twice.
    #[error("this label name is there twice; a name may occur once in a series")]
    LabelTwice,
    /// More labels than any series has.
    #[error("more than 1024 labels on one series; put fewer on it")]
    TooManyLabels,
    /// No value after the series.
    #[error("expected a value after the series")]
    NoValue,
    /// A value that is no number that fits.
    #[error("not a number (or outside the range of a 64-bit float); write it as 1, 0.5, 1e9, NaN, +Inf or -Inf")]
    BadValue,
    /// A timestamp that is no whole number of milliseconds.
    #[error("not a timestamp; it is a whole number of milliseconds since 1970, without a sign")]
    BadTime,
    /// Something after the value and the timestamp.
    #[error("expected the end of the line; nothing may follow the value and the timestamp")]
    Trailing,
    /// A line that ends in `\r\n`.
    #[error("the line ends in a carriage return; lines end in \\n alone")]
    CarriageReturn,
    /// No metric name after `# HELP` or `# TYPE`.
    #[error("expected a metric name after HELP or TYPE")]
    NoMetaName,
    /// A type that the format does not have.
    #[error("not a metric type; it is one of counter, gauge, histogram, summary, untyped, with one blank before it")]
    BadType,
}

/// A [`Fault`] with its place as people count, both from 1, and the line's beginning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}: {excerpt:?}")]
pub struct SyntaxError {
    /// The line.
    pub line: usize,
    /// The byte within the line.
    pub column: usize,
    /// What is wrong.
    pub reason: Reason,
    /// The beginning of that line.
    pub excerpt: String,
}

impl Fault {
    /// Finds the fault's line in the page that was parsed.
    pub fn locate(self, page: &[u8]) -> SyntaxError {
        let at = self.at.min(page.len());
        let (before, after) = page.split_at(at);
        let start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
        let end = memchr::memchr(b'\n', after).map_or(page.len(), |n| at + n);
        let text = page.get(start..end.min(start + EXCERPT)).unwrap_or_default();
        SyntaxError {
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            column: at - start + 1,
            reason: self.reason,
            excerpt: String::from_utf8_lossy(text).into_owned(),
        }
    }

    /// The same fault in a text that begins `by` bytes earlier.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self { at: self.at + by, ..self }
    }
}
