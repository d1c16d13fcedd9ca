//! What takes pushes in: decoders of remote write 1.0 and 2.0 and of Loki push, and the [`preview`] receiver built on them.
//!
//! The preview stands in for a backend: in `weir demo`, where nothing needs to be installed, and in tests, which read
//! back from a [`Recorder`] what arrived and tell the receiver through [`Faults`] how to misbehave. [`Strict`] is a recorder
//! that refuses what real backends refuse.

pub mod decode;
pub mod faults;
mod loki_json;
pub mod preview;
pub mod proto;
pub mod recorder;
pub mod strict;
pub mod symbols;

pub use decode::{DecodeError, Limits};
pub use faults::{Answer, Faults, Versions};
pub use preview::{Counters, Observer, Preview, PreviewError, Refusal};
pub use recorder::Recorder;
pub use strict::Strict;
