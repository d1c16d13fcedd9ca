//! The contract as generated code, made ahead by wit-bindgen (weir's test `made_ahead` holds it to `wit/`): one world an interface, so
//! that a component exports those it names and no others. The linker's component step merges the worlds of one plugin.
#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[rustfmt::skip]
pub mod emit;
#[rustfmt::skip]
pub mod http;
#[rustfmt::skip]
pub mod lifecycle;
#[rustfmt::skip]
pub mod logs;
#[rustfmt::skip]
pub mod samples;
#[rustfmt::skip]
pub mod series;
#[rustfmt::skip]
pub mod state;
#[rustfmt::skip]
pub mod tick;
#[rustfmt::skip]
pub mod types;
#[rustfmt::skip]
pub mod verdicts;
