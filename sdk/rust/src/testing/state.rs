//! The plugin's store, for the test that runs on this thread.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::state::Refusal;

thread_local! {
    static KEPT: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
    KEPT.with_borrow(|kept| kept.get(key).cloned())
}

pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), Refusal> {
    if key.len() > 1 << 10 || value.len() > 256 << 10 {
        return Err(Refusal::TooLarge);
    }
    KEPT.with_borrow_mut(|kept| _ = kept.insert(key.into(), value.into()));
    Ok(())
}

pub(crate) fn remove(key: &str) {
    KEPT.with_borrow_mut(|kept| _ = kept.remove(key));
}

pub(crate) fn keys(prefix: &str) -> Vec<String> {
    KEPT.with_borrow(|kept| kept.keys().filter(|k| k.starts_with(prefix)).cloned().collect())
}
