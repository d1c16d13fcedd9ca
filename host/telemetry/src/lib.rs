//! weir's own metrics and logging: one registry, the conservation ledger, structured logs.

pub mod ledger;
pub mod logging;
pub mod metrics;

pub use ledger::{Account, Ledger, Signal};
pub use metrics::Metrics;
