//! How many lines went for which reason, for weir's `/metrics`.

use weir_sdk::counter;

/// Why a line was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It repeats one of its stream.
    Repeat,
    /// It is not in the share that is kept.
    Share,
    /// There were too many.
    Rate,
}

impl Reason {
    const ALL: [Self; 3] = [Self::Repeat, Self::Share, Self::Rate];

    fn name(self) -> &'static str {
        match self {
            Self::Repeat => "dedup",
            Self::Share => "keep",
            Self::Rate => "rate",
        }
    }
}

/// Counts of one batch, so that the host is asked once for each reason.
#[derive(Debug, Default)]
pub(crate) struct Tally([u32; 3]);

impl Tally {
    pub(crate) fn count(&mut self, reason: Reason) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += 1;
        }
    }

    pub(crate) fn report(&self) {
        for (reason, count) in Reason::ALL.into_iter().zip(self.0) {
            if count > 0 {
                counter("sampled_out", &[("by", reason.name())], f64::from(count));
            }
        }
    }
}
