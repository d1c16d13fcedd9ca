//! Scrapes Prometheus targets: a [`ScrapeManager`] has a pool for each job, a pool a loop for each target.
//!
//! A loop fetches its target's page, walks it along the *scrape memory* of the last one, and hands on a
//! [`Page`](weir_model::Page) of slots: what began, what ended, and the values. What is the same as last time is not
//! parsed, not relabelled and not copied. Where pages go is behind [`Outlets`].
//!
//! What is fetched, how targets and series get their labels, what is reported and what fails a scrape is as in Prometheus
//! (`scrape/scrape.go`, `scrape/target.go`), to the letter where people could see a difference.

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
