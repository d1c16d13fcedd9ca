//! The queue as its callers see it, on a disk that does what a test says.

#![allow(clippy::print_stdout, reason = "tests say what counts they reached")]

mod arbitrary;
mod commit;
mod crashes;
mod damage;
mod faults;
mod floor;
mod generations;
mod harness;
mod model;
mod offsets;
mod policies;
mod policy;
mod several;
