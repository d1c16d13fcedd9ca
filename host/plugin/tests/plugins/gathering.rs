//! What guests emit, keep, and do over time.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use weir_pipeline::guest::{CallError, Emission, Emitter, Guest, LabelSets, LogsBatch, Symbols};
use weir_plugin::{EmitTo, PluginSource, Plugins};
use weir_telemetry::Metrics;

use super::{One, config, embedded, support};

/// Everything that was emitted, as (first series' value of each emission, lines, over budget).
#[derive(Default)]
struct Heard(Mutex<Vec<Emission>>, Condvar);

impl Emitter for Heard {
    fn emit(&self, plugin: &str, emission: Emission) {
        assert_eq!(plugin, "p");
        self.0.lock().unwrap().push(emission);
        self.1.notify_all();
    }
}

impl Heard {
    fn take(&self) -> Vec<Emission> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Waits for an emission that is so.
    fn wait(&self, is_it: impl Fn(&Emission) -> bool) {
        let all = self.0.lock().unwrap();
        let (all, late) =
            self.1.wait_timeout_while(all, Duration::from_mins(1), |all| !all.iter().any(&is_it)).unwrap();
        drop(all);
        assert!(!late.timed_out(), "it did not come");
    }
}

struct Rig {
    one: One,
    heard: Arc<Heard>,
}

fn rig() -> Rig {
    let (metrics, heard) = (Metrics::new(), Arc::new(Heard::default()));
    let mut settings = embedded(support::wasm("gathers"), config("{}"));
    settings.emit_to = EmitTo(Some(heard.clone()));
    let plugins = Plugins::open(settings, &metrics).unwrap();
    Rig { one: One { plugins, metrics }, heard }
}

impl Rig {
    fn in_pipeline(&self, pipeline: &str) -> Arc<dyn Guest> {
        self.one.guest().in_pipeline(pipeline).expect("one instance for each pipeline")
    }
}

/// Calls a guest with these lines, and, as a pipeline does, has what it emitted count.
fn call(guest: &Arc<dyn Guest>, lines: &[&str]) -> Result<(), CallError> {
    let mut table = Symbols::default();
    for line in lines {
        table.push(line);
    }
    let batch = LogsBatch {
        rows: lines.len() as u32,
        symbols: &Symbols::default(),
        sets: &LabelSets::default(),
        set_of_row: &[],
        metadata: &LabelSets::default(),
        timestamps: &[],
        lines: &table.text,
        line_ends: &table.ends,
    };
    let edit = guest.logs(&batch)?;
    guest.emit(edit.emitted);
    Ok(())
}

fn values(emissions: &[Emission]) -> Vec<f64> {
    emissions.iter().flat_map(|e| &e.samples).map(|s| s.values[0]).collect()
}

#[test]
fn what_a_failed_call_emitted_and_kept_never_was() {
    let rig = rig();
    let guest = rig.in_pipeline("logs");
    call(&guest, &["emit", "emit", "line"]).unwrap();
    let heard = rig.heard.take();
    let from_calls: Vec<Emission> = heard.into_iter().filter(|e| !e.lines.is_empty()).collect();
    assert_eq!(values(&from_calls), [1.0, 2.0]);
    assert_eq!(from_calls[0].lines[0].text, "hello");

    assert!(matches!(call(&guest, &["emit", "trap"]), Err(CallError::Trap(_))));
    // a new instance, which has taken up what the last successful call kept
    call(&guest, &["line", "emit"]).unwrap();
    let from_calls: Vec<Emission> = rig.heard.take().into_iter().filter(|e| !e.lines.is_empty()).collect();
    assert_eq!(values(&from_calls), [3.0]);

    let refusal = call(&guest, &["refuse"]).unwrap_err();
    assert_eq!(refusal, CallError::Refused("as the line says".to_owned()));
    let refusal = call(&guest, &["bad"]).unwrap_err().to_string();
    assert!(refusal.contains("it said: sets: \"\" is no metric name (__name__) (set 0)"), "{refusal}");
    call(&guest, &["flood", "line"]).unwrap();
    let flood = rig.heard.take().into_iter().find(|e| !e.lines.is_empty()).unwrap();
    assert_eq!((flood.samples.len(), flood.samples_over_budget), (0, 101_000));
    for (result, times) in [("malformed", 1.0), ("over_budget", 1.0)] {
        let metric = format!("weir_plugin_emissions_total{{plugin=\"p\",result=\"{result}\"}}");
        assert_eq!(rig.one.metric(&metric), Some(times), "{result}");
    }
}

