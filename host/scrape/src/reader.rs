//! One target's pages without the fetching.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use rapidhash::v3::RapidSecrets;
use weir_model::{LabelSet, Page};

use crate::error::ScrapeError;
use crate::memory::{Counts, Memory, PageRules, Scratch};
use crate::report::Report;
use crate::series_labels::SeriesRules;
use crate::settings::JobSettings;

/// Reads the pages of one target, one after the other, exactly as its loop would, but from memory: for tools that show
/// what becomes of a page, and for benches.
#[derive(Debug)]
pub struct PageReader {
    rules: SeriesRules,
    honor_timestamps: bool,
    sample_limit: usize,
    secrets: RapidSecrets,
    memory: Memory,
    scratch: Scratch,
}

impl PageReader {
    /// A reader without memory, for a target with these labels.
    pub fn new(settings: &JobSettings, target: LabelSet) -> Self {
        Self {
            rules: SeriesRules::new(settings, target),
            honor_timestamps: settings.honor_timestamps,
            sample_limit: settings.sample_limit,
            secrets: RapidSecrets::seed(RandomState::new().hash_one(0)),
            memory: Memory::default(),
            scratch: Scratch::default(),
        }
    }

    /// Reads the next page, scraped at `time`, in milliseconds since the epoch. What is reported about the scrape itself is
    /// part of it. After an error the reader is where a loop would be after a failed scrape.
    pub fn read(&mut self, body: &[u8], time: i64) -> Result<Page<'_>, ScrapeError> {
        let rules = PageRules {
            series: &self.rules,
            honor_timestamps: self.honor_timestamps,
            sample_limit: self.sample_limit,
            extra: false,
            secrets: &self.secrets,
            time,
        };
        let mut counts = Counts::default();
        self.memory.begin(rules, &mut self.scratch);
        let outcome = self.memory.walk(body, rules, &mut self.scratch, &mut counts);
        if outcome.is_err() {
            self.memory.fail(rules, &mut self.scratch);
        }
        let report = Report { up: outcome.is_ok(), duration: Duration::ZERO, counts, extra: None };
        self.memory.finish(&report, time, &mut self.scratch);
        outcome.map(|()| self.scratch.page(time))
    }

    /// Bytes that the memory holds between pages.
    pub fn memory_bytes(&self) -> usize {
        self.memory.heap_bytes()
    }
}
