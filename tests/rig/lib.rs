//! The rig of the end-to-end tests: starts weir and the programs it talks to, and asks them what they saw.
//!
//! Everything listens on loopback. A program that is not installed is an error that names the package, never a test that
//! passes without it.

// Tests' own code: a broken rig should stop the test at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, clippy::print_stdout)]

pub mod build;
pub mod config;
pub mod disk;
pub mod example;
pub mod http;
pub mod kills;
pub mod ledger;
pub mod lines;
pub mod metrics;
pub mod node_exporter;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod queue_files;
pub mod random;
pub mod raw;
pub mod receiver;
pub mod sequences;
pub mod target;
pub mod tls;
pub mod tokens;
pub mod victoria;
pub mod wait;
pub mod weir;

pub use receiver::Receiver;
pub use wait::{eventually, until};
pub use weir::Weir;
