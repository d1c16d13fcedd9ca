//! Clocks and random numbers, where they are granted.

use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::component::{HasSelf, Linker, Resource};

use super::Pollable;
use super::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use super::bindings::wasi::filesystem::{preopens, types};
use super::bindings::wasi::random::{insecure, random};
use crate::access::Access;
use crate::grants::Kind;
use crate::state::State;

/// Bytes of randomness that one call brings at most: keys and identifiers, no padding of pages.
const MAX_RANDOM: u64 = 64 << 10;

/// Defines what `access` opens, and nothing else of it.
pub(crate) fn add_to_linker(linker: &mut Linker<State>, access: &Access) -> wasmtime::Result<()> {
    if access.has(Kind::FsRead) {
        types::add_to_linker::<_, HasSelf<_>>(linker, |s: &mut State| s)?;
        preopens::add_to_linker::<_, HasSelf<_>>(linker, |s: &mut State| s)?;
    }
    if access.has(Kind::Clock) {
        wall_clock::add_to_linker::<_, HasSelf<_>>(linker, |s: &mut State| s)?;
        monotonic_clock::add_to_linker::<_, HasSelf<_>>(linker, |s: &mut State| s)?;
    }
    if access.has(Kind::Random) {
        random::add_to_linker::<_, HasSelf<_>>(linker, |s: &mut State| s)?;
        insecure::add_to_linker::<_, HasSelf<_>>(linker, |s: &mut State| s)?;
    }
    Ok(())
}

impl wall_clock::Host for State {
    fn now(&mut self) -> wall_clock::Datetime {
        // A clock before 1970 is as good as none.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        wall_clock::Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() }
    }

    fn resolution(&mut self) -> wall_clock::Datetime {
        wall_clock::Datetime { seconds: 0, nanoseconds: 1 }
    }
}

/// Waiting stays a trap: what is subscribed to is never waited for.
impl monotonic_clock::Host for State {
    fn now(&mut self) -> u64 {
        u64::try_from(self.services.access.since.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn resolution(&mut self) -> u64 {
        1
    }

    fn subscribe_instant(&mut self, _: u64) -> Resource<Pollable> {
        Resource::new_own(0)
    }

    fn subscribe_duration(&mut self, _: u64) -> Resource<Pollable> {
        Resource::new_own(0)
    }
}

fn bytes(count: u64) -> Vec<u8> {
    let count = usize::try_from(count.min(MAX_RANDOM)).unwrap_or_default();
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            // The system's source was never known to fail once it is seeded; fewer bytes are an answer as well.
            Err(_) => bytes.truncate(filled),
        }
    }
    bytes
}

fn number() -> u64 {
    bytes(8).try_into().map_or(0, u64::from_ne_bytes)
}

impl random::Host for State {
    fn get_random_bytes(&mut self, len: u64) -> Vec<u8> {
        bytes(len)
    }

    fn get_random_u64(&mut self) -> u64 {
        number()
    }
}

impl insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, len: u64) -> Vec<u8> {
        bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> u64 {
        number()
    }
}