#[test]
fn each_pipeline_has_one_instance_and_a_store() {
    let rig = rig();
    let (a, b) = (rig.in_pipeline("a"), rig.in_pipeline("b"));
    assert!(Arc::ptr_eq(&a, &rig.in_pipeline("a")));
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                for _ in 0..25 {
                    call(&a, &["emit", "line"]).unwrap();
                }
            });
        }
    });
    call(&b, &["emit", "line"]).unwrap();
    let mut seen = values(&rig.heard.take().into_iter().filter(|e| !e.lines.is_empty()).collect::<Vec<_>>());
    assert_eq!(seen.pop(), Some(1.0), "the other pipeline counts for itself");
    seen.sort_by(f64::total_cmp);
    assert_eq!(seen, (1..=100).map(f64::from).collect::<Vec<_>>(), "all calls came to one instance");
    assert_eq!(rig.one.metric("weir_plugin_instances{plugin=\"p\"}"), Some(2.0));
}

#[test]
fn a_plugin_is_called_over_time_and_once_more_at_its_end() {
    let rig = rig();
    let guest = rig.in_pipeline("logs");
    call(&guest, &["emit"]).unwrap();
    rig.heard.wait(|e| e.samples.iter().any(|s| s.values == [1.0, 0.0]));
    call(&guest, &["emit"]).unwrap();
    // whoever replaces it waits for its last tick
    drop(guest);
    rig.heard.wait(|e| e.samples.iter().any(|s| s.values == [2.0, 1.0]));
    let again = rig.in_pipeline("logs");
    call(&again, &["emit"]).unwrap();
    rig.heard.wait(|e| e.samples.iter().any(|s| s.values == [3.0]));
    assert!(rig.one.plugins.end_ticks());
    rig.heard.wait(|e| e.samples.iter().any(|s| s.values == [3.0, 1.0]));
    assert!(!rig.one.plugins.end_ticks(), "nothing was gathered since");
}

#[test]
fn a_tick_that_lasts_holds_up_no_other_plugins() {
    let (metrics, heard) = (Metrics::new(), Arc::new(HeardOf::default()));
    let mut settings = embedded(support::wasm("gathers"), config("{}"));
    let well = PluginSource { name: "well".to_owned(), ..settings.embedded[0].clone() };
    settings.embedded.push(well);
    settings.emit_to = EmitTo(Some(heard.clone()));
    let plugins = Plugins::open(settings, &metrics).unwrap();
    let guests = plugins.current().guests.clone();
    let [stalls, well] = ["p", "well"].map(|name| {
        guests.iter().find(|g| g.name() == name).unwrap().in_pipeline("logs").expect("one instance for each pipeline")
    });
    call(&stalls, &["stall"]).unwrap();
    let ticks = |plugin: &str, result: &str| {
        let line = format!("weir_plugin_calls_total{{plugin=\"{plugin}\",interface=\"tick\",result=\"{result}\"}}");
        super::metric(&metrics, &line).unwrap_or(0.0)
    };
    // one may have come before the call
    let before = ticks("p", "ok");
    call(&well, &["emit"]).unwrap();
    // by then at least one of the other's is due, and lasts for twenty seconds
    heard.wait(4);
    assert_eq!((ticks("p", "ok"), ticks("p", "timeout")), (before, 0.0), "the one that lasts is under way");
    assert!(ticks("well", "ok") >= 4.0);
}

/// Counts the emissions of the plugin `well`.
#[derive(Default)]
struct HeardOf(Mutex<usize>, Condvar);

impl Emitter for HeardOf {
    fn emit(&self, plugin: &str, _: Emission) {
        *self.0.lock().unwrap() += usize::from(plugin == "well");
        self.1.notify_all();
    }
}

impl HeardOf {
    fn wait(&self, ticks: usize) {
        let heard = self.0.lock().unwrap();
        // one came out of the call that the test made
        let (heard, late) = self.1.wait_timeout_while(heard, Duration::from_mins(1), |n| *n < ticks + 1).unwrap();
        drop(heard);
        assert!(!late.timed_out(), "ticks did not come");
    }
}

#[test]
fn verdicts_are_taken_back_by_a_tick_and_by_nothing_else() {
    let rig = rig();
    let guest = rig.in_pipeline("logs");
    call(&guest, &["emit"]).unwrap();
    rig.heard.wait(|e| e.samples.iter().any(|s| s.values == [1.0, 0.0]));
    assert_eq!(guest.forgotten(), 0);
    call(&guest, &["forget", "emit"]).unwrap();
    rig.heard.wait(|e| e.samples.iter().any(|s| s.values == [2.0, 0.0]));
    assert_eq!(guest.forgotten(), 1);
    rig.heard.take();
    rig.heard.wait(|e| e.samples.iter().any(|s| s.values == [2.0, 0.0]));
    assert_eq!(guest.forgotten(), 1, "a tick that says nothing takes nothing back");
    assert_eq!(rig.one.metric("weir_plugin_verdicts_forgotten_total{plugin=\"p\"}"), Some(1.0));
}
