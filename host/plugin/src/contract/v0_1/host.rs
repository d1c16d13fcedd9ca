//! What the contract offers a guest. What is wrong is ignored and counted, or refused; only who hands over more than its limit is stopped.

use super::bindings::weir::plugin::{emit, host, state, types, verdicts};
use super::{emitted, size};
use crate::emission::EmitRefusal;
use crate::guest_log::Level;
use crate::kept::NotKept;
use crate::state::State;

impl types::Host for State {}

impl host::Host for State {
    fn log(&mut self, level: host::Level, message: String) -> wasmtime::Result<()> {
        self.handed(message.len())?;
        let level = match level {
            host::Level::Error => Level::Error,
            host::Level::Warn => Level::Warn,
            host::Level::Info => Level::Info,
            host::Level::Debug => Level::Debug,
        };
        self.log(level, &message);
        Ok(())
    }

    fn counter_add(&mut self, name: String, labels: host::Labels, value: f64) -> wasmtime::Result<()> {
        self.handed(name.len() + size::labels(&labels))?;
        self.services.custom.add(&self.services.plugin, &name, pairs(labels), value);
        Ok(())
    }

    fn gauge_set(&mut self, name: String, labels: host::Labels, value: f64) -> wasmtime::Result<()> {
        self.handed(name.len() + size::labels(&labels))?;
        self.services.custom.set(&self.services.plugin, &name, pairs(labels), value);
        Ok(())
    }
}

impl emit::Host for State {
    fn samples(&mut self, batch: emit::SampleColumns) -> wasmtime::Result<Result<(), emit::Refusal>> {
        self.handed(size::emitted_samples(&batch))?;
        let (limits, rows) = (&self.services.emit_limits, batch.rows);
        let outcome = self.emitting.samples(limits, rows, |most| emitted::samples(batch, most));
        Ok(outcome.map_err(|refusal| self.refusal(refusal, "samples")))
    }

    fn lines(&mut self, batch: emit::LineColumns) -> wasmtime::Result<Result<(), emit::Refusal>> {
        self.handed(size::emitted_lines(&batch))?;
        let (limits, rows) = (&self.services.emit_limits, batch.rows);
        let outcome = self.emitting.lines(limits, rows, |most| emitted::lines(batch, most));
        Ok(outcome.map_err(|refusal| self.refusal(refusal, "lines")))
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
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.handed(key.len())?;
        Ok(self.kept.get(&key))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), state::Refusal>> {
        self.handed(key.len() + value.len())?;
        Ok(self.kept.set(key, value).map_err(|e| {
            self.services.count_not_kept(e.reason(), 1);
            match e {
                NotKept::TooLarge => state::Refusal::TooLarge,
                NotKept::Full => state::Refusal::Full,
            }
        }))
    }

    fn remove(&mut self, key: String) -> wasmtime::Result<()> {
        self.handed(key.len())?;
        self.kept.remove(key);
        Ok(())
    }

    fn keys(&mut self, prefix: String) -> wasmtime::Result<Vec<String>> {
        self.handed(prefix.len())?;
        Ok(self.kept.keys(&prefix))
    }
}

impl verdicts::Host for State {
    fn forget(&mut self) -> wasmtime::Result<()> {
        // of a call that is no tick nobody asks
        self.forgets = true;
        Ok(())
    }
}

fn pairs(labels: host::Labels) -> Vec<(String, String)> {
    labels.into_iter().map(|l| (l.name, l.value)).collect()
}
