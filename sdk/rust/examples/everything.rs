//! A plugin with all interfaces: what each can change, on rows that ask for it.

use weir_sdk::{
    Error, Labels, Logs, LogsBatch, LogsWanted, NoConfig, Plugin, Samples, SamplesBatch, SamplesWanted, Series,
    SeriesBatch, counter, export, gauge, log,
};

struct Everything {
    calls: f64,
}

impl Plugin for Everything {
    type Config = NoConfig;
    fn new(_: NoConfig) -> Result<Self, Error> {
        log::info!("everything is ready");
        Ok(Self { calls: 0.0 })
    }
}

impl Series for Everything {
    fn wants(&self) -> Labels {
        Labels::named(["drop"])
    }
    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        batch.having("drop", |value| value == "series").for_each(|row| row.drop());
        Ok(())
    }
}

impl Samples for Everything {
    fn wants(&self) -> SamplesWanted {
        SamplesWanted { labels: Labels::named(["unit"]), ..SamplesWanted::default() }
    }
    fn process(&mut self, batch: &SamplesBatch<'_>) -> Result<(), Error> {
        let (unit, seconds) = (batch.symbol("unit"), batch.symbol("s"));
        for row in batch.rows().filter(|row| row.label(unit) == Some("ms")) {
            if let Some(value) = row.value() {
                row.set_value(value / 1000.0);
                row.set(unit, seconds);
            }
        }
        Ok(())
    }
}

impl Logs for Everything {
    fn wants(&self) -> LogsWanted {
        LogsWanted { timestamps: true, lines: true, ..LogsWanted::default() }
    }
    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        self.calls += 1.0;
        gauge("calls", &[], self.calls);
        for row in batch.rows() {
            match row.line() {
                "drop" => row.drop(),
                "shout" => row.set_line("SHOUT"),
                "later" => row.set_timestamp(row.timestamp() + 1),
                "mark" => row.set_metadata("marked", "yes"),
                "fail" => return Err("a line asked for it".into()),
                _ => counter("untouched", &[], 1.0),
            }
        }
        Ok(())
    }
}

export!(Everything: Series, Samples, Logs);
