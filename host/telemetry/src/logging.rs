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
    /// Fatal: a subscriber is there already.
    #[error("logging is already set up")]
    Twice,
}

/// Sets up logging to standard error for the whole process: `level` as in `info` or `info,weir_scrape=debug`.
pub fn init(level: &str, format: Format) -> Result<(), LoggingError> {
    init_with(level, format, std::io::stderr)
}

/// As [`init`], to a file.
pub fn init_to_file(level: &str, format: Format, file: std::fs::File) -> Result<(), LoggingError> {
    init_with(level, format, std::sync::Arc::new(file))
}

fn init_with<W>(level: &str, format: Format, writer: W) -> Result<(), LoggingError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(level).map_err(|source| LoggingError::Level { given: level.to_owned(), source })?;
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(ansi);
    let done = match format {
        Format::Text => builder.finish().try_init(),
        Format::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    done.map_err(|_| LoggingError::Twice)
}
