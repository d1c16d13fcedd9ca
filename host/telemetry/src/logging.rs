//! Structured logs on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `time level target: message key=value …`
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A filter that could not be parsed, or logging that was set up twice.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// Fatal: the level is neither one of `error`, `warn`, `info`, `debug`, `trace` nor a list of `target=level`.
    #[error("log level {given:?}: {source}")]
    Level {
        /// What was given.
        given: String,
        /// Why it is none.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Without effect: logging has ended.
    #[error("logging has ended")]
    Gone,
    /// Fatal: a subscriber is there already.
    #[error("logging is already set up")]
    Twice,
}

/// What is logged; it can be changed while weir runs.
pub struct Level(Box<dyn Fn(EnvFilter) -> bool + Send + Sync>);

impl Level {
    /// Logs at this level from now on.
    pub fn set(&self, level: &str) -> Result<(), LoggingError> {
        let filter = filter(level)?;
        if (self.0)(filter) { Ok(()) } else { Err(LoggingError::Gone) }
    }
}

impl std::fmt::Debug for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Level")
    }
}

/// Sets up logging to standard error for the whole process: `level` as in `info` or `info,weir_scrape=debug`.
pub fn init(level: &str, format: Format) -> Result<Level, LoggingError> {
    init_with(level, format, std::io::stderr)
}

/// As [`init`], to a file.
pub fn init_to_file(level: &str, format: Format, file: std::fs::File) -> Result<Level, LoggingError> {
    init_with(level, format, std::sync::Arc::new(file))
}

fn filter(level: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::try_new(level).map_err(|source| LoggingError::Level { given: level.to_owned(), source })
}

fn init_with<W>(level: &str, format: Format, writer: W) -> Result<Level, LoggingError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(writer).with_ansi(ansi);
    let (done, level) = match format {
        Format::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            (builder.finish().try_init(), Level(Box::new(move |filter| handle.reload(filter).is_ok())))
        }
        Format::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            (builder.finish().try_init(), Level(Box::new(move |filter| handle.reload(filter).is_ok())))
        }
    };
    done.map_err(|_| LoggingError::Twice)?;
    Ok(level)
}
