//! What `weir plugin` does for the author of a plugin.
//!
//! A project is a folder with a manifest `weir-plugin.toml`. [`new::new`] writes one: the template of its language, and the
//! SDK and the contract that this binary carries (`embedded`), into the folder `weir` beside the author's code. [`build::build`]
//! has the language's own compiler make what it can make, and turns that into a component in this process (`component`).
//!
//! All that is particular to a language is behind one trait, [`language::Language`], a module each: see there for how
//! to add one.
//!
//! Invariants:
//! - an author installs the compiler of the language and nothing else; what is missing is named with the command that
//!   installs it;
//! - what is tested and measured runs in the runtime of production (`weir-plugin`, `weir-pipeline`), never in one of this crate;
//! - a file appears in a directory whole (written beside, then renamed).

pub mod build;
mod component;
pub mod conformance;
mod embedded;
mod error;
pub mod fixture;
pub mod language;
pub mod measure;
pub mod new;
mod project;
mod tool;
pub mod watch;

pub use component::{Adapter, MANIFEST_SECTION, World, encode};
pub use embedded::{embedded, read_embedded};
pub use error::AuthorError;
pub use project::{MANIFEST_FILE, Project};
pub use tool::{Missing, Ran, Tool, run};
