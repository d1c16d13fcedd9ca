//! Scrapes Prometheus targets.

mod duration;
mod error;
mod memory;
mod outlet;
mod report;
mod series_labels;
mod settings;

pub use error::ScrapeError;
pub use outlet::{BoxFuture, Outlets, TargetInfo, TargetOutlet};
pub use settings::{JobSettings, LabelLimits};
