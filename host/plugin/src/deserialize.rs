//! The only unsafe call of this crate.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Takes back what `Component::serialize` of an engine of the same version and configuration wrote. `compiled` is machine
/// code that will be run.
#[allow(unsafe_code)]
pub(crate) fn compiled_component(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the caller passes what a compiling process that weir started itself from its own program wrote to a file without a name
    // that only the two had (`compile`), or (`store`) the bytes of a file in a directory that only this user may write
    // to (mode 0700, checked at start), which it wrote itself from `serialize`, whose SHA-256 it has just compared, and whose name carries
    // the engine's compatibility hash, or what an engine of this process has just serialized; wasmtime checks version and configuration again.
    unsafe { Component::deserialize(engine, compiled) }
}
