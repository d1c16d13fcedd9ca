//! Scrapes Prometheus targets: a [`ScrapeManager`] has a pool for each job, a pool a loop for each target.
//!
//! A loop fetches its target's page, walks it along the *scrape memory* of the last one, and hands on a
//! [`Page`](weir_model::Page) of slots: what began, what ended, and the values. What is the same as last time is not
//! parsed, not relabelled and not copied. Where pages go is behind [`Outlets`].
//!
//! What is fetched, how targets and series get their labels, what is reported and what fails a scrape is as in Prometheus
//! (`scrape/scrape.go`, `scrape/target.go`), to the letter where people could see a difference. A test serves the same
//! hostile and generated pages to both and compares what is stored (`tests/e2e/same_as_prometheus.rs`). What is otherwise,
//! and means to be:
//! - a page cannot forge what weir reports about its target (`up` and the rest);
//! - a page that fails ends all its series with a marker; Prometheus leaves those out that stand before the fault;
//! - a series that begins to have times of its own gets no marker for that;
//! - a repeated label name always fails the page, also where the target's labels or an empty value would hide it;
//! - a sample more than an hour old by a time of its own is dropped, as by a Prometheus without `out_of_order_time_window`:
//!   sent, it would make receivers refuse the request that it is in.
//!
//! What is asked for is the text format. A target that answers OpenMetrics unasked is read as text: most such pages can be;
//! its timestamps, in seconds, are far in the past then, and those samples are dropped and counted.
//!
//! # What a target can cost
//! A scrape ends at its time-out whatever the target does. A body is at most `body_size_limit` after decompression, and
//! never over 256 MiB; all bodies held at once, however many targets go wrong together, never over 1 GiB. Without
//! `sample_limit` the series of a page are bounded by that body alone: a few hundred bytes of memory for each line that is
//! new. With it, what is over the limit is counted and not kept. Nothing grows faster than the page.

mod body;
mod clock;
mod duration;
mod error;
mod manager;
mod memory;
mod metrics;
mod outlet;
mod pool;
mod reader;
mod report;
mod scrape_loop;
mod series_labels;
mod settings;
mod status;
mod target;
mod url;

pub use error::ScrapeError;
pub use manager::{ApplyError, ScrapeManager};
pub use outlet::{BoxFuture, End, Outlets, TargetInfo, TargetOutlet};
pub use reader::PageReader;
pub use settings::{JobSettings, LabelLimits};
pub use status::{DroppedTarget, Health, TargetStatus};
pub use target::TargetError;
