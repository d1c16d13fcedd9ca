//! The queue as its callers see it, on a disk that does what a test says.

mod damage;
mod faults;
mod generations;
mod harness;
mod model;
mod policy;
mod several;
