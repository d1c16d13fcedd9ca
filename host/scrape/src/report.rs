//! The series that weir reports about each scrape, as Prometheus does (`scrape.go`, `report`).

use std::sync::Arc;
use std::time::Duration;

use weir_model::{Metadata, MetricKind, Slot};

use crate::memory::{Counts, REPORT_SLOTS};

/// What there is to say about one scrape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// Whether the page was read to its end and kept its limits.
    pub(crate) up: bool,
    /// From the request to the page's last sample.
    pub(crate) duration: Duration,
    pub(crate) counts: Counts,
    /// With `extra_scrape_metrics`.
    pub(crate) extra: Option<Extra>,
}

/// What is reported with `extra_scrape_metrics`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extra {
    pub(crate) timeout: Duration,
    /// 0 is no limit.
    pub(crate) sample_limit: usize,
    /// After decompression; 0 when there was none, -1 when it was over the limit.
    pub(crate) body_size: i64,
}

/// The names; a name's place is its slot. The last three come with `extra_scrape_metrics`.
const NAMES: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];

/// What is known of each: its unit, and what it is.
const ABOUT: [(&str, &str); 8] = [
    ("", "Whether the last scrape was read to its end: 1 when it was, 0 when not"),
    ("seconds", "How long the last scrape took"),
    ("", "Samples on the last page"),
    ("", "Samples that metric relabelling left of the last page"),
    ("", "Series on the last page that were not on the page before"),
    ("seconds", "The time that a scrape of this target may take"),
    ("", "The samples that a page of this target may have; 0 is no limit"),
    ("bytes", "Size of the last page, uncompressed; 0 when there was none, -1 when it was over its limit"),
];

/// How many of [`NAMES`] are always reported.
const ALWAYS: usize = 5;

impl Report {
    /// The names of the series, in the order of [`values`](Self::values).
    pub(crate) fn names(extra: bool) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().take(if extra { NAMES.len() } else { ALWAYS })
    }

    /// What is known of the series at a slot.
    pub(crate) fn metadata(slot: Slot) -> Option<Arc<Metadata>> {
        let (unit, help) = *ABOUT.get(slot as usize)?;
        Some(Arc::new(Metadata { kind: MetricKind::Gauge, help: help.into(), unit: unit.into() }))
    }

    /// The values, in the order of [`names`](Self::names).
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        let always: [f64; ALWAYS] = [
            f64::from(u8::from(self.up)),
            self.duration.as_secs_f64(),
            self.counts.scraped as f64,
            self.counts.relabelled as f64,
            self.counts.series_added as f64,
        ];
        let extra = self.extra.map(|e| [e.timeout.as_secs_f64(), e.sample_limit as f64, e.body_size as f64]);
        always.into_iter().chain(extra.into_iter().flatten())
    }
}

const _: () = assert!(NAMES.len() == REPORT_SLOTS as usize, "each name has its slot");
