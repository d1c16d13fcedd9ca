//! A plugin's instances behind one name: limits, time, retries of instances, the circuit breaker, and what it all shows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use weir_pipeline::guest::{
    Allowance, CallError, Emission, Guest, LogsBatch, LogsEdit, OnError, Outcome, SamplesBatch, SamplesEdit,
    SeriesBatch, Verdicts, Wants,
};

use crate::breaker::Breaker;
use crate::contract::{Instance, Program};
use crate::engine::Runtime;
use crate::error::LoadReason;
use crate::guest_log::{GuestLog, Level};
use crate::kept::Kept;
use crate::limits::Limits;
use crate::manifest::Affinity;
use crate::metrics::{CallTime, GuestMetrics, InterfaceMetrics, RestGauge};
use crate::seat::{Bound, Seated, Ticker};
use crate::settings::PluginSettings;
use crate::state::{Services, State};
use crate::store::Compiled;
use crate::threads::{Course, GuestThreads, Place, Way};

/// One version of a plugin with one configuration.
pub(crate) struct WasmGuest {
    compiled: Compiled,
    settings: PluginSettings,
    program: Arc<Program>,
    wants: Wants,
    services: Arc<Services>,
    metrics: GuestMetrics,
    /// weir's own words about the plugin, which the plugin cannot crowd out.
    faults: GuestLog,
    idle: Mutex<Vec<Instance>>,
    max_idle: usize,
    breaker: Breaker,
    resting: RestGauge,
    time: CallTime,
    /// How long it takes to make an instance.
    making: CallTime,
    threads: Arc<GuestThreads>,
    name: Arc<str>,
    /// What its instances keep in the host.
    kept: Kept,
    for_each_pipeline: bool,
    /// Its place, where it has one instance for a pipeline and this is that.
    seated: Option<Seated>,
    /// By pipeline, where it has one instance for each and this is none of them.
    bound: Mutex<BTreeMap<String, Weak<Bound>>>,
    ticker: Arc<Ticker>,
    /// How often it said that its verdicts no longer hold.
    forgotten: AtomicU64,
    /// Keeps the clock running as long as calls may need to be ended.
    runtime: Arc<Runtime>,
}

/// Numbers of those that take a place.
static VERSIONS: AtomicU64 = AtomicU64::new(0);

impl WasmGuest {
    /// Links, makes the first instance, configures it, and asks what it wants.
    #[allow(clippy::too_many_arguments, reason = "what all plugins share, and what is of this one")]
    pub(crate) fn load(
        runtime: &Arc<Runtime>,
        threads: &Arc<GuestThreads>,
        ticker: &Arc<Ticker>,
        compiled: Compiled,
        settings: PluginSettings,
        services: Arc<Services>,
        metrics: GuestMetrics,
        max_idle: usize,
    ) -> Result<Self, LoadReason> {
        let engine = runtime.engine();
        // Again, for a component that runs already and gets other settings.
        crate::imports::check(&compiled.outline, &settings.grants)?;
        let program = Arc::new(Program::new(engine, &compiled.component, &services.access)?);
        let manifest = compiled.outline.manifest.as_ref();
        let for_each_pipeline = program.ticks() || manifest.is_some_and(|m| m.affinity == Affinity::Pipeline);
        // The first instance of a plugin that has one for each pipeline only shows that it can be made: its store is its own.
        let kept = if for_each_pipeline {
            Kept::apart(settings.state_bytes)
        } else {
            services.kept.of(&services.plugin, "", settings.state_bytes)
        };
        let mut guest = Self {
            program,
            wants: Wants::default(),
            faults: GuestLog::new(&services.plugin, metrics.lines_written.clone(), metrics.lines_dropped.clone()),
            idle: Mutex::default(),
            breaker: Breaker::default(),
            resting: metrics.rest_gauge(),
            time: CallTime::default(),
            making: CallTime::default(),
            threads: threads.clone(),
            name: services.plugin.as_str().into(),
            kept,
            for_each_pipeline,
            seated: None,
            bound: Mutex::default(),
            ticker: ticker.clone(),
            forgotten: AtomicU64::new(0),
            runtime: runtime.clone(),
            compiled,
            settings,
            services,
            metrics,
            max_idle,
        };
        let failed = |function| move |e: CallError| LoadReason::Failed { function, fault: e.to_string() };
        let way = Way { course: Course::loading(), ..guest.way(&guest.making) };
        let mut first = guest.instantiate(way).map_err(|e| LoadReason::Instantiate(e.to_string()))?;
        match first.configure(&guest.settings.config_json, way) {
            Err(CallError::Refused(why)) => return Err(LoadReason::Refused(why)),
            other => other.map_err(failed("configure"))?,
        }
        let making = first.computed();
        let wants = first.wants(guest.settings.timeout, way).map_err(failed("wants"))?;
        guest.making.add(making + first.computed());
        guest.wants = wants;
        if !guest.for_each_pipeline {
            guest.idle = Mutex::new(vec![first]);
        }
        Ok(guest)
    }

