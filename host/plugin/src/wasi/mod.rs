//! The part of WASI that toolchains pull in unasked, with nothing behind it: no environment, no arguments, an empty standard
//! input, output into the plugin's log, a seed for hash maps; waiting and exiting are traps.
//!
//! Handles have no state here but for input streams, which can be of a granted file; of the others the number is all there is.
//! What grants open is in `granted` and `filesystem`, and is linked only where it was granted.

#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, reason = "generated")]
mod bindings;
#[allow(unreachable_pub, missing_docs, reason = "the generated bindings export them again")]
mod filesystem;
mod granted;

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};

use crate::state::State;

pub(crate) use granted::add_to_linker as add_granted;

/// The interfaces that are here. Wasmtime takes any 0.2 version of them for another.
pub(crate) const INTERFACES: [&str; 13] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// The one of `wasi:random` that promises nothing.
pub(crate) const SEED: &str = "wasi:random/insecure-seed";

/// Bytes that a stream says it takes at once: the size that WASI allows for `blocking-write-and-flush`.
const WRITE_SIZE: u64 = 4096;

/// Bytes that one reading brings at most, whatever is asked for: the host holds them until they are copied.
const READ_SIZE: u64 = 1 << 20;

/// A trap that the guest asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostTrap {
    /// `wasi:cli/exit`.
    #[error("called exit")]
    Exit,
    /// `wasi:io/poll`.
    #[error("waited for something, which plugins cannot")]
    Poll,
    /// More than `check-write` has allowed. Each line costs the host some time, which no limit of the call's bounds.
    #[error("wrote {0} bytes at once, and an output stream takes {WRITE_SIZE}")]
    Write(usize),
}

#[allow(unreachable_pub, missing_docs, reason = "the generated bindings export it again")]
pub struct IoError;
#[allow(unreachable_pub, missing_docs, reason = "the generated bindings export it again")]
pub struct Pollable;
#[allow(unreachable_pub, missing_docs, reason = "the generated bindings export it again")]
pub struct OutputStream;

/// What a guest can read from, in its instance's table.
#[allow(unreachable_pub, reason = "the generated bindings export it again")]
pub enum InputStream {
    /// At its end from the beginning.
    Empty,
    /// A granted file.
    File {
        /// The file.
        file: Arc<std::fs::File>,
        /// Where the next reading begins.
        at: u64,
    },
}

struct TerminalInput;
struct TerminalOutput;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Cx<'a> = StoreContextMut<'a, State>;
type Streamed<T> = wasmtime::Result<(Result<T, StreamError>,)>;

