//! Takes log lines apart: what is found in them becomes labels, structured metadata, the time, and the line itself.

mod config;
mod cri;
mod found;
mod json;
mod logfmt;
mod partial;
mod pattern;
mod tally;
#[cfg(test)]
mod tests;
mod time;

use config::{Malformed, Plan, StreamAs, Target};
use cri::CriLine;
use found::Found;
use partial::{Partials, Piece};
use tally::Tally;
use weir_sdk::{Error, Labels, LogRow, Logs, LogsBatch, LogsWanted, Plugin, Symbol};

/// The longest value that becomes a label: Loki refuses the stream of a longer one.
const MAX_LABEL: usize = 2048;

/// How far behind the time that a line says it may have been read, in nanoseconds: Loki takes no line that is further ahead of now, and
/// what stands behind this plugin would take a year 2100 for the time that it is.
const AHEAD: i64 = 10 * 60 * 1_000_000_000;

/// The longest name of structured metadata, which a key of a line becomes: weir refuses an answer with a longer one, and Loki its line.
const MAX_NAME: usize = 1024;

/// Bytes of structured metadata of one line: Loki refuses a line with more.
const MAX_METADATA: usize = 64 << 10;

pub use config::Config;

/// A form of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Cri,
    Json,
    Logfmt,
    Regex,
}

impl Form {
    const ALL: [Self; 4] = [Self::Cri, Self::Json, Self::Logfmt, Self::Regex];

    fn name(self) -> &'static str {
        match self {
            Self::Cri => "cri",
            Self::Json => "json",
            Self::Logfmt => "logfmt",
            Self::Regex => "regex",
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Parse {
    plan: Plan,
    partials: Partials,
    pattern: Option<pattern::Pattern>,
    found: Found,
    path: String,
}

impl Plugin for Parse {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        let mut plan = Plan::new(config)?;
        let pattern = plan.expression.take().map(|expression| pattern::Pattern::new(expression, &plan.wanted));
        let partials = Partials::new(plan.limits);
        Ok(Self { plan, partials, pattern, found: Found::default(), path: String::new() })
    }
}

impl Logs for Parse {
    fn wants(&self) -> LogsWanted {
        // what makes a stream tells the pieces of its lines from those of others
        let labels = if self.plan.cri.is_some() { Labels::Everything } else { Labels::Nothing };
        LogsWanted { labels, metadata: Labels::Nothing, timestamps: self.plan.reads_times(), lines: true }
    }

    fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
        let symbols = Symbols::new(batch, &self.plan);
        let mut tally = Tally::default();
        for row in batch.rows() {
            if let Some(stream) = self.plan.cri {
                self.unwrap(&row, stream, &symbols, &mut tally);
            } else {
                self.take_apart(&row, row.line(), None, &symbols, &mut tally);
            }
        }
        tally.lost = std::mem::take(&mut self.partials.lost);
        tally.report();
        if self.partials.save() {
            tally::show_open(self.partials.len());
        }
        Ok(())
    }
}

impl Parse {
    /// A line of a container runtime.
    fn unwrap(&mut self, row: &LogRow<'_, '_>, stream: StreamAs, symbols: &Symbols<'_>, tally: &mut Tally) {
        let Some(CriLine { time, stream: name, partial, text }) = cri::split(row.line()) else {
            return self.is_malformed(row, Form::Cri, symbols, tally);
        };
        let held = if partial {
            match self.partials.add(row, name, text) {
                Piece::Held => return row.drop(),
                Piece::GoesOn(held) => {
                    tally.cut += 1;
                    Some(held)
                }
            }
        } else {
            let held = self.partials.take(row, name);
            tally.joined += u32::from(held.is_some());
            held
        };
        match stream {
            StreamAs::Label => row.set(symbols.stream, name),
            StreamAs::StructuredMetadata => row.set_metadata(symbols.stream, name),
            StreamAs::Nothing => {}
        }
        let time = time::rfc3339_time(time.as_bytes()).filter(|time| is_sane(*time, row));
        tally.times += u32::from(time.is_none());
        match held {
            None => self.take_apart(row, text, time, symbols, tally),
            Some(mut whole) => {
                whole.push_str(text);
                self.take_apart(row, &whole, time, symbols, tally);
            }
        }
    }

