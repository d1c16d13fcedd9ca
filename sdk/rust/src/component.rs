//! From the generated bindings to the traits of this crate and back.

use crate::bindings::lifecycle::exports::weir::plugin::lifecycle as lifecycle_export;
use crate::bindings::logs::exports::weir::plugin::logs as logs_export;
use crate::bindings::samples::exports::weir::plugin::samples as samples_export;
use crate::bindings::series::exports::weir::plugin::series as series_export;
use crate::bindings::tick::exports::weir::plugin::tick as tick_export;
use crate::bindings::types::weir::plugin::types as wire;
use crate::columns::{Strings, Table};
use crate::labels::Sets;
use crate::{Error, Instance, Labels, Logs, LogsBatch, Moment, Samples, SamplesBatch, Series, SeriesBatch, Tick};
use crate::{config, edit, logs, samples};
use std::marker::PhantomData;

/// A plugin as the component's exports.
#[derive(Debug)]
pub struct Exported<P>(PhantomData<P>);

pub(crate) mod host {
    use crate::Level;
    use crate::bindings::lifecycle::weir::plugin::host;
    use crate::bindings::types::weir::plugin::types::Label;

    pub(crate) fn log(level: Level, message: &str) {
        let level = match level {
            Level::Error => host::Level::Error,
            Level::Warn => host::Level::Warn,
            Level::Info => host::Level::Info,
            Level::Debug => host::Level::Debug,
        };
        host::log(level, message);
    }

    pub(crate) fn counter(name: &str, labels: &[(&str, &str)], add: f64) {
        host::counter_add(name, &owned(labels), add);
    }

    pub(crate) fn gauge(name: &str, labels: &[(&str, &str)], value: f64) {
        host::gauge_set(name, &owned(labels), value);
    }

    fn owned(labels: &[(&str, &str)]) -> Vec<Label> {
        labels.iter().map(|(name, value)| Label { name: (*name).into(), value: (*value).into() }).collect()
    }
}

pub(crate) mod emit {
    use crate::bindings::emit::weir::plugin::emit;
    use crate::bindings::types::weir::plugin::types::LabelSets;
    use crate::emit::{LineColumns, Refusal, SampleColumns};

    pub(crate) fn samples(columns: SampleColumns) -> Result<(), Refusal> {
        let SampleColumns { rows, sets, values, times } = columns;
        let columns = emit::SampleColumns {
            rows,
            symbols: sets.symbols.into(),
            sets: LabelSets { pairs: sets.pairs, ends: sets.ends },
            set_of_row: Vec::new(),
            timestamps: times,
            start_timestamps: Vec::new(),
            values,
        };
        emit::samples(&columns).map_err(refusal)
    }

    pub(crate) fn lines(columns: LineColumns) -> Result<(), Refusal> {
        let LineColumns { rows, sets, times, metadata_pairs, metadata_ends, text } = columns;
        let columns = emit::LineColumns {
            rows,
            symbols: sets.symbols.into(),
            sets: LabelSets { pairs: sets.pairs, ends: sets.ends },
            set_of_row: Vec::new(),
            metadata: LabelSets { pairs: metadata_pairs, ends: metadata_ends },
            timestamps: times,
            lines: text.into(),
        };
        emit::lines(&columns).map_err(refusal)
    }

    fn refusal(refusal: emit::Refusal) -> Refusal {
        match refusal {
            emit::Refusal::Malformed(why) => Refusal::Malformed(why),
            emit::Refusal::OverBudget => Refusal::OverBudget,
            emit::Refusal::NotNow => Refusal::NotNow,
        }
    }
}

pub(crate) mod http {
    use crate::bindings::http::weir::plugin::http;
    use crate::http::{Refusal, Request, Response};

    pub(crate) fn send(request: Request) -> Result<Response, Refusal> {
        let request = http::Request {
            method: request.method,
            url: request.url,
            headers: request.headers.into_iter().map(|(name, value)| http::Header { name, value }).collect(),
            body: request.body,
            timeout: request.timeout.map(|t| u32::try_from(t.as_millis()).unwrap_or(u32::MAX)),
        };
        let answer = http::send(&request).map_err(|refusal| match refusal {
            http::Refusal::Malformed(why) => Refusal::Malformed(why),
            http::Refusal::NotGranted(host) => Refusal::NotGranted(host),
            http::Refusal::TooLarge(what) => Refusal::TooLarge(what),
            http::Refusal::OverBudget => Refusal::OverBudget,
            http::Refusal::Timeout(what) => Refusal::Timeout(what),
            http::Refusal::Failed(why) => Refusal::Failed(why),
            http::Refusal::NotNow => Refusal::NotNow,
        })?;
        let headers = answer.headers.into_iter().map(|h| (h.name, h.value)).collect();
        Ok(Response { status: answer.status, headers, body: answer.body })
    }
}

pub(crate) mod state {
    use crate::bindings::state::weir::plugin::state;
    use crate::state::Refusal;

    pub(crate) use state::{get, keys, remove};

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), Refusal> {
        state::set(key, value).map_err(|refusal| match refusal {
            state::Refusal::TooLarge => Refusal::TooLarge,
            state::Refusal::Full => Refusal::Full,
        })
    }
}

pub(crate) mod verdicts {
    use crate::bindings::verdicts;

    pub(crate) fn forget() {
        // a function so short is inlined where it is called, and what describes the import would not be linked
        verdicts::__link_custom_section_describing_imports();
        verdicts::weir::plugin::verdicts::forget();
    }
}

