//! What weir shows of its plugins.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use weir_telemetry::Metrics;

use crate::state::NotKeptLabels;
use crate::threads::Course;

/// Upper bounds in seconds: a look-up of 2 µs to an interpreter's time-out.
const BUCKETS: [f64; 12] = [2e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPlugin {
    plugin: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCall {
    plugin: String,
    interface: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByInterface {
    plugin: String,
    interface: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    plugin: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    plugin: String,
    result: &'static str,
}

/// Upper bounds in multiples of a limit: calls that are stopped at once, within a tick of the engine's clock, and twice as late.
fn multiples() -> Histogram {
    Histogram::new([0.5, 1.0, 1.05, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0])
}

type Durations = Family<ByInterface, Histogram, fn() -> Histogram>;

fn durations() -> Histogram {
    Histogram::new(BUCKETS)
}

/// The families of all plugins; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct PluginMetrics {
    calls: Family<ByCall, Counter>,
    durations: Durations,
    stopped: Family<ByPlugin, Histogram, fn() -> Histogram>,
    memory: Family<ByPlugin, Gauge>,
    instances: Family<ByPlugin, Gauge>,
    restarts: Family<ByReason, Counter>,
    again: Family<ByInterface, Counter>,
    long_calls: Family<ByPlugin, Counter>,
    resting: Family<ByPlugin, Gauge>,
    rests: Family<ByPlugin, Counter>,
    forgotten: Family<ByPlugin, Counter>,
    compile: Family<ByPlugin, Gauge<f64, AtomicU64>>,
    reloads: Family<ByResult, Counter>,
    log_lines: Family<ByResult, Counter>,
    emissions: Family<ByResult, Counter>,
    pub(crate) not_kept: Family<NotKeptLabels, Counter>,
}

impl PluginMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            calls: metrics.register("weir_plugin_calls", "Calls into plugins by their result", Family::default()),
            durations: metrics.register(
                "weir_plugin_call_duration_seconds",
                "How long calls into plugins took, copying in and checking the answer included",
                Durations::new_with_constructor(durations),
            ),
            stopped: metrics.register(
                "weir_plugin_stopped_call_limits",
                "Processor time that calls had taken when they were stopped, in multiples of their limit",
                Family::new_with_constructor(multiples as fn() -> Histogram),
            ),
            memory: metrics.register(
                "weir_plugin_memory_bytes",
                "Linear memory of all instances of a plugin",
                Family::default(),
            ),
            instances: metrics.register("weir_plugin_instances", "Instances of a plugin", Family::default()),
            restarts: metrics.register("weir_plugin_restarts", "Instances thrown away, by why", Family::default()),
            again: metrics.register(
                "weir_plugin_calls_again",
                "Calls with a part of a batch whose call had failed (they are among weir_plugin_calls, too)",
                Family::default(),
            ),
            long_calls: metrics.register(
                "weir_plugin_long_calls",
                "Calls that ran, from their beginning or when they had taken a while, on the threads for long ones",
                Family::default(),
            ),
            resting: metrics.register(
                "weir_plugin_resting",
                "Whether a plugin is taken out after failures (circuit breaker): its records meet on_error",
                Family::default(),
            ),
            rests: metrics.register(
                "weir_plugin_rests",
                "How often a plugin was taken out, or stayed out after a trial",
                Family::default(),
            ),
            forgotten: metrics.register(
                "weir_plugin_verdicts_forgotten",
                "How often a plugin took its verdicts back, so that a pipeline's series and streams were asked about again",
                Family::default(),
            ),
            compile: metrics.register(
                "weir_plugin_compile_seconds",
                "How long it took to compile the plugin, or to load it compiled",
                Family::default(),
            ),
            reloads: metrics.register(
                "weir_plugin_reloads",
                "New versions of plugins by whether they run",
                Family::default(),
            ),
            log_lines: metrics.register(
                "weir_plugin_log_lines",
                "Lines that plugins logged, by whether they were written or thinned out",
                Family::default(),
            ),
            emissions: metrics.register(
                "weir_plugin_emissions",
                "Times that plugins emitted samples or lines, by whether they were taken; the records are in the ledger",
                Family::default(),
            ),
            not_kept: metrics.register(
                "weir_plugin_state_refusals",
                "Values that plugins wanted to keep in the host and that were refused",
                Family::default(),
            ),
        }
    }

    pub(crate) fn of_guest(&self, plugin: &str) -> GuestMetrics {
        let interface = |interface| InterfaceMetrics {
            ok: self.call(plugin, interface, "ok"),
            seconds: self.durations.get_or_create(&ByInterface { plugin: plugin.to_owned(), interface }).clone(),
            again: self.again.get_or_create(&ByInterface { plugin: plugin.to_owned(), interface }).clone(),
            name: interface,
        };
        GuestMetrics {
            series: interface("series"),
            samples: interface("samples"),
            logs: interface("logs"),
            stopped: self.stopped.get_or_create(&ByPlugin { plugin: plugin.to_owned() }).clone(),
            long_calls: self.long_calls.get_or_create(&ByPlugin { plugin: plugin.to_owned() }).clone(),
            rests: self.rests.get_or_create(&ByPlugin { plugin: plugin.to_owned() }).clone(),
            forgotten: self.forgotten.get_or_create(&ByPlugin { plugin: plugin.to_owned() }).clone(),
            tick: interface("tick"),
            lines_written: self.log_lines(plugin, "written"),
            lines_dropped: self.log_lines(plugin, "dropped"),
            plugin: plugin.to_owned(),
            all: self.clone(),
        }
    }

    pub(crate) fn compiled(&self, plugin: &str, took: Duration) {
        self.compile.get_or_create(&ByPlugin { plugin: plugin.to_owned() }).set(took.as_secs_f64());
    }

    pub(crate) fn reloaded(&self, plugin: &str, result: &'static str) {
        self.reloads.get_or_create(&ByResult { plugin: plugin.to_owned(), result }).inc();
    }

    fn call(&self, plugin: &str, interface: &'static str, result: &'static str) -> Counter {
        self.calls.get_or_create(&ByCall { plugin: plugin.to_owned(), interface, result }).clone()
    }

    pub(crate) fn emissions(&self, plugin: &str, result: &'static str) -> Counter {
        self.emissions.get_or_create(&ByResult { plugin: plugin.to_owned(), result }).clone()
    }

    fn log_lines(&self, plugin: &str, result: &'static str) -> Counter {
        self.log_lines.get_or_create(&ByResult { plugin: plugin.to_owned(), result }).clone()
    }
}

