//! The verdicts that weir keeps of a plugin's [`crate::Series`], for a plugin that decides by something else beside labels and
//! configuration: a table in a file, say.

/// What [`crate::Series::relabel`] has said no longer holds: weir asks again about every series and every log stream of the pipeline.
///
/// Usable from [`crate::Tick::tick`], for it costs the pipeline a start from the beginning; anywhere else it does nothing. It counts
/// only if the call succeeds.
pub fn forget() {
    backend::forget();
}

#[cfg(target_family = "wasm")]
use crate::component::verdicts as backend;
#[cfg(not(target_family = "wasm"))]
use crate::testing::verdicts as backend;