    /// What a line says. `time` is what is known of its time already.
    fn take_apart(
        &mut self,
        row: &LogRow<'_, '_>,
        text: &str,
        mut time: Option<i64>,
        symbols: &Symbols<'_>,
        tally: &mut Tally,
    ) {
        let read = self.read(text);
        let mut line = (self.plan.cri.is_some()).then_some(text);
        if read {
            tally.beyond += self.found.beyond;
            let mut room = MAX_METADATA;
            for (what, value) in self.found.iter(text).filter(|(_, value)| !value.is_empty()) {
                let fits = match what {
                    Ok(number) => symbols.apply(row, number, value, &mut room),
                    Err(name) => {
                        let fits = name.len() <= MAX_NAME && take(&mut room, name.len() + value.len());
                        if fits {
                            row.set_metadata(name, value);
                        }
                        fits
                    }
                };
                tally.beyond += usize::from(!fits);
            }
            if let Some((number, format)) = &self.plan.time
                && let Some(value) = self.found.value(text, *number)
            {
                match format.read(value, row.timestamp()).filter(|time| is_sane(*time, row)) {
                    Some(own) => time = Some(own),
                    None => tally.times += 1,
                }
            }
            if let Some(output) = self.plan.output.and_then(|number| self.found.value(text, number)) {
                line = Some(output);
            }
        } else if let Some(form) = self.plan.formats.first() {
            self.is_malformed(row, *form, symbols, tally);
        }
        if let Some(line) = line {
            row.set_line(line);
        }
        if let Some(time) = time {
            row.set_timestamp(time);
        }
    }

    /// Reads a text as the first of the formats that it is in; says whether it is in one.
    fn read(&mut self, text: &str) -> bool {
        let Self { plan, found, path, pattern, .. } = self;
        plan.formats.is_empty()
            || plan.formats.iter().any(|form| {
                found.clear();
                match form {
                    Form::Json => json::read(text, &plan.wanted, path, found),
                    Form::Logfmt => logfmt::read(text, &plan.wanted, found),
                    Form::Regex => pattern.as_mut().is_some_and(|pattern| pattern.read(text, found)),
                    Form::Cri => false,
                }
            })
    }

    fn is_malformed(&self, row: &LogRow<'_, '_>, form: Form, symbols: &Symbols<'_>, tally: &mut Tally) {
        if let Some(count) = tally.malformed.get_mut(form as usize) {
            *count += 1;
        }
        match self.plan.malformed {
            Malformed::Mark => row.set_metadata(symbols.error, form.name()),
            Malformed::Keep => {}
            Malformed::Drop => row.drop(),
        }
    }
}

/// Names that are set on many rows, looked up once a batch.
struct Symbols<'b> {
    stream: Symbol<'b>,
    error: Symbol<'b>,
    /// For each wanted key what it becomes: whether that is a label, and its name.
    targets: Vec<Vec<(bool, Symbol<'b>)>>,
}

impl<'b> Symbols<'b> {
    fn new(batch: &'b LogsBatch<'_>, plan: &Plan) -> Self {
        let of = |target: &Target| match target {
            Target::Label(name) => (true, batch.symbol(name)),
            Target::Metadata(name) => (false, batch.symbol(name)),
        };
        let targets = plan.targets.iter().map(|all| all.iter().map(of).collect()).collect();
        Self { stream: batch.symbol("stream"), error: batch.symbol("parse_error"), targets }
    }

    /// Sets a value where it is wanted; says whether it fitted everywhere.
    fn apply(&self, row: &LogRow<'_, '_>, number: usize, value: &str, room: &mut usize) -> bool {
        let mut all = true;
        for (is_label, name) in self.targets.get(number).into_iter().flatten() {
            let fits = if *is_label { value.len() <= MAX_LABEL } else { take(room, value.len()) };
            all &= fits;
            match is_label {
                _ if !fits => {}
                true => row.set(*name, value),
                false => row.set_metadata(*name, value),
            }
        }
        all
    }
}

/// Whether a line may have this time, which was read at another; where that is not known, it may have any.
fn is_sane(time: i64, row: &LogRow<'_, '_>) -> bool {
    row.timestamp() <= 0 || time <= row.timestamp().saturating_add(AHEAD)
}

/// Takes so many bytes of the room that there is, if there is as much.
fn take(room: &mut usize, bytes: usize) -> bool {
    let left = room.checked_sub(bytes);
    *room = left.unwrap_or(*room);
    left.is_some()
}

weir_sdk::export!(Parse: Logs);