/// The metrics of one interface of one plugin.
#[derive(Clone, Debug)]
pub(crate) struct InterfaceMetrics {
    /// Calls that brought a checked answer.
    pub(crate) ok: Counter,
    /// How long calls took.
    pub(crate) seconds: Histogram,
    /// Calls with parts of batches.
    pub(crate) again: Counter,
    /// The interface.
    pub(crate) name: &'static str,
}

/// The metrics of one plugin; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct GuestMetrics {
    pub(crate) series: InterfaceMetrics,
    pub(crate) samples: InterfaceMetrics,
    pub(crate) logs: InterfaceMetrics,
    /// Processor time of calls that were stopped, in multiples of their limit.
    pub(crate) stopped: Histogram,
    pub(crate) long_calls: Counter,
    pub(crate) rests: Counter,
    pub(crate) forgotten: Counter,
    pub(crate) tick: InterfaceMetrics,
    pub(crate) lines_written: Counter,
    pub(crate) lines_dropped: Counter,
    plugin: String,
    all: PluginMetrics,
}

impl GuestMetrics {
    pub(crate) fn failed(&self, interface: &'static str, reason: &'static str) {
        self.all.call(&self.plugin, interface, reason).inc();
    }

    pub(crate) fn restarted(&self, reason: &'static str) {
        self.all.restarts.get_or_create(&ByReason { plugin: self.plugin.clone(), reason }).inc();
    }

    /// Shows whether the plugin rests.
    pub(crate) fn rest_gauge(&self) -> RestGauge {
        let shown = self.all.resting.get_or_create(&ByPlugin { plugin: self.plugin.clone() }).clone();
        RestGauge { shown, rests: AtomicBool::new(false) }
    }

    /// Counts an instance, for as long as the gauge lives.
    pub(crate) fn instance(&self) -> MemoryGauge {
        let by = ByPlugin { plugin: self.plugin.clone() };
        let instances = self.all.instances.get_or_create(&by).clone();
        instances.inc();
        MemoryGauge { shown: 0, memory: self.all.memory.get_or_create(&by).clone(), instances: Some(instances) }
    }
}

/// One instance's part in its plugin's gauges; gives it back when dropped.
#[derive(Debug, Default)]
pub(crate) struct MemoryGauge {
    shown: i64,
    memory: Gauge,
    instances: Option<Gauge>,
}

impl MemoryGauge {
    pub(crate) fn set(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.memory.inc_by(bytes.saturating_sub(self.shown));
        self.shown = bytes;
    }
}

