//! What the contract offers a guest. None of it can fail: what is wrong is ignored and counted.

use super::bindings::weir::plugin::{host, types};
use crate::guest_log::Level;
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

fn pairs(labels: host::Labels) -> Vec<(String, String)> {
    labels.into_iter().map(|l| (l.name, l.value)).collect()
}
