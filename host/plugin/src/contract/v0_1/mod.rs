//! Track 0.1 of the contract: native batches in, checked edits out.

#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, reason = "generated")]
mod bindings;
mod check;
mod emitted;
mod fault;
mod host;
mod http;
mod size;

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store, UpdateDeadline};
use weir_pipeline::guest::{
    CallError, Emission, LogsBatch, LogsEdit, SamplesBatch, SamplesEdit, SeriesBatch, Symbols, Verdicts, Wants,
};

use crate::access::Access;
use crate::engine::ticks;
use crate::error::LoadReason;
use crate::grants::Kind;
use crate::seat::SHORTEST_INTERVAL;
use crate::state::State;
use crate::threads::Way;
use crate::time_limit::{Meter, TimeLimit, Verdict};
use crate::wasi;
use bindings::exports::weir::plugin::{lifecycle, logs, samples, series, tick};
use bindings::weir::plugin::{
    emit, host as host_imports, http as http_imports, state as state_imports, types, verdicts,
};

/// A component, linked: instances are made of it.
pub(crate) struct Program {
    pre: InstancePre<State>,
    lifecycle: lifecycle::GuestIndices,
    series: Option<series::GuestIndices>,
    samples: Option<samples::GuestIndices>,
    logs: Option<logs::GuestIndices>,
    tick: Option<tick::GuestIndices>,
}

impl Program {
    /// Links a component whose imports and exports have been checked by name.
    pub(crate) fn new(engine: &Engine, component: &Component, access: &Access) -> Result<Self, LoadReason> {
        let shape = |e: wasmtime::Error| super::misfit(engine, component, &e);
        let mut linker = Linker::new(engine);
        wasi::add_to_linker(&mut linker).map_err(shape)?;
        wasi::add_granted(&mut linker, access).map_err(shape)?;
        types::add_to_linker::<_, HasSelf<_>>(&mut linker, |s: &mut State| s).map_err(shape)?;
        host_imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |s: &mut State| s).map_err(shape)?;
        emit::add_to_linker::<_, HasSelf<_>>(&mut linker, |s: &mut State| s).map_err(shape)?;
        state_imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |s: &mut State| s).map_err(shape)?;
        if access.has(Kind::Http) {
            http_imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |s: &mut State| s).map_err(shape)?;
        }
        verdicts::add_to_linker::<_, HasSelf<_>>(&mut linker, |s: &mut State| s).map_err(shape)?;
        let pre = linker.instantiate_pre(component).map_err(shape)?;
        let has = |interface: &str| {
            component.get_export_index(None, format!("weir:plugin/{interface}@{}", super::VERSION)).is_some()
        };
        Ok(Self {
            lifecycle: lifecycle::GuestIndices::new(&pre).map_err(shape)?,
            series: has("series").then(|| series::GuestIndices::new(&pre)).transpose().map_err(shape)?,
            samples: has("samples").then(|| samples::GuestIndices::new(&pre)).transpose().map_err(shape)?,
            logs: has("logs").then(|| logs::GuestIndices::new(&pre)).transpose().map_err(shape)?,
            tick: has("tick").then(|| tick::GuestIndices::new(&pre)).transpose().map_err(shape)?,
            pre,
        })
    }

    /// Whether it exports `tick`.
    pub(crate) fn ticks(&self) -> bool {
        self.tick.is_some()
    }

    /// One instance, not configured. The time that `state` began with is for this and [`Instance::configure`] together. What the
    /// guest does in its start functions can fail like a call.
    pub(crate) fn instantiate(&self, state: State, way: Way<'_>) -> Result<Instance, CallError> {
        let meter = state.time.meter().clone();
        let first_look = look(&state.time, state.time.limit());
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|s| &mut s.limits);
        store.set_epoch_deadline(first_look);
        store.epoch_deadline_callback(|mut store| {
            let time = &mut store.data_mut().time;
            Ok(match time.verdict() {
                Verdict::Over => UpdateDeadline::Interrupt,
                Verdict::GoesOn(left) => UpdateDeadline::Continue(look(time, left)),
                Verdict::Moves(left) => UpdateDeadline::Yield(look(time, left)),
            })
        });
        // The runtime has one bound for what is read of a guest; which of the two it is, is seen when it has been read.
        let crossing = store.data().services.crossing;
        store.set_hostcall_fuel(crossing.returned.max(crossing.handed));
        let instance = match way.go(&meter, self.pre.instantiate_async(&mut store)) {
            Ok(instance) => instance,
            Err(e) => return Err(fault::of_instantiation(&mut store, &e)),
        };
        let shape = |e: wasmtime::Error| CallError::Unavailable(format!("does not fit the contract: {e:#}"));
        Ok(Instance {
            lifecycle: self.lifecycle.load(&mut store, &instance).map_err(shape)?,
            series: self.series.as_ref().map(|i| i.load(&mut store, &instance)).transpose().map_err(shape)?,
            samples: self.samples.as_ref().map(|i| i.load(&mut store, &instance)).transpose().map_err(shape)?,
            logs: self.logs.as_ref().map(|i| i.load(&mut store, &instance)).transpose().map_err(shape)?,
            tick: self.tick.as_ref().map(|i| i.load(&mut store, &instance)).transpose().map_err(shape)?,
            store,
            meter,
        })
    }
}

