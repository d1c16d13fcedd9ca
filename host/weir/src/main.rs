//! The weir program: the only place that knows all the others.

mod args;
mod author;
mod books;
mod check;
mod circles;
mod collector;
mod demo;
mod failure;
mod queues;
mod reloads;
mod restart;
mod routes;
mod run;
mod serve;
mod translate;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::args::{Args, Command};
use crate::failure::Failure;
use crate::queues::QueueCommand;

fn main() -> ExitCode {
    let args = Args::parse();
    match dispatch(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            // standard error may be closed; the exit code says it too
            let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: Args) -> Result<(), Failure> {
    let command = match (args.command, args.config) {
        (Some(command), None) => command,
        (None, Some(config)) => Command::Run { config },
        (Some(_), Some(_)) => {
            return Err(Failure::new("error: --config belongs behind the command: weir run --config FILE"));
        }
        (None, None) => return Err(Failure::new("error: no command; see weir --help")),
    };
    match command {
        Command::Run { config } => to_its_end(run::run(&config)),
        Command::CompilePlugin { memory, cpu, functions } => {
            weir_plugin::compile_here(memory, cpu, functions.as_deref()).map_err(|why| Failure::new(why.to_string()))
        }
        Command::Check { config } => runtime()?.block_on(async { check::check(&config) }),
        Command::Queue(QueueCommand::Drain { config, timeout }) => runtime()?.block_on(queues::drain(&config, timeout)),
        Command::Queue(command) => queues::run(command),
        Command::Plugin(command) => author::run(command),
        Command::Demo { print_config: true, .. } => demo::print_config(),
        Command::Demo { run_for, .. } => to_its_end(demo::run(run_for)),
    }
}

/// How long threads are waited for once everything has been stopped within bounds and booked. What is left then is calls of plugins,
/// whose answers nobody takes any more, and which may last for minutes: they end with the process.
const LAST_THREADS: Duration = Duration::from_secs(1);

fn to_its_end(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_THREADS);
    outcome
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("weir").build()?)
}