    /// As if what `configure` reads had changed since the first instance.
    #[cfg(test)]
    pub(crate) fn configure_later_instances_with(&mut self, config: &str) {
        config.clone_into(&mut self.settings.config_json);
    }

    /// The same version for one pipeline.
    fn seat(&self, pipeline: &str) -> Self {
        let seat = self.services.seats.of(&self.services.plugin, pipeline);
        let version = VERSIONS.fetch_add(1, Ordering::Relaxed);
        Self {
            compiled: self.compiled.clone(),
            settings: self.settings.clone(),
            program: self.program.clone(),
            wants: self.wants.clone(),
            services: self.services.clone(),
            metrics: self.metrics.clone(),
            faults: GuestLog::new(
                &self.services.plugin,
                self.metrics.lines_written.clone(),
                self.metrics.lines_dropped.clone(),
            ),
            idle: Mutex::default(),
            max_idle: 1,
            breaker: Breaker::default(),
            resting: self.metrics.rest_gauge(),
            time: CallTime::default(),
            making: CallTime::default(),
            threads: self.threads.clone(),
            name: self.name.clone(),
            kept: self.services.kept.of(&self.services.plugin, pipeline, self.settings.state_bytes),
            for_each_pipeline: true,
            seated: Some(Seated { seat, version, pipeline: pipeline.to_owned() }),
            bound: Mutex::default(),
            ticker: self.ticker.clone(),
            forgotten: AtomicU64::new(0),
            runtime: self.runtime.clone(),
        }
    }

    /// Its place in a pipeline, where this is the guest of one.
    pub(crate) fn seated(&self) -> Option<&Seated> {
        self.seated.as_ref()
    }

    /// Whether there is an instance that may hold something.
    pub(crate) fn has_instance(&self) -> bool {
        !self.idle.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Lets go of all instances.
    pub(crate) fn forget_instances(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Calls `tick` at this time, in milliseconds since the epoch. What it emits counts at once: no pipeline waits for its answer.
    pub(crate) fn tick(&self, now: i64, last: bool) -> Result<(), CallError> {
        let mut time = Allowance::whole(self.settings.timeout);
        let outcome =
            self.call(&self.metrics.tick, &mut time, |instance, limit, way| instance.tick(now, last, limit, way));
        match &outcome {
            Ok(_) => self.worked(),
            Err(CallError::Resting { .. }) => {}
            Err(e) => {
                self.faults.write(self.gravity(), &format!("tick {e}"));
                // As for a batch: an instance that cannot be made now is not there for the next tick, and other plugins' ticks wait.
                self.broke(match e {
                    CallError::Unavailable(_) => self.breaker.failed_for_all(Instant::now()),
                    _ => self.breaker.failed(Instant::now()),
                });
            }
        }
        outcome.map(|ticked| {
            if ticked.forgets {
                self.metrics.forgotten.inc();
                self.forgotten.fetch_add(1, Ordering::Release);
            }
            self.emit(ticked.emission);
        })
    }

    fn in_pipelines(&self) -> Vec<Arc<Bound>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).values().filter_map(Weak::upgrade).collect()
    }

    /// The component it is made of.
    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// How it was set up.
    pub(crate) fn settings(&self) -> &PluginSettings {
        &self.settings
    }

    /// Whether it rests after failures.
    pub(crate) fn is_resting(&self) -> bool {
        self.breaker.is_open() || self.in_pipelines().iter().any(|b| b.guest().is_resting())
    }

