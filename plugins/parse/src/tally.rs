//! How lines fared, for weir's `/metrics`.

use weir_sdk::{counter, gauge};

/// Counts of one batch, so that the host is asked once for each.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Lines that could not be read, by the format that was expected.
    pub(crate) malformed: [u32; 4],
    /// Lines whose time could not be read.
    pub(crate) times: u32,
    /// Values beyond what a line may have.
    pub(crate) beyond: usize,
    /// Lines put together of pieces.
    pub(crate) joined: u32,
    /// Pieces that went on as lines because there was no room.
    pub(crate) cut: u32,
    /// Lines whose last piece never came.
    pub(crate) lost: u32,
}

impl Tally {
    pub(crate) fn report(&self) {
        for (format, count) in super::Form::ALL.into_iter().zip(self.malformed) {
            add("parse_malformed", &[("format", format.name())], count);
        }
        add("parse_timestamps_unread", &[], self.times);
        add("parse_values_skipped", &[], u32::try_from(self.beyond).unwrap_or(u32::MAX));
        add("parse_cri_lines_joined", &[], self.joined);
        add("parse_cri_lines_cut", &[], self.cut);
        add("parse_cri_partials_lost", &[], self.lost);
    }
}

fn add(name: &str, labels: &[(&str, &str)], count: u32) {
    if count > 0 {
        counter(name, labels, f64::from(count));
    }
}

/// Says how many lines wait for their end.
pub(crate) fn show_open(lines: usize) {
    gauge("parse_cri_partials_open", &[], lines as f64);
}
