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
        Command::Run { config } => runtime()?.block_on(run::run(&config)),
        Command::CompilePlugin { memory, cpu } => {
            weir_plugin::compile_here(memory, cpu).map_err(|why| Failure::new(why.to_string()))
        }
        Command::Check { config } => runtime()?.block_on(async { check::check(&config) }),
        Command::Queue(QueueCommand::Drain { config, timeout }) => runtime()?.block_on(queues::drain(&config, timeout)),
        Command::Queue(command) => queues::run(command),
        Command::Plugin(command) => author::run(command),
        Command::Demo { print_config: true, .. } => demo::print_config(),
        Command::Demo { run_for, .. } => runtime()?.block_on(demo::run(run_for)),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("weir").build()?)
}
