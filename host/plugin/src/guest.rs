//! A plugin's instances behind one name: limits, time, retries of instances, the circuit breaker, and what it all shows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_pipeline::guest::{
    CallError, Guest, LogsBatch, LogsEdit, OnError, SamplesBatch, SamplesEdit, SeriesBatch, Verdicts, Wants,
};

use crate::breaker::Breaker;
use crate::contract::{Instance, Program};
use crate::engine::Runtime;
use crate::error::LoadReason;
use crate::guest_log::{GuestLog, Level};
use crate::limits::Limits;
use crate::metrics::{CallTime, GuestMetrics, InterfaceMetrics};
use crate::settings::PluginSettings;
use crate::state::{Services, State};
use crate::store::Compiled;

/// Calls that take longer on average should not run on a thread that serves others: a millisecond is what a tokio worker
/// can do without being missed.
const SLOW: Duration = Duration::from_millis(1);

/// One version of a plugin with one configuration.
pub(crate) struct WasmGuest {
    compiled: Compiled,
    settings: PluginSettings,
    program: Program,
    wants: Wants,
    services: Arc<Services>,
    metrics: GuestMetrics,
    /// weir's own words about the plugin, which the plugin cannot crowd out.
    faults: GuestLog,
    idle: Mutex<Vec<Instance>>,
    max_idle: usize,
    breaker: Breaker,
    time: CallTime,
    /// Keeps the clock running as long as calls may need to be ended.
    _runtime: Arc<Runtime>,
}

impl WasmGuest {
    /// Links, makes the first instance, configures it, and asks what it wants.
    pub(crate) fn load(
        runtime: &Arc<Runtime>,
        compiled: Compiled,
        settings: PluginSettings,
        services: Arc<Services>,
        metrics: GuestMetrics,
        max_idle: usize,
    ) -> Result<Self, LoadReason> {
        let engine = runtime.engine();
        // Again, for a component that runs already and gets other settings.
        crate::imports::check(&compiled.outline, &settings.grants)?;
        let mut guest = Self {
            program: Program::new(engine, &compiled.component)?,
            wants: Wants::default(),
            faults: GuestLog::new(&services.plugin, metrics.lines_written.clone(), metrics.lines_dropped.clone()),
            idle: Mutex::default(),
            breaker: Breaker::default(),
            time: CallTime::default(),
            _runtime: runtime.clone(),
            compiled,
            settings,
            services,
            metrics,
            max_idle,
        };
        let failed = |function| move |e: CallError| LoadReason::Failed { function, fault: e.to_string() };
        let mut first = guest.instantiate().map_err(|e| LoadReason::Instantiate(e.to_string()))?;
        match first.configure(&guest.settings.config_json) {
            Err(CallError::Refused(why)) => return Err(LoadReason::Refused(why)),
            other => other.map_err(failed("configure"))?,
        }
        guest.wants = first.wants(guest.settings.timeout).map_err(failed("wants"))?;
        guest.idle = Mutex::new(vec![first]);
        Ok(guest)
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
        self.breaker.is_open()
    }

    /// How much processor time calls take lately.
    pub(crate) fn average_call(&self) -> Option<Duration> {
        self.time.average()
    }

    fn call<T>(
        &self,
        interface: &InterfaceMetrics,
        call: impl FnOnce(&mut Instance, Duration) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        if let Err(left) = self.breaker.admit(Instant::now()) {
            self.metrics.failed(interface.name, "unavailable");
            let left = left.as_millis().div_ceil(1000);
            return Err(CallError::Unavailable(format!("it failed too often and rests for {left} s")));
        }
        let outcome = self.ready_instance().and_then(|mut instance| {
            let begin = Instant::now();
            let outcome = call(&mut instance, self.settings.timeout);
            interface.seconds.observe(begin.elapsed().as_secs_f64());
            self.time.add(instance.computed());
            self.settle(instance, outcome.as_ref().err());
            outcome
        });
        match &outcome {
            Ok(_) => {
                interface.ok.inc();
                self.worked();
            }
            Err(e) => {
                self.metrics.failed(interface.name, e.reason());
                self.faults.write(self.gravity(), &format!("{} {e}", interface.name));
                // A refusal is an answer: the plugin is well, the batch is not.
                if matches!(e, CallError::Refused(_)) { self.worked() } else { self.broke() }
            }
        }
        outcome
    }

    /// An idle instance, or a new one, configured.
    fn ready_instance(&self) -> Result<Instance, CallError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(instance) = idle {
            return Ok(instance);
        }
        let unavailable = |doing: &str, e: &CallError| CallError::Unavailable(format!("{doing} a new instance: {e}"));
        let mut instance = self.instantiate().map_err(|e| unavailable("making", &e))?;
        instance.configure(&self.settings.config_json).map_err(|e| unavailable("configuring", &e))?;
        let wants = instance.wants(self.settings.timeout).map_err(|e| unavailable("asking", &e))?;
        if wants != self.wants {
            return Err(CallError::Unavailable("a new instance wants something else than the first".to_owned()));
        }
        Ok(instance)
    }

    fn instantiate(&self) -> Result<Instance, CallError> {
        let limits = Limits::new(self.settings.memory_limit, self.metrics.instance());
        let time = self.settings.configure_timeout;
        let state = State::new(limits, time, self.services.clone());
        self.program.instantiate(state, self.settings.max_returned_bytes, time)
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
            self.faults.write(Level::Info, "works again");
        }
    }

    fn broke(&self) {
        if let Some(rest) = self.breaker.failed(Instant::now()) {
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
    fn name(&self) -> &str {
        &self.services.plugin
    }

    fn wants(&self) -> &Wants {
        &self.wants
    }

    fn on_error(&self) -> OnError {
        self.settings.on_error
    }

    fn is_slow(&self) -> bool {
        self.time.average().is_none_or(|average| average > SLOW)
    }

    fn relabel(&self, batch: &SeriesBatch) -> Result<Verdicts, CallError> {
        self.call(&self.metrics.series, |instance, time| instance.relabel(batch, time))
    }

    fn samples(&self, batch: &SamplesBatch) -> Result<SamplesEdit, CallError> {
        self.call(&self.metrics.samples, |instance, time| instance.samples(batch, time))
    }

    fn logs(&self, batch: &LogsBatch<'_>) -> Result<LogsEdit, CallError> {
        self.call(&self.metrics.logs, |instance, time| instance.logs(batch, time))
    }

    fn reject(&self, what: &str) {
        self.metrics.failed("outcome", CallError::Answer(String::new()).reason());
        self.faults.write(self.gravity(), &format!("answered what cannot be: {what}"));
    }
}
