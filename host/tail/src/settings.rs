//! What the operator decides about a source of log files.

use std::collections::BTreeMap;
use std::time::Duration;

/// One `[[file_logs]]` entry. Two equal settings need no restart of the source at a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLogsSettings {
    /// The source's name: unique, and the name of its checkpoint file.
    pub name: String,
    /// Globs of the files to follow: `*` and `?` within a name, `**` over directories, `{a,b}`, `[a-z]`.
    pub paths: Vec<String>,
    /// Globs of files to leave alone: matched against the whole path, or the name alone where there is no `/` in it.
    pub exclude: Vec<String>,
    /// Labels of every line of the source.
    pub labels: BTreeMap<String, String>,
    /// The label that holds the file's path; `None` for no such label.
    pub filename_label: Option<String>,
    /// Where to begin in a file that was there at the first start and has no checkpoint.
    pub read_from: ReadFrom,
    /// Bytes after which a line is cut (and counted); the rest of the line is skipped.
    pub max_line_bytes: usize,
    /// Most lines in a batch.
    pub batch_lines: usize,
    /// Most bytes of text in a batch; a single line is never split for it.
    pub batch_bytes: usize,
    /// How often known files are looked at in case the kernel's notice was missed.
    pub poll_interval: Duration,
    /// How often the globs are expanded anew; a change to a directory brings it forward to the next poll.
    pub glob_interval: Duration,
    /// Most descriptors that the source keeps open.
    pub max_open_files: usize,
    /// Leaves files alone whose name says that they are compressed (`.gz`, `.zst`, `.bz2`, `.xz`, `.lz4`, `.zip`).
    pub skip_compressed: bool,
    /// How long a file that was renamed or deleted must be quiet before it is taken for finished. Only then is a last
    /// line without a line end handed on.
    pub rotate_grace: Duration,
    /// Least time between two writes of the checkpoint.
    pub checkpoint_interval: Duration,
    /// How long the position in a file that has vanished is remembered.
    pub forget_after: Duration,
}

/// Where reading begins in a file that is new to weir.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadFrom {
    /// At its first byte.
    #[default]
    Beginning,
    /// At its end as of the source's start. Files that appear later are read from their first byte all the same.
    End,
}

impl FileLogsSettings {
    /// Settings with the default of everything that has one.
    pub fn new(name: impl Into<String>, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            name: name.into(),
            paths: paths.into_iter().map(Into::into).collect(),
            exclude: Vec::new(),
            labels: BTreeMap::new(),
            // what Promtail sets, and what its users' queries select by
            filename_label: Some("filename".to_owned()),
            // a collector that is set up after the fact should show what led to it; nothing on disk is lost silently
            read_from: ReadFrom::Beginning,
            // the longest line that a default Loki takes (`max_line_size`)
            max_line_bytes: 256 << 10,
            // one call of a plugin takes at most this much: a batch is one call
            batch_lines: 4096,
            batch_bytes: 1 << 20,
            // a line is at most this late where inotify does not work (network file systems) or its queue overflowed
            poll_interval: Duration::from_millis(250),
            // expanding globs over 10,000 files takes about 20 ms: every 5 s that is 0.4 % of a core
            glob_interval: Duration::from_secs(5),
            // two sources fit into the usual soft limit of 1,024 descriptors
            max_open_files: 400,
            skip_compressed: true,
            // a writer is told to reopen its log within a second or so of the rotation; five leave room for a slow one
            rotate_grace: Duration::from_secs(5),
            // at most a second's lines are sent twice after a crash; each write costs two fsyncs
            checkpoint_interval: Duration::from_secs(1),
            // daily rotation brings a file back under another name within a day
            forget_after: Duration::from_hours(24),
        }
    }

    /// Checks every value and compiles the globs, as [`Tail::start`](crate::Tail::start) will.
    pub fn check(&self) -> Result<(), SettingsError> {
        crate::patterns::Patterns::compile(self)?;
        for name in self.labels.keys().chain(&self.filename_label) {
            if !is_label_name(name) {
                return Err(SettingsError::LabelName { name: name.clone() });
            }
        }
        if self.filename_label.is_none() && self.labels.values().all(String::is_empty) {
            return Err(SettingsError::NoLabels);
        }
        let within = |key: &'static str, value: usize, least: usize, most: usize| {
            if (least..=most).contains(&value) { Ok(()) } else { Err(SettingsError::OutOfRange { key, least, most }) }
        };
        // the read buffer is twice the longest line and belongs to one thread per source
        within("max_line_bytes", self.max_line_bytes, 16, 64 << 20)?;
        within("batch_lines", self.batch_lines, 1, 1 << 20)?;
        // line ends are 32-bit offsets into the batch's text
        within("batch_bytes", self.batch_bytes, 1, 256 << 20)?;
        within("max_open_files", self.max_open_files, 1, 1 << 20)
    }
}

/// Label names as Loki takes them (those of Prometheus, without UTF-8 names).
fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Settings that cannot work. All are fatal for the source, and found before anything is read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Fatal: there is no path to follow.
    #[error("no paths")]
    NoPaths,
    /// Fatal: a glob cannot be parsed.
    #[error("glob {pattern:?}: {source}")]
    Glob {
        /// The glob as given.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// Fatal: a `{…}` or `[…]` reaches over a `/`; globs are matched directory by directory.
    #[error("glob {pattern:?}: braces and brackets must not reach over a /")]
    AcrossSlash {
        /// The glob as given.
        pattern: String,
    },
    /// Fatal: a relative path, and the working directory is not known.
    #[error("path {pattern:?} is relative and the working directory is unknown: {source}")]
    Relative {
        /// The glob as given.
        pattern: String,
        /// Why the working directory is not known.
        source: std::io::Error,
    },
    /// Fatal: not a label name.
    #[error("{name:?} is not a label name: letters, digits and _ only, and no digit first")]
    LabelName {
        /// The name as given.
        name: String,
    },
    /// Fatal: a stream needs at least one label.
    #[error("neither labels nor a filename label: a stream needs at least one label")]
    NoLabels,
    /// Fatal: a number that is too small or too large.
    #[error("{key} must be between {least} and {most}")]
    OutOfRange {
        /// The setting.
        key: &'static str,
        /// The least value allowed.
        least: usize,
        /// The greatest value allowed.
        most: usize,
    },
}
