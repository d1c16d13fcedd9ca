//! Compiling: a stranger's code decides how long it takes and how much memory, so it happens in a process of its own, which is
//! killed past its budget.
//!
//! The component goes there, and the result comes back, by files without a name (`memfd_create`) that nobody else has. The process
//! has no environment, is of the lowest priority, and bounds itself before it reads anything: processor time, memory, the
//! size of what it writes. The parent bounds the time by the clock, with patience. One compiles at a time: it uses several processors
//! itself. For a large component it also gets the name of a directory, where it finds functions that were compiled before and keeps
//! new ones (`functions`).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Resource, Rlimit, Signal};

use crate::engine::Runtime;
use crate::error::LoadReason;
use crate::functions::{self, Bounds, Counts, Functions};
use crate::settings::{Compiler, PluginSettings};

/// How many times its limit a compilation may take by the clock: it is of the lowest priority, and on a busy machine a healthy plugin
/// was given up because others had the processors. What computes all the time meets the limit of processor time before.
const PATIENCE: u32 = 4;

/// How often the end of a compilation is looked for: nothing next to the tens of milliseconds that the quickest takes.
const LOOK: Duration = Duration::from_millis(2);

/// Threads that compile at once: on two processors what is scraped and sent must find one free.
const THREADS: &str = "2";

/// Which part of a compilation's memory its result may have, one in so many: weir holds the result twice while it takes it over, and
/// code is a fraction of what a compiler holds to make it.
const OUTPUT_SHARE: u64 = 4;

/// How much of what a failed compiler said is read.
const MAX_SAID: u64 = 4 << 10;

/// Compiles, one at a time.
#[derive(Debug)]
pub(crate) struct Compilation {
    compiler: Compiler,
    places: bool,
    stop: Arc<AtomicBool>,
    turn: Mutex<()>,
}

impl Compilation {
    /// `stop` ends the wait for a compilation. `places` is that of the engines which will run what is compiled; a process does without.
    pub(crate) fn new(compiler: Compiler, places: bool, stop: Arc<AtomicBool>) -> Self {
        Self { compiler, places, stop, turn: Mutex::default() }
    }

    /// What a component compiles to, within the plugin's limits. `dir` is where functions that were compiled before are found and kept.
    pub(crate) fn run(
        &self,
        bytes: Vec<u8>,
        dir: Option<&Path>,
        settings: &PluginSettings,
    ) -> Result<Vec<u8>, LoadReason> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = dir.filter(|_| bytes.len() >= functions::WORTHWHILE);
        match &self.compiler {
            Compiler::InProcess => self.in_process(bytes, dir, settings.compile_timeout),
            Compiler::Process { command } => self.by_process(command, &bytes, dir, settings),
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// On a thread of its own. One that takes too long cannot be stopped, only left behind: it runs nothing and ends some day.
    fn in_process(&self, bytes: Vec<u8>, dir: Option<&Path>, timeout: Duration) -> Result<Vec<u8>, LoadReason> {
        let (done, result) = mpsc::sync_channel(1);
        let (dir, places) = (dir.map(Path::to_owned), self.places);
        std::thread::Builder::new()
            .name("weir-compile".to_owned())
            .spawn(move || {
                let compiled = compile(&bytes, places, dir.as_deref(), Bounds::default());
                let _ = done.send(compiled.map(|(compiled, functions)| {
                    functions.keep();
                    compiled
                }));
            })
            .map_err(|e| LoadReason::Compile(e.to_string()))?;
        let until = Instant::now() + timeout;
        loop {
            // Short waits, for weir may be stopped meanwhile.
            let left = until.saturating_duration_since(Instant::now());
            match result.recv_timeout(left.min(Duration::from_millis(50))) {
                Ok(compiled) => return compiled.map_err(LoadReason::Compile),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(LoadReason::Compile("the compiler failed".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() >= until || self.stopped() => {
                    return Err(LoadReason::CompileTime(timeout));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn by_process(
        &self,
        command: &[OsString],
        bytes: &[u8],
        dir: Option<&Path>,
        settings: &PluginSettings,
    ) -> Result<Vec<u8>, LoadReason> {
        let system = |e: io::Error| LoadReason::Compile(format!("the compiling process cannot be started: {e}"));
        let (program, first) = command.split_first().ok_or_else(|| system(io::ErrorKind::NotFound.into()))?;
        let mut input = unnamed("component").map_err(system)?;
        input.write_all(bytes).and_then(|()| input.rewind()).map_err(system)?;
        let mut output = unnamed("compiled").map_err(system)?;
        let mut said = unnamed("said").map_err(system)?;
        // The limit, for each of its threads.
        let cpu = settings.compile_timeout.as_secs().saturating_mul(2).max(1);
        // What compiles without that must compile with it: keeping functions takes 7 % more.
        let cpu = if dir.is_some() { cpu.saturating_add(cpu.div_ceil(10)) } else { cpu };
        let child = Command::new(program)
            .arg0("weir")
            .args(first)
            .args(["--memory", &settings.compile_memory.to_string(), "--cpu", &cpu.to_string()])
            .args(dir.into_iter().flat_map(|dir| [OsStr::new("--functions"), dir.as_os_str()]))
            .env_clear()
            .env("RAYON_NUM_THREADS", THREADS)
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output.try_clone().map_err(system)?))
            .stderr(Stdio::from(said.try_clone().map_err(system)?))
            .spawn()
            .map_err(system)?;
        let process = child.id();
        let ended = self.wait(child, settings.compile_timeout).and_then(|status| {
            let said = text(&mut said);
            if status.success() { Ok(said) } else { Err(failure(status, &said, settings)) }
        });
        match (&ended, dir) {
            (Ok(said), Some(_)) => tracing::debug!(functions = said, "a plugin is compiled"),
            (Err(_), Some(dir)) => functions::forget(dir, process),
            (_, None) => {}
        }
        ended?;
        let mut compiled = Vec::new();
        let read = output.seek(SeekFrom::Start(0)).and_then(|_| output.read_to_end(&mut compiled));
        read.map_err(|e| LoadReason::Compile(format!("what the compiling process wrote cannot be read: {e}")))?;
        Ok(compiled)
    }

    /// Waits for the process; past its time and weir's patience, or when weir stops, it is killed.
    fn wait(&self, mut child: Child, timeout: Duration) -> Result<ExitStatus, LoadReason> {
        let until = Instant::now() + timeout * PATIENCE;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < until && !self.stopped() => std::thread::park_timeout(LOOK),
                other => {
                    // It may have ended just now, which is as good.
                    let _ = child.kill();
                    let _ = child.wait();
                    return match other {
                        Err(e) => Err(LoadReason::Compile(format!("the compiling process was lost: {e}"))),
                        Ok(_) => Err(LoadReason::CompileTime(timeout)),
                    };
                }
            }
        }
    }
}

/// A file without a name.
fn unnamed(what: &str) -> io::Result<File> {
    Ok(File::from(memfd_create(format!("weir-{what}"), MemfdFlags::CLOEXEC)?))
}

fn text(said: &mut File) -> String {
    let mut text = Vec::new();
    // What cannot be read is not told.
    let _ = said.seek(SeekFrom::Start(0)).and_then(|_| said.take(MAX_SAID).read_to_end(&mut text));
    crate::guest_log::tidy(String::from_utf8_lossy(&text).trim())
}

/// What the end of a compiling process means.
fn failure(status: ExitStatus, said: &str, settings: &PluginSettings) -> LoadReason {
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::XCPU) => LoadReason::CompileTime(settings.compile_timeout),
        // Out of memory: Rust's allocator aborts, the kernel kills, a stack that cannot grow faults.
        Some(Signal::ABORT) if said.contains("allocation") => LoadReason::CompileMemory(settings.compile_memory),
        Some(Signal::KILL | Signal::SEGV | Signal::BUS | Signal::XFSZ) => {
            LoadReason::CompileMemory(settings.compile_memory)
        }
        _ if said.contains("Cannot allocate memory") || said.contains("File too large") => {
            LoadReason::CompileMemory(settings.compile_memory)
        }
        Some(_) => LoadReason::Compile(format!("the compiling process ended by {status}: {said}")),
        None => LoadReason::Compile(said.to_owned()),
    }
}

/// Why the compiling process gave up; its parent reads the text.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Fatal: a limit could not be set, or what goes in or out failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Fatal: not a component that compiles.
    #[error("{0}")]
    Component(String),
}

