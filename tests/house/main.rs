//! The rules of the house, held by tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod dependencies;
mod reasons;
mod reference;
