//! What happens to pages and batches between a source and the queues: the chain of plugins, the verdicts it keeps, and
//! staleness.
//!
//! A target's pages go through a [`TargetRoute`]; a source's lines through [`LogsPipeline`]s. Both take their plugins as
//! [`guest::Guest`]s and know nothing of WebAssembly. A page or batch passes one [`chain::Chain`] from end to end, so a
//! swap of plugins shows in the data at one place.

pub mod chain;
pub mod columns;
pub mod edit;
mod emitted;
pub mod guest;
mod logs;
mod metrics;
mod outputs;
mod parts;
mod samples;
mod stats;
mod target;
#[cfg(test)]
mod tests;
pub mod verdict;
mod writers;

pub use emitted::{EmitRoutes, EmitSources};
pub use logs::{LogSinks, LogsPipeline, LogsRoute};
pub use metrics::{MetricsPipeline, SampleSinks, TargetRoute};
pub use stats::PipelineStats;
pub use writers::Writers;