/// What a compiling process does: compiles the component on standard input to standard output, within so many bytes of memory and so
/// many seconds of processor time. Lowers its own priority and limits first, so it is for nothing else in the process.
///
/// `dir` is where functions that were compiled before are found and kept (`functions`). What of them was of use is told
/// on standard error.
pub fn compile_here(memory: u64, cpu: u64, dir: Option<&Path>) -> Result<(), CompileError> {
    let limit = |resource, most: u64, at_last: u64| {
        let limit = Rlimit { current: Some(most), maximum: Some(at_last) };
        rustix::process::setrlimit(resource, limit).map_err(io::Error::from)
    };
    // Writable private memory is what is counted: address space is reserved by the gigabyte and costs nothing. What compiles without
    // functions of before must compile with them.
    let most = if dir.is_some() { memory.saturating_add(functions::MEMORY) } else { memory };
    limit(Resource::Data, most, most)?;
    let output = memory / OUTPUT_SHARE;
    limit(Resource::Fsize, output, output)?;
    // The first one ends it by a signal that says why, the second by one that does not.
    limit(Resource::Cpu, cpu, cpu.saturating_add(1))?;
    limit(Resource::Core, 0, 0)?;
    rustix::process::nice(19).map_err(io::Error::from)?;
    // Nobody waits for a result any more once the parent is gone.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)?;
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component)?;
    // More than the limit of a file's size would end the process.
    let bounds = Bounds::default();
    let bounds = Bounds { segment: bounds.segment.min(output), ..bounds };
    let (compiled, kept) = compile(&component, false, dir, bounds).map_err(CompileError::Component)?;
    io::stdout().lock().write_all(&compiled)?;
    let Counts { found, compiled } = kept.keep();
    if dir.is_some() {
        write!(io::stderr().lock(), "{found} found, {compiled} compiled")?;
    }
    Ok(())
}

/// Compiles for all engines of weir's; with a directory, with the functions that are found in it. Those are to be kept once the result is where
/// it belongs.
pub(crate) fn compile(
    component: &[u8],
    places: bool,
    dir: Option<&Path>,
    bounds: Bounds,
) -> Result<(Vec<u8>, Arc<Functions>), String> {
    let functions = Arc::new(Functions::default());
    let runtime = Runtime::compiling(places, dir.map(|_| functions.clone())).map_err(|e| e.to_string())?;
    if let Some(dir) = dir {
        functions.open(dir, runtime.engine(), bounds);
    }
    let compiled = runtime.engine().precompile_component(component).map_err(|e| format!("{e:#}"))?;
    Ok((compiled, functions))
}
