//! What there is to show of targets, for an API.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use weir_model::LabelSet;

use crate::target::{Target, TargetError};

/// How a target fared at its last scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    Unknown,
    /// Its page was read to its end and kept its limits.
    Up,
    /// Its last scrape failed.
    Down,
}

/// A target that is being scraped.
#[derive(Clone, Debug)]
pub struct TargetStatus {
    /// The job's name.
    pub job: String,
    /// What is fetched.
    pub url: String,
    /// The labels that its series get.
    pub labels: LabelSet,
    /// The labels before `relabel_configs`.
    pub discovered: LabelSet,
    /// How it fared last.
    pub health: Health,
    /// Why the last scrape failed, if it did.
    pub last_error: Option<String>,
    /// When the last scrape began, in milliseconds since the epoch.
    pub last_scrape: Option<i64>,
    /// How long it took.
    pub last_duration: Duration,
    /// How many samples its page had.
    pub last_samples: u64,
    /// The time between two scrapes.
    pub interval: Duration,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// Bytes that the memory of its page holds while it is at rest.
    pub memory_bytes: usize,
}

/// A discovered address that is not scraped.
#[derive(Clone, Debug)]
pub struct DroppedTarget {
    /// The job's name.
    pub job: String,
    /// The labels before `relabel_configs`.
    pub discovered: LabelSet,
    /// Why it makes no target; `None` where `relabel_configs` drop it.
    pub error: Option<TargetError>,
}

/// A status that a loop writes and an API reads.
#[derive(Debug)]
pub(crate) struct StatusCell(Mutex<TargetStatus>);

impl StatusCell {
    pub(crate) fn new(job: &str, target: &Target) -> Self {
        Self(Mutex::new(TargetStatus {
            job: job.to_owned(),
            url: target.url.to_string(),
            labels: target.labels.clone(),
            discovered: target.discovered.clone(),
            health: Health::Unknown,
            last_error: None,
            last_scrape: None,
            last_duration: Duration::ZERO,
            last_samples: 0,
            interval: target.interval,
            timeout: target.timeout,
            memory_bytes: 0,
        }))
    }

    pub(crate) fn get(&self) -> TargetStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut TargetStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