/// Defines everything in `linker`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    cli(linker)?;
    terminals(linker)?;
    let mut error = linker.instance("wasi:io/error@0.2.0")?;
    resource::<IoError>(&mut error, "error")?;
    error.func_wrap("[method]error.to-debug-string", |_: Cx<'_>, (_,): (Resource<IoError>,)| Ok((String::new(),)))?;
    let mut poll = linker.instance("wasi:io/poll@0.2.0")?;
    resource::<Pollable>(&mut poll, "pollable")?;
    poll.func_wrap("[method]pollable.ready", |_: Cx<'_>, (_,): (Resource<Pollable>,)| Ok((true,)))?;
    poll.func_wrap("[method]pollable.block", |_: Cx<'_>, (_,): (Resource<Pollable>,)| trap::<()>(HostTrap::Poll))?;
    poll.func_wrap("poll", |_: Cx<'_>, (_,): (Vec<Resource<Pollable>>,)| trap::<(Vec<u32>,)>(HostTrap::Poll))?;
    let mut streams = linker.instance("wasi:io/streams@0.2.0")?;
    input(&mut streams)?;
    output(&mut streams)?;
    let mut seed = linker.instance("wasi:random/insecure-seed@0.2.0")?;
    seed.func_wrap("insecure-seed", |cx: Cx<'_>, (): ()| Ok((cx.data().services.seed,)))
}

fn cli(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut environment = linker.instance("wasi:cli/environment@0.2.0")?;
    environment.func_wrap("get-environment", |cx: Cx<'_>, (): ()| Ok((cx.data().services.access.env.clone(),)))?;
    environment.func_wrap("get-arguments", |_: Cx<'_>, (): ()| Ok((Vec::<String>::new(),)))?;
    environment.func_wrap("initial-cwd", |_: Cx<'_>, (): ()| Ok((None::<String>,)))?;
    let mut exit = linker.instance("wasi:cli/exit@0.2.0")?;
    exit.func_wrap("exit", |_: Cx<'_>, (_,): (Result<(), ()>,)| trap::<()>(HostTrap::Exit))?;
    exit.func_wrap("exit-with-code", |_: Cx<'_>, (_,): (u8,)| trap::<()>(HostTrap::Exit))?;
    let mut stdin = linker.instance("wasi:cli/stdin@0.2.0")?;
    stdin.func_wrap("get-stdin", |mut cx: Cx<'_>, (): ()| Ok((cx.data_mut().table.push(InputStream::Empty)?,)))?;
    let mut stdout = linker.instance("wasi:cli/stdout@0.2.0")?;
    stdout.func_wrap("get-stdout", |_: Cx<'_>, (): ()| Ok((Resource::<OutputStream>::new_own(1),)))?;
    let mut stderr = linker.instance("wasi:cli/stderr@0.2.0")?;
    stderr.func_wrap("get-stderr", |_: Cx<'_>, (): ()| Ok((Resource::<OutputStream>::new_own(2),)))
}

/// There is no terminal.
fn terminals(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    resource::<TerminalInput>(&mut linker.instance("wasi:cli/terminal-input@0.2.0")?, "terminal-input")?;
    resource::<TerminalOutput>(&mut linker.instance("wasi:cli/terminal-output@0.2.0")?, "terminal-output")?;
    let mut stdin = linker.instance("wasi:cli/terminal-stdin@0.2.0")?;
    stdin.func_wrap("get-terminal-stdin", |_: Cx<'_>, (): ()| Ok((None::<Resource<TerminalInput>>,)))?;
    let mut stdout = linker.instance("wasi:cli/terminal-stdout@0.2.0")?;
    stdout.func_wrap("get-terminal-stdout", |_: Cx<'_>, (): ()| Ok((None::<Resource<TerminalOutput>>,)))?;
    let mut stderr = linker.instance("wasi:cli/terminal-stderr@0.2.0")?;
    stderr.func_wrap("get-terminal-stderr", |_: Cx<'_>, (): ()| Ok((None::<Resource<TerminalOutput>>,)))
}

/// Standard input is at its end; a file goes on where it was left.
fn read_stream(mut cx: Cx<'_>, (stream, length): (Resource<InputStream>, u64)) -> Streamed<Vec<u8>> {
    let InputStream::File { file, at } = cx.data_mut().table.get_mut(&stream)? else { return closed() };
    match filesystem::read_at(file, length, *at) {
        Ok(bytes) if bytes.is_empty() && length > 0 => closed(),
        Ok(bytes) => {
            *at += bytes.len() as u64;
            Ok((Ok(bytes),))
        }
        Err(_) => Ok((Err(StreamError::LastOperationFailed(Resource::new_own(0))),)),
    }
}

fn skip_stream(cx: Cx<'_>, of: (Resource<InputStream>, u64)) -> Streamed<u64> {
    let (read,) = read_stream(cx, of)?;
    Ok((read.map(|bytes| bytes.len() as u64),))
}

fn input(streams: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type In = Resource<InputStream>;
    streams.resource("input-stream", ResourceType::host::<InputStream>(), |mut cx, rep| {
        cx.data_mut().table.delete(Resource::<InputStream>::new_own(rep))?;
        Ok(())
    })?;
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        streams.func_wrap(name, read_stream)?;
    }
    for name in ["[method]input-stream.skip", "[method]input-stream.blocking-skip"] {
        streams.func_wrap(name, skip_stream)?;
    }
    streams
        .func_wrap("[method]input-stream.subscribe", |_: Cx<'_>, (_,): (In,)| Ok((Resource::<Pollable>::new_own(0),)))
}

/// Output streams take everything, [`WRITE_SIZE`] at a time.
fn output(streams: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Out = Resource<OutputStream>;
    type In = Resource<InputStream>;
    #[allow(clippy::unnecessary_wraps, reason = "as the linker wants it")]
    fn write(mut cx: Cx<'_>, (_, bytes): (Out, Vec<u8>)) -> Streamed<()> {
        cx.data().handed(bytes.len())?;
        if bytes.len() as u64 > WRITE_SIZE {
            return trap(HostTrap::Write(bytes.len()));
        }
        cx.data_mut().write(&bytes);
        Ok((Ok(()),))
    }
    resource::<OutputStream>(streams, "output-stream")?;
    streams.func_wrap("[method]output-stream.check-write", |_: Cx<'_>, (_,): (Out,)| -> Streamed<u64> {
        Ok((Ok(WRITE_SIZE),))
    })?;
    streams.func_wrap("[method]output-stream.write", write)?;
    streams.func_wrap("[method]output-stream.blocking-write-and-flush", write)?;
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        streams.func_wrap(name, |_: Cx<'_>, (_,): (Out,)| -> Streamed<()> { Ok((Ok(()),)) })?;
    }
    for name in ["[method]output-stream.write-zeroes", "[method]output-stream.blocking-write-zeroes-and-flush"] {
        streams.func_wrap(name, |_: Cx<'_>, (_, _): (Out, u64)| -> Streamed<()> { Ok((Ok(()),)) })?;
    }
    for name in ["[method]output-stream.splice", "[method]output-stream.blocking-splice"] {
        streams.func_wrap(name, |_: Cx<'_>, (_, _, _): (Out, In, u64)| closed::<u64>())?;
    }
    streams
        .func_wrap("[method]output-stream.subscribe", |_: Cx<'_>, (_,): (Out,)| Ok((Resource::<Pollable>::new_own(0),)))
}

fn resource<T: 'static>(instance: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<()> {
    instance.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))
}

#[allow(clippy::unnecessary_wraps, reason = "as the linker wants it")]
fn closed<T>() -> Streamed<T> {
    Ok((Err(StreamError::Closed),))
}

fn trap<T>(why: HostTrap) -> wasmtime::Result<T> {
    Err(wasmtime::Error::new(why))
}
