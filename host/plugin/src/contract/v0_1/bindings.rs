//! What wasmtime generates from `wit/v0.1.2`: nothing else may live here, and nothing of it leaves the parent module.

wasmtime::component::bindgen!({
    path: "../../wit/v0.1.2",
    world: "everything",
    // What hands over too much ends the call.
    imports: { default: trappable },
    // A call may pause, to go on on another thread.
    exports: { default: async },
    // Columns go out as slices: a batch is copied once, into the guest.
    ownership: Borrowing { duplicate_if_necessary: true },
});
