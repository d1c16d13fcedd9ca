//! What the contract offers a guest. None of it can fail: what is wrong is ignored and counted.

use super::bindings::weir::plugin::{emit, host, state, types, verdicts};
use super::emitted;
use crate::emission::EmitRefusal;
use crate::guest_log::Level;
use crate::kept::NotKept;
use crate::state::State;

impl types::Host for State {}

impl host::Host for State {
    fn log(&mut self, level: host::Level, message: String) {
        let level = match level {
            host::Level::Error => Level::Error,
            host::Level::Warn => Level::Warn,
            host::Level::Info => Level::Info,
            host::Level::Debug => Level::Debug,
        };
        self.log(level, &message);
    }

    fn counter_add(&mut self, name: String, labels: host::Labels, value: f64) {
        self.services.custom.add(&self.services.plugin, &name, pairs(labels), value);
    }

    fn gauge_set(&mut self, name: String, labels: host::Labels, value: f64) {
        self.services.custom.set(&self.services.plugin, &name, pairs(labels), value);
    }
}

impl emit::Host for State {
    fn samples(&mut self, batch: emit::SampleColumns) -> Result<(), emit::Refusal> {
        let bytes = emitted::size_of_samples(&batch);
        let outcome = self.emitting.samples(&self.services.emit_limits, bytes, || emitted::samples(batch));
        outcome.map_err(|refusal| self.refusal(refusal, "samples"))
    }

    fn lines(&mut self, batch: emit::LineColumns) -> Result<(), emit::Refusal> {
        let bytes = emitted::size_of_lines(&batch);
        let outcome = self.emitting.lines(&self.services.emit_limits, bytes, || emitted::lines(batch));
        outcome.map_err(|refusal| self.refusal(refusal, "lines"))
    }
}

impl State {
    /// Tells the operator, whatever the plugin makes of it.
    fn refusal(&mut self, refusal: EmitRefusal, what: &str) -> emit::Refusal {
        match refusal {
            EmitRefusal::Malformed(why) => {
                self.services.log.write(Level::Warn, &format!("refused {what} that it emits: {why}"));
                emit::Refusal::Malformed(why)
            }
            EmitRefusal::OverBudget => {
                self.services
                    .log
                    .write(Level::Warn, &format!("refused {what} that it emits: more than it may emit now"));
                emit::Refusal::OverBudget
            }
            EmitRefusal::NotNow => emit::Refusal::NotNow,
        }
    }
}

impl state::Host for State {
    fn get(&mut self, key: String) -> Option<Vec<u8>> {
        self.kept.get(&key)
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), state::Refusal> {
        self.kept.set(key, value).map_err(|e| {
            self.services.count_not_kept(e.reason(), 1);
            match e {
                NotKept::TooLarge => state::Refusal::TooLarge,
                NotKept::Full => state::Refusal::Full,
            }
        })
    }

    fn remove(&mut self, key: String) {
        self.kept.remove(key);
    }

    fn keys(&mut self, prefix: String) -> Vec<String> {
        self.kept.keys(&prefix)
    }
}

impl verdicts::Host for State {
    fn forget(&mut self) {
        // of a call that is no tick nobody asks
        self.forgets = true;
    }
}

fn pairs(labels: host::Labels) -> Vec<(String, String)> {
    labels.into_iter().map(|l| (l.name, l.value)).collect()
}