/// What a tick came to.
pub(crate) struct Ticked {
    /// What it emitted.
    pub(crate) emission: Emission,
    /// Whether the verdicts of before no longer hold.
    pub(crate) forgets: bool,
}

/// One instance. After an error other than [`CallError::Refused`] it must not be called again.
pub(crate) struct Instance {
    store: Store<State>,
    /// Counts the processor time of the call that is under way.
    meter: Arc<Meter>,
    lifecycle: lifecycle::Guest,
    series: Option<series::Guest>,
    samples: Option<samples::Guest>,
    logs: Option<logs::Guest>,
    tick: Option<tick::Guest>,
}

impl Instance {
    /// Hands over the plugin's configuration, within what is left of the time that [`Program::instantiate`] was given.
    pub(crate) fn configure(&mut self, json: &str, way: Way<'_>) -> Result<(), CallError> {
        let answer = way.go(&self.meter, self.lifecycle.call_configure(&mut self.store, json));
        fault::answered(&mut self.store, answer)?;
        self.keep();
        Ok(())
    }

    /// What each interface reads.
    pub(crate) fn wants(&mut self, limit: Duration, way: Way<'_>) -> Result<Wants, CallError> {
        self.begin(limit, way);
        self.store.data_mut().emitting.begin(false);
        self.store.data_mut().waiting.begin(None);
        let (store, meter) = (&mut self.store, &self.meter);
        let mut wants = Wants::default();
        if let Some(guest) = &self.series {
            let answer = way.go(meter, guest.call_wants(&mut *store)).map(Ok);
            wants.series = Some(check::labels_wanted(fault::answered(store, answer)?));
        }
        if let Some(guest) = &self.samples {
            let answer = way.go(meter, guest.call_wants(&mut *store)).map(Ok);
            wants.samples = Some(check::samples_wanted(fault::answered(store, answer)?));
        }
        if let Some(guest) = &self.logs {
            let answer = way.go(meter, guest.call_wants(&mut *store)).map(Ok);
            wants.logs = Some(check::logs_wanted(fault::answered(store, answer)?));
        }
        if let Some(guest) = &self.tick {
            let answer = way.go(meter, guest.call_interval(&mut *store)).map(Ok);
            let asked = Duration::from_millis(u64::from(fault::answered(store, answer)?));
            wants.tick = Some(asked.max(SHORTEST_INTERVAL));
        }
        self.store.data_mut().limits.is_ready();
        Ok(wants)
    }

    /// Calls `series.relabel`.
    pub(crate) fn relabel(
        &mut self,
        batch: &SeriesBatch,
        limit: Duration,
        way: Way<'_>,
    ) -> Result<Verdicts, CallError> {
        self.begin(limit, way);
        let guest = self.series.as_ref().ok_or_else(|| absent("series"))?;
        let symbols = symbols(&batch.symbols);
        let call = guest.call_relabel(&mut self.store, batch.rows, symbols, sets(&batch.sets));
        let answer = way.go(&self.meter, call);
        let answer = fault::answered(&mut self.store, answer)?;
        self.returned(size::verdicts(&answer))?;
        let mut verdicts = check::verdicts(answer, batch).map_err(CallError::Answer)?;
        verdicts.emitted = self.effects();
        Ok(verdicts)
    }

    /// Calls `samples.process`.
    pub(crate) fn samples(
        &mut self,
        batch: &SamplesBatch,
        limit: Duration,
        way: Way<'_>,
    ) -> Result<SamplesEdit, CallError> {
        self.begin(limit, way);
        let guest = self.samples.as_ref().ok_or_else(|| absent("samples"))?;
        let raw = samples::Batch {
            rows: batch.rows,
            symbols: symbols(&batch.symbols),
            sets: sets(&batch.sets),
            set_of_row: bytemuck::cast_slice(&batch.set_of_row),
            kinds: &batch.kinds,
            timestamps: bytemuck::cast_slice(&batch.timestamps),
            start_timestamps: bytemuck::cast_slice(&batch.start_timestamps),
            values: bytemuck::cast_slice(&batch.values),
        };
        let answer = way.go(&self.meter, guest.call_process(&mut self.store, raw));
        let answer = fault::answered(&mut self.store, answer)?;
        self.returned(size::samples_edit(&answer))?;
        let mut edit = check::samples_edit(answer, batch).map_err(CallError::Answer)?;
        edit.emitted = self.effects();
        Ok(edit)
    }

