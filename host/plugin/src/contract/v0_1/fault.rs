//! What went wrong in a call, by kind.

use wasmtime::{Store, Trap, WasmBacktrace};
use weir_pipeline::guest::CallError;

use crate::guest_log::Level;
use crate::state::State;
use crate::wasi::HostTrap;

/// Functions that are told of a trap: the author's innermost, and who called it.
const TOLD_FRAMES: usize = 4;

/// A call's outcome: trapped, refused by the guest, or answered.
pub(super) fn answered<T>(
    store: &mut Store<State>,
    outcome: wasmtime::Result<Result<T, String>>,
) -> Result<T, CallError> {
    match outcome {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(refusal)) => Err(CallError::Refused(crate::guest_log::tidy(&refusal))),
        Err(e) => Err(of_call(store, &e)),
    }
}

/// Why an instance could not be made.
pub(super) fn of_instantiation(store: &mut Store<State>, error: &wasmtime::Error) -> CallError {
    match of_call(store, error) {
        // No guest code is to blame where none has run: too large a memory from the start, or no room in the pool.
        CallError::Answer(why) => CallError::Unavailable(why),
        other => other,
    }
}

fn of_call(store: &mut Store<State>, error: &wasmtime::Error) -> CallError {
    let words = store.data_mut().take_last_words();
    if let Some(place) = place(error) {
        store.data().services.log.write(Level::Error, &place);
    }
    let told = |what: String| match words {
        Some(words) => format!("{what}: {words}"),
        None => what,
    };
    let refused_memory = store.data_mut().limits.take_refusal();
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return match trap {
            Trap::Interrupt => CallError::Timeout,
            _ if refused_memory => CallError::Memory,
            trap => CallError::Trap(told(trap.to_string().replace("wasm trap: ", ""))),
        };
    }
    if let Some(trap) = error.downcast_ref::<HostTrap>() {
        return CallError::Trap(told(trap.to_string()));
    }
    if refused_memory {
        return CallError::Memory;
    }
    // Neither trap: the answer could not be read (too long, outside the memory, not UTF-8).
    CallError::Answer(crate::guest_log::tidy(&error.root_cause().to_string()))
}

/// Where a guest stopped, innermost first, by what its compiler left of its source; nothing where that is nothing, or is not read.
fn place(error: &wasmtime::Error) -> Option<String> {
    let frames = error.downcast_ref::<WasmBacktrace>()?.frames();
    let symbols = frames.iter().flat_map(wasmtime::FrameInfo::symbols);
    // libraries have been compiled elsewhere, the author's files in their folder
    let own = symbols.filter(|symbol| symbol.file().is_some_and(|file| !file.starts_with(['/', '.'])));
    let of_source = own.filter_map(|symbol| {
        let name = symbol.name().map_or_else(String::new, |name| format!(" ({name})"));
        Some(format!("{}:{}{name}", symbol.file()?, symbol.line()?))
    });
    let told: Vec<_> = of_source.take(TOLD_FRAMES).collect();
    (!told.is_empty()).then(|| format!("stopped at {}", told.join(", called from ")))
}
