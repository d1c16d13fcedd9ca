//! The Loki encoder: batches of lines become `Stream` messages in the buffers of their streams' lanes.

mod entry;
mod group;
mod stream;

#[cfg(test)]
mod tests;

pub(crate) use group::{Encoding, Group};
