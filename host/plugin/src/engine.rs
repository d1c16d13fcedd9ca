//! The engines of a process, one for each size of a stack, and the clocks that end calls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::error::LoadReason;
use crate::functions::Functions;

/// How often the epoch moves on: a time limit is kept to within one tick and what the system's scheduler adds. Shorter ticks
/// wake an idle process more often.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Stack of a guest unless its plugin has another.
pub(crate) const STACK: usize = 512 << 10;

/// The smallest and largest: below, no interpreter starts; beyond, only what recurses without end wants more.
const STACKS: [usize; 2] = [64 << 10, 1 << 20];

/// What a call has beyond its guest's stack, for the host's own frames: a call has a stack to itself, with which it moves from thread to
/// thread, and weir's functions that a guest calls get what a thread would give them. Only what is touched takes memory.
const HOST_STACK: usize = 1 << 20;

/// Elements of one table, whatever a plugin's limit is: 8 bytes of address space for each, of every table that there may be.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 262_144;

/// Core modules in one component: Rust has 3 or 4, componentize-py about 30.
pub(crate) const MAX_CORE_INSTANCES: u32 = 64;

/// Linear memories in one component: the guest's, and an adapter's.
pub(crate) const MAX_MEMORIES: u32 = 4;

/// Tables in one component: dynamically linked interpreters have one for each library.
pub(crate) const MAX_TABLES: u32 = 32;

/// An engine with its ticker, which ends with it.
#[derive(Debug)]
pub(crate) struct Runtime {
    engine: Engine,
    stop: Arc<AtomicBool>,
    ticker: Option<JoinHandle<()>>,
}

impl Runtime {
    /// An engine for at most `max_instances` instances at a time, and for guests with so much stack. See [`Runtimes::with_places`].
    pub(crate) fn new(max_instances: u32, stack: usize, places: bool) -> Result<Self, LoadReason> {
        Self::of(&config(max_instances, stack, places))
    }

    /// An engine that compiles for all the others, and may find functions that were compiled before. Of one instance's worth of pool: nothing
    /// is instantiated there, and its size is no part of what is compiled.
    pub(crate) fn compiling(places: bool, functions: Option<Arc<Functions>>) -> Result<Self, LoadReason> {
        let mut config = config(1, STACK, places);
        if let Some(functions) = functions {
            config.enable_incremental_compilation(functions).map_err(|e| failed(&e))?;
        }
        Self::of(&config)
    }

    fn of(config: &Config) -> Result<Self, LoadReason> {
        let engine = Engine::new(config).map_err(|e| failed(&e))?;
        let stop = Arc::new(AtomicBool::new(false));
        let ticker = std::thread::Builder::new()
            .name("weir-epoch".to_owned())
            .spawn({
                let (engine, stop) = (engine.clone(), stop.clone());
                move || {
                    while !stop.load(Ordering::Acquire) {
                        std::thread::park_timeout(TICK);
                        engine.increment_epoch();
                    }
                }
            })
            .map_err(|e| LoadReason::Runtime(e.to_string()))?;
        Ok(Self { engine, stop, ticker: Some(ticker) })
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

fn failed(error: &wasmtime::Error) -> LoadReason {
    LoadReason::Runtime(format!("{error:#}"))
}

/// The engines of a process by the stack of their guests: wasmtime has one size an engine, and measures it where a call begins. They share
/// what is compiled, in which the size is no part. Made when the first plugin wants it; there can be five.
#[derive(Debug)]
pub(crate) struct Runtimes {
    max_instances: u32,
    places: bool,
    all: Mutex<BTreeMap<usize, Arc<Runtime>>>,
}

impl Runtimes {
    /// Engines for at most `max_instances` instances at a time, each.
    pub(crate) fn new(max_instances: u32) -> Self {
        Self { max_instances, places: false, all: Mutex::default() }
    }

    /// The same; what guests were compiled with says where in their source they trap.
    pub(crate) fn with_places(self, places: bool) -> Self {
        Self { places, ..self }
    }

    /// That for guests with so much stack.
    pub(crate) fn with(&self, stack: usize) -> Result<Arc<Runtime>, LoadReason> {
        let [least, most] = STACKS;
        let stack = stack.clamp(least, most).next_power_of_two();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = all.get(&stack) {
            return Ok(runtime.clone());
        }
        let runtime = Arc::new(Runtime::new(self.max_instances, stack, self.places)?);
        all.insert(stack, runtime.clone());
        Ok(runtime)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(ticker) = self.ticker.take() {
            ticker.thread().unpark();
            // It cannot have panicked: it only counts.
            let _ = ticker.join();
        }
    }
}

/// How many ticks a time limit is: the running tick may be nearly over, so one more.
pub(crate) fn ticks(limit: Duration) -> u64 {
    // Absurd limits must not wrap around.
    u64::try_from(limit.as_micros().div_ceil(TICK.as_micros())).map_or(u64::MAX >> 1, |t| t.min(u64::MAX >> 1)) + 1
}

fn config(max_instances: u32, stack: usize, places: bool) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    // Memories and tables take address space, and a component has fewer of them on average than it may have. Core instances
    // are only counted: no plugin takes another's.
    pool.total_component_instances(max_instances)
        .total_core_instances(max_instances.saturating_mul(MAX_CORE_INSTANCES))
        .total_memories(max_instances.saturating_mul(2))
        .total_tables(max_instances.saturating_mul(4))
        // An instance runs one call at a time. The pool is mapped as a whole, and the compiling process, of one instance, has a limit
        // of memory.
        .total_stacks(max_instances)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .table_elements(MAX_TABLE_ELEMENTS)
        // Interpreters compiled into one module have tens of thousands of functions to keep track of.
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(stack)
        .async_stack_size(stack + HOST_STACK)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        // An instance begins as a copy-on-write view of its initial memory: microseconds instead of a copy.
        .memory_init_cow(true)
        // Guests never wait for one another inside a call.
        .concurrency_support(false)
        // It is the guest's own, and reading it has no bound; the environment is not asked.
        .wasm_backtrace_details(if places { WasmBacktraceDetails::Enable } else { WasmBacktraceDetails::Disable })
        // For a trap's message the innermost frames are enough.
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16));
    config
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    use super::*;

    #[test]
    fn engines_differ_by_nothing_that_is_compiled() {
        let runtimes = Runtimes::new(4);
        let engine = |stack| runtimes.with(stack).unwrap().engine().clone();
        let hash =
            |e: &Engine| BuildHasherDefault::<DefaultHasher>::default().hash_one(e.precompile_compatibility_hash());
        let usual = engine(STACK);
        assert!(Engine::same(&usual, &engine(300 << 10)), "rounded up to the next");
        for (stack, other) in [(1, 64 << 10), (64 << 10, 64 << 10), (1 << 20, 1 << 20), (1 << 30, 1 << 20)] {
            let e = engine(stack);
            assert!(Engine::same(&e, &engine(other)) && !Engine::same(&e, &usual));
            assert_eq!(hash(&e), hash(&usual));
        }
        assert_eq!(runtimes.all.lock().unwrap().len(), 3);
    }
}
