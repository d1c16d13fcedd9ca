//! What happens to pages and batches between a source and the queues: the chain of plugins, the verdicts it keeps, the
//! routes, and staleness.

pub mod guest;