    /// How much processor time calls take lately.
    pub(crate) fn average_call(&self) -> Option<Duration> {
        self.time.average().or_else(|| self.in_pipelines().iter().filter_map(|b| b.guest().average_call()).max())
    }

    /// Requests that were answered, and that were not, where it may make any.
    pub(crate) fn requests(&self) -> Option<(u64, u64)> {
        self.waits().then(|| self.services.http.counts())
    }

    /// One call.
    fn call<T>(
        &self,
        interface: &InterfaceMetrics,
        time: &mut Allowance,
        call: impl FnOnce(&mut Instance, Duration, Way<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        // Held to the end: a plugin with one instance is called once at a time.
        let _turn = self.seated.as_ref().map(|s| s.seat.turn(s.version));
        if time.again {
            // The batch was admitted.
            interface.again.inc();
        } else if let Err(left) = self.breaker.admit(Instant::now()) {
            self.metrics.failed(interface.name, "unavailable");
            let seconds = u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
            return Err(CallError::Resting { seconds });
        }
        let outcome = self.call_an_instance(interface, time, call);
        match &outcome {
            Ok(_) => _ = interface.ok.inc(),
            Err(e) => self.metrics.failed(interface.name, e.reason()),
        }
        outcome
    }

    fn call_an_instance<T>(
        &self,
        interface: &InterfaceMetrics,
        time: &mut Allowance,
        call: impl FnOnce(&mut Instance, Duration, Way<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        // Making one has a limit of its own, and counts all the same.
        let mut instance = self.ready_instance(&mut time.used)?;
        let way = Way { long_calls: Some(&self.metrics.long_calls), ..self.way(&self.time) };
        let begin = Instant::now();
        let outcome = call(&mut instance, time.limit, way);
        interface.seconds.observe(begin.elapsed().as_secs_f64());
        let computed = instance.computed();
        if matches!(outcome, Err(CallError::Timeout)) {
            // One that had no processor is not to blame.
            if computed >= time.limit {
                self.time.ran_out();
            }
            self.metrics.stopped.observe(computed.as_secs_f64() / time.limit.as_secs_f64().max(1e-9));
        } else {
            self.time.add(computed);
        }
        // What a batch has waited for answers counts as well: its parts must not wait as long again and again.
        time.used += computed + instance.waited();
        self.settle(instance, outcome.as_ref().err());
        outcome
    }

    /// Makes one more instance, configures it, and lets go of it: how long the first two took.
    pub(crate) fn time_an_instance(&self) -> Result<Duration, CallError> {
        let begin = Instant::now();
        let _instance = self.new_instance(self.way(&self.making), &mut Duration::default())?;
        Ok(begin.elapsed())
    }

    /// Whether a call may wait for answers to its requests. Such a plugin has threads of its own.
    pub(crate) fn waits(&self) -> bool {
        self.services.access.http.is_some()
    }

    /// The way of what has lately taken this time.
    fn way(&self, lately: &CallTime) -> Way<'_> {
        let mut course = lately.course();
        if self.waits() && course.begins == Place::Shared {
            course = Course::long();
        }
        Way { threads: &self.threads, plugin: &self.name, course, long_calls: None }
    }

    /// An idle instance, or a new one, configured. How much processor time that took is added to `used`.
    fn ready_instance(&self, used: &mut Duration) -> Result<Instance, CallError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(instance) = idle {
            return Ok(instance);
        }
        self.new_instance(self.way(&self.making), used)
    }

    fn new_instance(&self, way: Way<'_>, used: &mut Duration) -> Result<Instance, CallError> {
        let unavailable = |doing: &str, e: &CallError| CallError::Unavailable(format!("{doing} a new instance: {e}"));
        let before = *used;
        let mut instance = self.instantiate(way).map_err(|e| unavailable("making", &e))?;
        let configured = instance.configure(&self.settings.config_json, way);
        *used += instance.computed();
        configured.map_err(|e| unavailable("configuring", &e))?;
        let wants = instance.wants(self.settings.timeout, way);
        *used += instance.computed();
        if wants.map_err(|e| unavailable("asking", &e))? != self.wants {
            return Err(CallError::Unavailable("a new instance wants something else than the first".to_owned()));
        }
        self.making.add(used.saturating_sub(before));
        Ok(instance)
    }

