//! How often the test that runs on this thread was told to ask again.

use std::cell::Cell;

thread_local! {
    static FORGOTTEN: Cell<u32> = const { Cell::new(0) };
}

pub(crate) fn forget() {
    FORGOTTEN.set(FORGOTTEN.get() + 1);
}

/// How often the plugin has called [`crate::verdicts::forget`] since this was last asked.
pub fn forgotten() -> u32 {
    FORGOTTEN.take()
}
