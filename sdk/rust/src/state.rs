//! A small keyed store in weir, which outlives an instance and a reload of the plugin (not a restart of weir).
//!
//! A plugin with one instance a pipeline ([`crate::Tick`], or `affinity = "pipeline"` in its manifest) has a store for each
//! pipeline, any other one for all its instances. What a call changes counts if the call succeeds. [`crate::Plugin::new`] is where
//! a plugin takes up what it left.

use std::fmt;

/// Why a value was not kept; the old one stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key or the value is longer than a single one may be (1 KiB, 256 KiB).
    TooLarge,
    /// The store has as many keys or bytes as it may have.
    Full,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the key or value is too large to be kept",
            Self::Full => "the plugin's store is full",
        })
    }
}

impl std::error::Error for Refusal {}

/// The value of a key, if there is one.
pub fn get(key: &str) -> Option<Vec<u8>> {
    backend::get(key)
}

/// Sets the value of a key.
///
/// # Errors
/// [`Refusal`]: the old value stays.
pub fn set(key: &str, value: &[u8]) -> Result<(), Refusal> {
    backend::set(key, value)
}

/// Takes a key out. Nothing happens where there is none.
pub fn remove(key: &str) {
    backend::remove(key);
}

/// All keys that begin so, ascending.
pub fn keys(prefix: &str) -> Vec<String> {
    backend::keys(prefix)
}

#[cfg(target_family = "wasm")]
use crate::component::state as backend;
#[cfg(not(target_family = "wasm"))]
use crate::testing::state as backend;
