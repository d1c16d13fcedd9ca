//! What plugins keep in the host: a keyed store for each plugin, or for each of its pipelines where it has an instance in each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The longest key and value: positions, counts and windows, and not a place for data.
pub(crate) const MAX_KEY: usize = 1 << 10;
pub(crate) const MAX_VALUE: usize = 256 << 10;

/// Keys of one store, and bytes of all its keys and values: ten thousand counters with their labels fit; a hundred stores
/// that are full are 400 MiB of a machine that asked for it.
const MAX_KEYS: usize = 10_000;
const MAX_BYTES: usize = 4 << 20;

/// The stores of all plugins by name, then by pipeline (empty: the plugin's own); clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptStates(Arc<Mutex<BTreeMap<String, BTreeMap<String, Kept>>>>);

/// One store; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    values: BTreeMap<String, Vec<u8>>,
    bytes: usize,
}

/// Why a value was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotKept {
    TooLarge,
    Full,
}

impl NotKept {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            NotKept::TooLarge => "too_large",
            NotKept::Full => "full",
        }
    }
}

impl KeptStates {
    /// The store of a plugin in a pipeline, or (empty) in all of them.
    pub(crate) fn of(&self, plugin: &str, pipeline: &str) -> Kept {
        lock(&self.0).entry(plugin.to_owned()).or_default().entry(pipeline.to_owned()).or_default().clone()
    }

    /// The plugin is gone, and what it kept with it.
    pub(crate) fn forget(&self, plugin: &str) {
        lock(&self.0).remove(plugin);
    }
}

/// A store as one call sees it: what the call has changed is in it, and nowhere else until [`commit`](Self::commit).
#[derive(Debug, Default)]
pub(crate) struct Draft {
    kept: Kept,
    changed: BTreeMap<String, Option<Vec<u8>>>,
}

impl Draft {
    pub(crate) fn new(kept: Kept) -> Self {
        Self { kept, changed: BTreeMap::new() }
    }

    /// A call begins: what the one before has left uncommitted never was.
    pub(crate) fn begin(&mut self) {
        self.changed.clear();
    }

    /// The call has succeeded. What other instances have kept meanwhile may have taken the room: returns how many values found
    /// none.
    pub(crate) fn commit(&mut self) -> u64 {
        if self.changed.is_empty() {
            return 0;
        }
        let mut contents = lock(&self.kept.0);
        let mut without_room = 0;
        let mut changed: Vec<_> = std::mem::take(&mut self.changed).into_iter().collect();
        // what makes room first
        changed.sort_by_key(|(key, value)| size(key, value.as_ref()) - size(key, contents.values.get(key)));
        for (key, value) in changed {
            without_room += u64::from(!contents.change(key, value));
        }
        without_room
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        match self.changed.get(key) {
            Some(changed) => changed.clone(),
            None => lock(&self.kept.0).values.get(key).cloned(),
        }
    }

    pub(crate) fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), NotKept> {
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            return Err(NotKept::TooLarge);
        }
        let (mut keys, mut bytes) = {
            let contents = lock(&self.kept.0);
            let (mut keys, mut bytes) = (contents.values.len() as i64, contents.bytes as i64);
            for (key, value) in &self.changed {
                let old = contents.values.get(key);
                keys += i64::from(value.is_some()) - i64::from(old.is_some());
                bytes += size(key, value.as_ref()) - size(key, old);
            }
            (keys, bytes)
        };
        let old = self.get(&key);
        keys += i64::from(old.is_none());
        bytes += size(&key, Some(&value)) - size(&key, old.as_ref());
        if keys > MAX_KEYS as i64 || bytes > MAX_BYTES as i64 {
            return Err(NotKept::Full);
        }
        self.changed.insert(key, Some(value));
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: String) {
        if self.get(&key).is_some() {
            self.changed.insert(key, None);
        }
    }

    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let contents = lock(&self.kept.0);
        let from = |(key, _): &(&String, _)| key.starts_with(prefix);
        let mut keys: BTreeMap<&String, bool> =
            contents.values.range(prefix.to_owned()..).take_while(from).map(|(k, _)| (k, true)).collect();
        for (key, value) in self.changed.iter().filter(|(k, _)| k.starts_with(prefix)) {
            keys.insert(key, value.is_some());
        }
        keys.into_iter().filter(|(_, there)| *there).map(|(key, _)| key.clone()).collect()
    }
}

impl Contents {
    /// Makes a change; says whether there was room.
    fn change(&mut self, key: String, value: Option<Vec<u8>>) -> bool {
        let old = self.values.get(&key);
        let bytes = self.bytes as i64 + size(&key, value.as_ref()) - size(&key, old);
        if value.is_some() && (bytes > MAX_BYTES as i64 || (old.is_none() && self.values.len() >= MAX_KEYS)) {
            return false;
        }
        self.bytes = usize::try_from(bytes).unwrap_or(0);
        match value {
            Some(value) => _ = self.values.insert(key, value),
            None => _ = self.values.remove(&key),
        }
        true
    }
}

fn size(key: &str, value: Option<&Vec<u8>>) -> i64 {
    value.map_or(0, |v| (key.len() + v.len()) as i64)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // each change is whole before the lock goes
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_changes_counts_when_it_is_committed() {
        let all = KeptStates::default();
        let mut a = Draft::new(all.of("p", ""));
        let b = Draft::new(all.of("p", ""));
        a.set("count/x".to_owned(), vec![1]).unwrap();
        a.set("count/y".to_owned(), vec![2]).unwrap();
        a.remove("count/y".to_owned());
        assert_eq!((a.get("count/x"), b.get("count/x")), (Some(vec![1]), None));
        assert_eq!(a.keys("count/"), ["count/x"]);
        assert_eq!(a.commit(), 0);
        assert_eq!(b.get("count/x"), Some(vec![1]));
        a.remove("count/x".to_owned());
        assert_eq!((a.keys(""), b.keys("c")), (vec![], vec!["count/x".to_owned()]));
        a.begin();
        assert_eq!(a.get("count/x"), Some(vec![1]), "the call failed");
        assert!(Draft::new(all.of("p", "logs")).keys("").is_empty(), "another pipeline's");
        all.forget("p");
        assert!(Draft::new(all.of("p", "")).keys("").is_empty());
    }

    #[test]
    fn a_store_is_bounded() {
        let mut d = Draft::default();
        assert_eq!(d.set("k".repeat(MAX_KEY + 1), vec![]), Err(NotKept::TooLarge));
        assert_eq!(d.set("k".to_owned(), vec![0; MAX_VALUE + 1]), Err(NotKept::TooLarge));
        for i in 0..15 {
            d.set(format!("big{i}"), vec![0; MAX_VALUE]).unwrap();
            assert_eq!(d.commit(), 0);
        }
        assert_eq!(d.set("big15".to_owned(), vec![0; MAX_VALUE]), Err(NotKept::Full), "the keys take room as well");
        d.set("big3".to_owned(), vec![0; 10]).unwrap();
        d.set("big15".to_owned(), vec![0; MAX_VALUE]).unwrap();
        assert_eq!(d.commit(), 0);
    }
}
