use std::path::PathBuf;
use std::time::Duration;

use super::LabelMap;

/// One of `[[file_logs]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLog {
    /// `name`, unique.
    pub name: String,
    /// `paths`: globs of the files to read.
    pub paths: Vec<PathBuf>,
    /// `exclude`: globs of files not to read.
    pub exclude: Vec<PathBuf>,
    /// `labels` of every stream.
    pub labels: LabelMap,
    /// `filename_label`: the label that holds the file's path, `filename` unless given; `None`, written as `false`,
    /// for no such label.
    pub filename_label: Option<String>,
    /// `max_line_bytes`: longer lines are cut and counted. 256 KiB unless given, what a Loki server takes.
    pub max_line_bytes: u64,
    /// `read_from`: where to begin in a file that is there at the very first start and has no checkpoint. Files that
    /// appear later are always read from their beginning.
    pub read_from: ReadFrom,
    /// `poll_interval`: how often to look for new files and growth when nothing wakes the reader. 1s unless given.
    pub poll_interval: Duration,
}

/// Where to begin in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// `beginning`, the default: nothing is missed.
    Beginning,
    /// `end`: what stood in it before weir came is not wanted.
    End,
}
