//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::author::PluginCommand;
use crate::queues::QueueCommand;

/// A telemetry collector whose processing is WebAssembly.
///
/// weir scrapes Prometheus targets and tails log files, sends what it reads through your plugins, and delivers it by
/// remote write and Loki push.
#[derive(Debug, Parser)]
#[command(name = "weir", version, max_term_width = 80, arg_required_else_help = true)]
pub(crate) struct Args {
    /// The configuration file; without a command, the same as `weir run --config FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the collector
    Run {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Validate the configuration, the plugins and the files they name; run nothing
    Check {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Make, build, test and measure plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Look at the sinks' disk queues, or send what is left in them
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Compile the component on standard input to standard output; weir starts this itself
    #[command(name = crate::translate::COMPILE_PLUGIN, hide = true)]
    CompilePlugin {
        /// Bytes of memory that it may have
        #[arg(long)]
        memory: u64,
        /// Seconds of processor time that it may have
        #[arg(long)]
        cpu: u64,
        /// Where functions that were compiled before are found and kept
        #[arg(long, value_name = "DIR")]
        functions: Option<PathBuf>,
    },
    /// Run with embedded defaults: scrape weir itself and a node exporter on :9100, tail this machine's logs, deliver to a
    /// receiver inside weir that shows what arrives
    Demo {
        /// End after this long, as in `10s`; without it, run until interrupted
        #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
        run_for: Option<Duration>,
        /// Print the embedded configuration and end
        #[arg(long)]
        print_config: bool,
    },
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no duration such as 10s or 2m"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        "h" => Ok(Duration::from_secs(number * 3600)),
        _ => Err(format!("{text:?} is no duration such as 10s or 2m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(duration("10").is_err() && duration("s").is_err() && duration("1d").is_err());
    }
}
