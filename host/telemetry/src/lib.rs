//! weir's own metrics and logging: one registry, the conservation ledger, structured logs.

pub mod ledger;
pub mod logging;
pub mod metrics;

pub use ledger::{Ledger, Passage, PipelineAccount, Role, Signal, SinkAccount, SourceAccount};
pub use metrics::Metrics;
