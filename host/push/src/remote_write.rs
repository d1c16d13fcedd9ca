//! The remote write 1.0 encoder: pages of one target become `TimeSeries` messages in its lane's buffer.
//!
//! Sinks with equal external labels, relabel rules and batching form a [`Group`]: they share one encoding and one
//! compression. A `TimeSeries` is the series' labels, which lie ready as bytes ([`weir_model::LabelStore`]), and one
//! sample: writing it is a copy and some ten bytes.

mod group;
mod series;
mod target;

#[cfg(test)]
mod tests;

pub(crate) use group::{Encoding, Group};
pub(crate) use target::TargetEncoder;
