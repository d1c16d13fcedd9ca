//! x
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
mod bindings;