    /// Calls `logs.process`.
    pub(crate) fn logs(&mut self, batch: &LogsBatch<'_>, limit: Duration, way: Way<'_>) -> Result<LogsEdit, CallError> {
        self.begin(limit, way);
        let guest = self.logs.as_ref().ok_or_else(|| absent("logs"))?;
        let raw = logs::Batch {
            rows: batch.rows,
            symbols: symbols(batch.symbols),
            sets: sets(batch.sets),
            set_of_row: bytemuck::cast_slice(batch.set_of_row),
            metadata: sets(batch.metadata),
            timestamps: bytemuck::cast_slice(batch.timestamps),
            lines: types::SymbolsParam { text: batch.lines, ends: bytemuck::cast_slice(batch.line_ends) },
        };
        let answer = way.go(&self.meter, guest.call_process(&mut self.store, raw));
        let answer = fault::answered(&mut self.store, answer)?;
        self.returned(size::logs_edit(&answer))?;
        let mut edit = check::logs_edit(answer, batch).map_err(CallError::Answer)?;
        edit.emitted = self.effects();
        Ok(edit)
    }

    /// Calls `tick`.
    pub(crate) fn tick(&mut self, now: i64, last: bool, limit: Duration, way: Way<'_>) -> Result<Ticked, CallError> {
        self.begin(limit, way);
        self.store.data_mut().forgets = false;
        let guest = self.tick.as_ref().ok_or_else(|| absent("tick"))?;
        let answer = way.go(&self.meter, guest.call_tick(&mut self.store, now, last));
        fault::answered(&mut self.store, answer)?;
        Ok(Ticked { forgets: self.store.data().forgets, emission: self.effects() })
    }

    /// The call has succeeded: what it kept counts, and what it emitted comes back.
    fn effects(&mut self) -> Emission {
        self.keep();
        self.store.data_mut().emitting.take()
    }

    fn keep(&mut self) {
        let state = self.store.data_mut();
        let without_room = state.kept.commit();
        state.services.count_not_kept("full", without_room);
    }

    /// Refuses an answer of more bytes than the plugin may return.
    fn returned(&self, bytes: usize) -> Result<(), CallError> {
        let most = self.store.data().services.crossing.returned;
        if bytes > most {
            return Err(CallError::Answer(format!(
                "{bytes} bytes are more than its limit of {most} (limits.returned_bytes)"
            )));
        }
        Ok(())
    }

    /// Whether it has so much memory that it should be replaced between calls.
    pub(crate) fn is_worn(&self) -> bool {
        self.store.data().limits.is_near_limit()
    }

    /// How much processor time the last call has taken.
    pub(crate) fn computed(&self) -> Duration {
        self.meter.computed()
    }

    /// How long the last call has waited for answers.
    pub(crate) fn waited(&self) -> Duration {
        self.store.data().time.waited()
    }

    fn begin(&mut self, limit: Duration, way: Way<'_>) {
        let state = self.store.data_mut();
        state.limits.take_refusal();
        state.limits.begin();
        state.take_last_words();
        state.emitting.begin(true);
        state.kept.begin();
        state.waiting.begin(state.services.access.http.as_ref().map(|h| h.timeout));
        state.time.begin_again(limit, way.course);
        let first_look = look(&state.time, limit);
        self.store.set_epoch_deadline(first_look);
    }
}

/// In how many ticks a call is looked at that has so much time.
fn look(time: &TimeLimit, left: Duration) -> u64 {
    time.look(left).map_or(1, ticks)
}

fn symbols(symbols: &Symbols) -> types::SymbolsParam<'_> {
    types::SymbolsParam { text: &symbols.text, ends: bytemuck::cast_slice(&symbols.ends) }
}

fn sets(sets: &weir_pipeline::guest::LabelSets) -> types::LabelSetsParam<'_> {
    types::LabelSetsParam { pairs: bytemuck::cast_slice(&sets.pairs), ends: bytemuck::cast_slice(&sets.ends) }
}

fn absent(interface: &str) -> CallError {
    CallError::Unavailable(format!("the plugin does not export {interface}"))
}
