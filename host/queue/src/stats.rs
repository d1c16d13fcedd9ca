//! What a queue counts, as plain numbers.

use std::ops::{Add, AddAssign, Sub, SubAssign};

/// An amount of records: how many, with how many entries, in how many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Records (batches, requests).
    pub records: u64,
    /// Entries in them (samples or lines).
    pub entries: u64,
    /// Bytes on disk, record headers included; of what cannot be read this is only known roughly.
    pub bytes: u64,
}

impl Add for Volume {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl AddAssign for Volume {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Volume {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_sub(other.records),
            entries: self.entries.saturating_sub(other.entries),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

impl SubAssign for Volume {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// Why the queue lost or refused a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Made room for a newer one ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest)).
    QueueFull,
    /// Found no room ([`WhenFull::DropNewest`](crate::WhenFull::DropNewest), or nothing that could make room).
    QueueFullNewest,
    /// Waited longer than the queue's `max_age`.
    QueueAge,
    /// Its header or body on disk is damaged or gone.
    QueueCorrupt,
    /// Was being written when the machine or process died.
    QueueTorn,
    /// The disk has no space, and the policy is not to block.
    DiskFull,
    /// The disk has less than [`min_free_disk`](crate::Settings::min_free_disk) left: the new record, or an older one that
    /// made way for it.
    DiskLow,
    /// Larger than the budget or than a record may be.
    QueueTooLarge,
}

impl DropReason {
    /// Every reason, in the order of [`Stats::dropped`].
    pub const ALL: [Self; 8] = [
        Self::QueueFull,
        Self::QueueFullNewest,
        Self::QueueAge,
        Self::QueueCorrupt,
        Self::QueueTorn,
        Self::DiskFull,
        Self::DiskLow,
        Self::QueueTooLarge,
    ];

    /// The reason as a metric's label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::QueueFullNewest => "queue_full_newest",
            Self::QueueAge => "queue_age",
            Self::QueueCorrupt => "queue_corrupt",
            Self::QueueTorn => "queue_torn",
            Self::DiskFull => "disk_full",
            Self::DiskLow => "disk_low",
            Self::QueueTooLarge => "queue_too_large",
        }
    }
}

/// A queue's account since it was opened. At every moment
/// `recovered + offered = committed + queued + in_flight + dropped`, in records and in entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Found on disk at opening, what turned out to be damaged included.
    pub recovered: Volume,
    /// Given to [`append`](crate::Queue::append) and taken or dropped by it; what it left to the caller is not here.
    pub offered: Volume,
    /// Settled by [`commit`](crate::LaneReader::commit).
    pub committed: Volume,
    /// On disk and not yet read.
    pub queued: Volume,
    /// Read and not yet committed.
    pub in_flight: Volume,
    /// Lost or refused, in the order of [`DropReason::ALL`].
    pub dropped: [Volume; 8],
    /// Segments whose end was cut off at opening because it held no whole record.
    pub torn_tails: u64,
    /// Fsyncs that failed.
    pub sync_failures: u64,
    /// Writes that failed, for lack of space or otherwise.
    pub write_failures: u64,
    /// When the oldest queued record was appended, in milliseconds since the epoch.
    pub oldest_ms: Option<i64>,
}

impl Stats {
    /// What was dropped for `reason`.
    pub fn dropped_for(&self, reason: DropReason) -> Volume {
        self.dropped.get(reason as usize).copied().unwrap_or_default()
    }

    /// What was dropped for any reason.
    pub fn dropped_total(&self) -> Volume {
        self.dropped.iter().fold(Volume::default(), |sum, volume| sum + *volume)
    }
}

/// Whether the queue can keep what it is given; for readiness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Writes and fsyncs succeed.
    #[default]
    Ok,
    /// The disk has no space; the queue tries again by itself.
    DiskFull,
    /// The disk has less space left than the queue is to leave to others; it looks again by itself.
    DiskLow {
        /// What must be free, in bytes.
        min_free: u64,
    },
    /// A write or an fsync failed; nothing is acknowledged until the records have been written again.
    Failing(String),
}
