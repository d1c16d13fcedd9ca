//! What became of a record's entries.

/// How sending one body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Delivered,
    /// So many of its entries; the rest is lost for this reason.
    Partly(u64, &'static str),
    TooLarge,
    /// Not sent: it is past `sample_age_limit`.
    TooOld,
    /// Several records at once that the backend did not take for now: not to be tried again together.
    Failed,
    /// Several records at once, of which the backend refused at least one: to be sent each by itself.
    RefusedTogether,
    Refused(&'static str),
    /// Nothing was stored, for the backend does not understand this version; the reason if there is no other.
    NotUnderstood(&'static str),
}

impl Sent {
    /// Why its entries are lost, where they are.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Delivered | Self::Failed | Self::RefusedTogether => "",
            Self::TooLarge => "too_large",
            Self::TooOld => "too_old",
            Self::Refused(reason) | Self::NotUnderstood(reason) | Self::Partly(_, reason) => reason,
        }
    }
}

/// What became of a record's entries; booked at once when the record is settled, so that one that stays in the queue
/// is never counted twice.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) delivered: u64,
    /// Bytes of the bodies that were delivered.
    pub(super) bytes: usize,
    pub(super) dropped: Vec<(Sent, u64)>,
}

impl Outcome {
    /// All entries had the same fate.
    pub(super) fn of(sent: &Sent, entries: u64, bytes: usize) -> Self {
        let mut outcome = Self::default();
        outcome.add(sent, entries, bytes);
        outcome
    }

    pub(super) fn add(&mut self, sent: &Sent, entries: u64, bytes: usize) {
        let delivered = match *sent {
            Sent::Delivered => entries,
            Sent::Partly(written, _) => written.min(entries),
            _ => 0,
        };
        if delivered > 0 {
            self.delivered += delivered;
            self.bytes += bytes;
        }
        if delivered < entries {
            self.dropped.push((*sent, entries - delivered));
        }
    }
}
