//! weir's part, for tests of a plugin with plain `cargo test`: batches out of readable values, answers checked against the
//! contract and applied, and what the plugin logged and counted.

mod apply;
mod columns;
pub(crate) mod emit;
pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod state;
mod values;
pub(crate) mod verdicts;

pub use columns::{LogLines, SampleRows, logs, samples, series};
pub use emit::{emitted_lines, emitted_samples};
pub use host::{counted, gauged, messages};
pub use http::{answer, requests};
pub use values::{LabelSet, Line, Sample, labels};
pub use verdicts::forgotten;

use crate::{Error, Plugin};

/// Makes a plugin of its configuration as weir does: a JSON document, `{}` where there is none.
///
/// # Errors
/// What an operator would be shown.
pub fn configure<P: Plugin>(json: &str) -> Result<P, Error> {
    crate::config::build(json)
}
