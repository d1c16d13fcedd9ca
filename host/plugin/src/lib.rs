//! Plugins: WebAssembly components behind [`weir_pipeline::guest::Guest`]. The only crate that knows wasmtime.
//!
//! [`Plugins`] owns everything: one engine (`engine`), a store of compiled components (`store`) and functions (`functions`), the directory's watcher
//! (`directory`), and for each plugin a guest (`guest`) with its instances, its limits and its circuit breaker. What is
//! published is a [`PluginSet`]: immutable, so that a pipeline works on one set while the next is made.
//!
//! A component goes through these gates before it runs, each with its own message ([`LoadReason`]): size, checksum, what
//! the file is (`foreign`, `outline`), the contract's version (`contract`), imports and grants (`imports`, `grants`), compile time,
//! the first instance, `configure`, `wants`. What the outline tells is told before anything is compiled; [`inspect`] shows it.
//!
//! Calls are synchronous. Short ones run on the caller's thread, long ones on a few threads of their own (`threads`), by the
//! time that a plugin's calls have been measured to take. Another version of the contract is another folder under `contract/`.
//!
//! Invariants:
//! - no type that wasmtime generates leaves `contract/`, and no answer leaves it unchecked;
//! - after any trap, time-out or answer against the contract the instance is thrown away;
//! - nothing that a guest does makes the host panic, wait beyond the time limit, or allocate beyond the limits.
//!
//! What the circuit breaker judges is not a call but a batch ([`weir_pipeline::guest::Guest::settled`]): a batch of which any row
//! was served, in whichever part, is a success, so that one row that a plugin cannot bear does not take it out; one of which
//! none was is a failure, whatever the error, the plugin's own included.

mod access;
mod breaker;
mod change;
mod compile;
mod contract;
mod custom;
mod deserialize;
mod directory;
mod emission;
mod engine;
mod error;
mod fleet;
mod foreign;
mod functions;
mod grants;
mod guest;
mod guest_log;
#[cfg(test)]
mod hostile_tests;
mod http;
mod imports;
mod inspect;
mod kept;
mod limits;
mod manifest;
mod metrics;
mod outline;
mod plugins;
mod seat;
mod settings;
mod shapes;
mod state;
mod store;
mod threads;
mod time_limit;
mod turns;
mod wasi;

pub use change::Change;
pub use compile::{CompileError, compile_here};
pub use emission::EmitTo;
pub use error::{LoadError, LoadReason};
pub use grants::{Grant, Kind, Need};
pub use guest_log::{Level as LogLevel, Listener as LogListener, LogTo};
pub use inspect::{Inspection, inspect};
pub use manifest::{Affinity, GrantAsked, MANIFEST_SECTION, MAX_MANIFEST, Manifest, ManifestError};
pub use outline::Import;
pub use plugins::{PluginSet, PluginState, PluginStatus, Plugins};
pub use settings::{Compiler, PluginSettings, PluginSource, Settings, Ticks};