    fn instantiate(&self, way: Way<'_>) -> Result<Instance, CallError> {
        let limits = Limits::new(self.settings.memory_limit, self.settings.table_elements, self.metrics.instance());
        let time = self.settings.configure_timeout;
        let state = State::new(limits, time, way.course, self.services.clone(), self.kept.clone());
        self.program.instantiate(state, way)
    }

    /// What becomes of an instance after a call.
    fn settle(&self, instance: Instance, error: Option<&CallError>) {
        match error {
            None | Some(CallError::Refused(_)) if instance.is_worn() => self.metrics.restarted("worn"),
            None | Some(CallError::Refused(_)) => {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < self.max_idle {
                    idle.push(instance);
                }
            }
            Some(e) => self.metrics.restarted(e.reason()),
        }
    }

    fn worked(&self) {
        if self.breaker.succeeded() {
            self.resting.set(false);
            self.faults.write(Level::Info, "works again");
        }
    }

    fn broke(&self, rest: Option<Duration>) {
        if let Some(rest) = rest {
            self.resting.set(true);
            self.metrics.rests.inc();
            let what = format!("failed too often and rests for {} s (on_error decides on its records)", rest.as_secs());
            self.faults.write(self.gravity(), &what);
        }
    }

    /// An error is what loses data.
    fn gravity(&self) -> Level {
        if self.settings.on_error == OnError::Drop { Level::Error } else { Level::Warn }
    }
}

impl Guest for WasmGuest {
    fn in_pipeline(&self, pipeline: &str) -> Option<Arc<dyn Guest>> {
        if !self.for_each_pipeline || self.seated.is_some() {
            return None;
        }
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = bound.get(pipeline).and_then(Weak::upgrade) {
            return Some(bound);
        }
        let new = Arc::new(Bound::new(self.seat(pipeline), &self.ticker));
        bound.insert(pipeline.to_owned(), Arc::downgrade(&new));
        Some(new)
    }

    fn emit(&self, emission: Emission) {
        if let Some(emitter) = &self.services.emit_to.0
            && !emission.is_empty()
        {
            emitter.emit(&self.services.plugin, emission);
        }
    }

    fn name(&self) -> &str {
        &self.services.plugin
    }

    fn wants(&self) -> &Wants {
        &self.wants
    }

    fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }

    fn on_error(&self) -> OnError {
        self.settings.on_error
    }

    fn time_limit(&self) -> Duration {
        self.settings.timeout
    }

    fn try_relabel(&self, batch: &SeriesBatch, time: &mut Allowance) -> Result<Verdicts, CallError> {
        self.call(&self.metrics.series, time, |instance, limit, way| instance.relabel(batch, limit, way))
    }

    fn try_samples(&self, batch: &SamplesBatch, time: &mut Allowance) -> Result<SamplesEdit, CallError> {
        self.call(&self.metrics.samples, time, |instance, limit, way| instance.samples(batch, limit, way))
    }

    fn try_logs(&self, batch: &LogsBatch<'_>, time: &mut Allowance) -> Result<LogsEdit, CallError> {
        self.call(&self.metrics.logs, time, |instance, limit, way| instance.logs(batch, limit, way))
    }

    fn settled(&self, outcome: &Outcome<'_>) {
        let Some(error) = outcome.error else { return self.worked() };
        if matches!(error, CallError::Resting { .. }) {
            return;
        }
        let Outcome { interface, rows, unserved, .. } = outcome;
        let interface = interface.as_str();
        if *unserved == 0 {
            self.faults.write(Level::Warn, &format!("{interface} {error} (all {rows} rows were served in parts)"));
        } else if *rows == 1 {
            self.faults.write(self.gravity(), &format!("{interface} {error}"));
        } else {
            self.faults.write(self.gravity(), &format!("{interface} {error} ({unserved} of {rows} rows)"));
        }
        match error {
            // An instance that cannot be made now is not there for the next batch either.
            CallError::Unavailable(_) => self.broke(self.breaker.failed_for_all(Instant::now())),
            _ if unserved < rows => self.worked(),
            _ => self.broke(self.breaker.failed(Instant::now())),
        }
    }

    fn reject(&self) {
        self.metrics.failed("outcome", CallError::Answer(String::new()).reason());
    }
}
