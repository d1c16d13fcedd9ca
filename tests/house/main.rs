//! The rules of the house, held by tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bindings;
mod contract;
mod dependencies;
mod reasons;
mod reference;
