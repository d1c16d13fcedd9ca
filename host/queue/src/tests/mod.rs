//! The queue as its callers see it, on a disk that does what a test says.

mod commit;
mod crashes;
mod damage;
mod faults;
mod floor;
mod generations;
mod harness;
mod model;
mod offsets;
mod policy;
mod several;
