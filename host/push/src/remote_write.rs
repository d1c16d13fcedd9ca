//! The remote write encoders: pages of one target become `TimeSeries` messages in its lane's buffer.
//!
//! Sinks with equal version, external labels, relabel rules and batching form a [`Group`]: they share one encoding and one
//! compression. In 1.0 a `TimeSeries` is the series' labels, which lie ready as bytes ([`weir_model::LabelStore`]), and one
//! sample: writing it is a copy and some ten bytes. In 2.0 it is references to the request's strings, which a lane's
//! [`symbols`] have ready, what is known of the family, and a sample. What comes [`later`] of a series while its lane's
//! request is open goes into the same message.

mod group;
mod lane;
mod later;
mod merge;
pub(crate) mod request;
mod series;
mod symbols;
mod target;
mod transcode;

#[cfg(test)]
mod tests;

pub(crate) use group::{Encoding, Group};
pub(crate) use merge::merge;
pub(crate) use target::TargetEncoder;
pub(crate) use transcode::transcode;