impl Drop for MemoryGauge {
    fn drop(&mut self) {
        self.memory.dec_by(self.shown);
        if let Some(instances) = &self.instances {
            instances.dec();
        }
    }
}

/// Whether one version of a plugin rests, in the plugin's gauge; gives it back when dropped.
#[derive(Debug)]
pub(crate) struct RestGauge {
    shown: Gauge,
    rests: AtomicBool,
}

impl RestGauge {
    pub(crate) fn set(&self, rests: bool) {
        if self.rests.swap(rests, Ordering::Relaxed) != rests {
            self.shown.inc_by(if rests { 1 } else { -1 });
        }
    }
}

impl Drop for RestGauge {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// Processor time of the calls lately.
#[derive(Debug, Default)]
pub(crate) struct CallTime {
    /// Nanoseconds: an exponential moving average, of which the last eight calls are two thirds.
    average: AtomicU64,
    /// Calls that begin in the background, whatever the average says.
    wary: AtomicU64,
}

/// Calls after a time-out that are not trusted: a plugin that loops once in a thousand calls is in others' way too rarely for anybody's
/// p99.
const WARY: u64 = 1000;

impl CallTime {
    pub(crate) fn add(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let old = self.average.load(Ordering::Relaxed);
        // Two calls at once may lose one of their times, which an average bears.
        let new = if old == 0 { took } else { (old - old / 8).saturating_add(took / 8) };
        self.average.store(new.max(1), Ordering::Relaxed);
        let wary = self.wary.load(Ordering::Relaxed);
        if wary > 0 {
            self.wary.store(wary - 1, Ordering::Relaxed);
        }
    }

    /// A call ran into its limit.
    pub(crate) fn ran_out(&self) {
        self.wary.store(WARY, Ordering::Relaxed);
    }

    /// The course of the next call.
    pub(crate) fn course(&self) -> Course {
        let average = self.average();
        if self.wary.load(Ordering::Relaxed) > 0 {
            Course::wary(average.unwrap_or_default())
        } else {
            average.map_or_else(Course::long, Course::usual)
        }
    }

    /// `None` before the first call.
    pub(crate) fn average(&self) -> Option<Duration> {
        match self.average.load(Ordering::Relaxed) {
            0 => None,
            ns => Some(Duration::from_nanos(ns)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::Place;

    #[test]
    fn a_timeout_is_remembered_for_some_calls() {
        let t = CallTime::default();
        assert_eq!((t.average(), t.course().begins), (None, Place::Long));
        t.add(Duration::from_micros(10));
        assert_eq!(t.average(), Some(Duration::from_micros(10)));
        t.add(Duration::from_millis(50));
        for _ in 0..10 {
            assert_eq!(t.course().begins, Place::Long);
            t.add(Duration::from_micros(10));
        }
        for _ in 0..40 {
            t.add(Duration::from_micros(10));
        }
        assert!(t.average().unwrap() < Duration::from_millis(1));
        assert_eq!(t.course().begins, Place::Shared);
        t.ran_out();
        for _ in 0..1000 {
            assert_eq!(t.course().begins, Place::Background);
            t.add(Duration::from_micros(10));
        }
        assert_eq!(t.course().begins, Place::Shared);
    }

    #[test]
    fn a_version_that_rested_takes_its_rest_with_it() {
        let m = PluginMetrics::new(&Metrics::new());
        let g = m.of_guest("p");
        let shown = m.resting.get_or_create(&ByPlugin { plugin: "p".into() }).clone();
        let (old, new) = (g.rest_gauge(), g.rest_gauge());
        old.set(true);
        old.set(true);
        assert_eq!(shown.get(), 1);
        new.set(false);
        drop(old);
        assert_eq!(shown.get(), 0);
    }

    #[test]
    fn an_instance_gives_its_memory_back() {
        let m = PluginMetrics::new(&Metrics::new());
        let g = m.of_guest("p");
        let by = ByPlugin { plugin: "p".into() };
        let mut one = g.instance();
        one.set(100);
        one.set(70);
        let mut two = g.instance();
        two.set(5);
        assert_eq!(m.memory.get_or_create(&by).get(), 75);
        assert_eq!(m.instances.get_or_create(&by).get(), 2);
        drop(one);
        assert_eq!(m.memory.get_or_create(&by).get(), 5);
        drop(two);
        assert_eq!(m.memory.get_or_create(&by).get(), 0);
        assert_eq!(m.instances.get_or_create(&by).get(), 0);
    }
}