fn with<P: Instance, R>(act: impl FnOnce(&mut P) -> R) -> Result<R, String> {
    P::cell().with_borrow_mut(|plugin| plugin.as_mut().map(act)).ok_or_else(|| "not configured".into())
}

fn called<P: Instance>(act: impl FnOnce(&mut P) -> Result<(), Error>) -> Result<(), String> {
    with::<P, _>(act)?.map_err(|e| e.to_string())
}

impl<P: Instance> lifecycle_export::Guest for Exported<P> {
    fn configure(json: String) -> Result<(), String> {
        // the default hook asks WASI for a backtrace setting and for stderr, and the message is lost on the way
        std::panic::set_hook(Box::new(|panic| host::log(crate::Level::Error, &panic.to_string())));
        let plugin = config::build::<P>(&json).map_err(|e| e.to_string())?;
        P::cell().set(Some(plugin));
        Ok(())
    }
}

impl<P: Instance + Series> series_export::Guest for Exported<P> {
    fn wants() -> wire::LabelsWanted {
        with::<P, _>(|plugin| plugin.wants()).unwrap_or_default().into()
    }

    fn relabel(rows: u32, symbols: wire::Symbols, sets: wire::LabelSets) -> Result<series_export::Verdicts, String> {
        let batch = SeriesBatch::new(rows, borrow(&symbols, &sets, &[]));
        called::<P>(|plugin| plugin.relabel(&batch))?;
        let verdicts = batch.finish();
        Ok(series_export::Verdicts { dropped: verdicts.dropped, labels: verdicts.labels.map(Into::into) })
    }
}

impl<P: Instance + Samples> samples_export::Guest for Exported<P> {
    fn wants() -> samples_export::Wanted {
        let wanted = with::<P, _>(|plugin| plugin.wants()).unwrap_or_default();
        samples_export::Wanted {
            labels: wanted.labels.into(),
            timestamps: wanted.timestamps,
            start_timestamps: wanted.start_timestamps,
        }
    }

    fn process(b: samples_export::Batch) -> Result<samples_export::Edit, String> {
        let sets = borrow(&b.symbols, &b.sets, &b.set_of_row);
        let columns = samples::SampleColumns::new(b.rows, sets, &b.kinds, &b.values);
        let batch = SamplesBatch::new(columns.times(&b.timestamps, &b.start_timestamps));
        called::<P>(|plugin| plugin.process(&batch))?;
        Ok(batch.finish().map_or(samples_export::Edit::Unchanged, |patch| {
            samples_export::Edit::Patch(samples_export::Patch {
                dropped: patch.dropped,
                labels: patch.labels.map(Into::into),
                changed: patch.changed,
                values: patch.values,
            })
        }))
    }
}

impl<P: Instance + Logs> logs_export::Guest for Exported<P> {
    fn wants() -> logs_export::Wanted {
        let wanted = with::<P, _>(|plugin| plugin.wants()).unwrap_or_default();
        logs_export::Wanted {
            labels: wanted.labels.into(),
            metadata: wanted.metadata.into(),
            timestamps: wanted.timestamps,
            lines: wanted.lines,
        }
    }

    fn process(b: logs_export::Batch) -> Result<logs_export::Edit, String> {
        let sets = borrow(&b.symbols, &b.sets, &b.set_of_row);
        let metadata = borrow(&b.symbols, &b.metadata, &[]);
        let lines = Strings::new(&b.lines.text, &b.lines.ends);
        let batch = LogsBatch::new(logs::LogColumns::new(b.rows, sets, metadata, &b.timestamps, lines));
        called::<P>(|plugin| plugin.process(&batch))?;
        Ok(batch.finish().map_or(logs_export::Edit::Unchanged, |patch| {
            logs_export::Edit::Patch(logs_export::Patch {
                dropped: patch.dropped,
                labels: patch.labels.map(Into::into),
                metadata: patch.metadata.map(Into::into),
                times: patch.times.map(|(rows, timestamps)| logs_export::NewTimes { rows, timestamps }),
                changed: patch.changed,
                lines: patch.lines.into(),
            })
        }))
    }
}

impl<P: Instance + Tick> tick_export::Guest for Exported<P> {
    fn interval() -> u32 {
        let interval = with::<P, _>(|plugin| plugin.interval()).unwrap_or_default();
        u32::try_from(interval.as_millis()).unwrap_or(u32::MAX)
    }

    fn tick(now: i64, last: bool) -> Result<(), String> {
        called::<P>(|plugin| plugin.tick(Moment { now, last }))
    }
}

fn borrow<'a>(symbols: &'a wire::Symbols, sets: &'a wire::LabelSets, of_row: &'a [u8]) -> Sets<'a> {
    Sets::new(Strings::new(&symbols.text, &symbols.ends), &sets.pairs, &sets.ends, of_row)
}

impl From<Labels> for wire::LabelsWanted {
    fn from(labels: Labels) -> Self {
        match labels {
            Labels::Nothing => Self::Nothing,
            Labels::Everything => Self::Everything,
            Labels::Named(names) => Self::Named(names),
        }
    }
}

impl From<Table> for wire::Symbols {
    fn from(table: Table) -> Self {
        Self { text: table.text, ends: table.ends }
    }
}

impl From<edit::LabelEdit> for wire::LabelEdit {
    fn from(edit: edit::LabelEdit) -> Self {
        Self { added: edit.added.into(), assigned: edit.assigned, removed: edit.removed }
    }
}
