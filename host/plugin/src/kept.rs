//! What plugins keep in the host: a keyed store for each plugin, or for each of its pipelines where it has an instance in each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The longest key and value: positions, counts and windows, and not a place for data.
pub(crate) const MAX_KEY: usize = 1 << 10;
pub(crate) const MAX_VALUE: usize = 256 << 10;

/// Keys of one store: ten thousand counters with their labels. How many bytes they have is a limit of the plugin.
const MAX_KEYS: usize = 10_000;

/// The stores of all plugins by name, then by pipeline (empty: the plugin's own); clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptStates(Arc<Mutex<BTreeMap<String, BTreeMap<String, SharedContents>>>>);

type SharedContents = Arc<Mutex<Contents>>;

/// One store; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    contents: SharedContents,
    /// The most bytes of all keys and values. What is there already when another version has less stays until it is changed.
    max_bytes: usize,
}

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
    /// The store of a plugin in a pipeline, or (empty) in all of them, of so many bytes.
    pub(crate) fn of(&self, plugin: &str, pipeline: &str, max_bytes: usize) -> Kept {
        let mut all = lock(&self.0);
        let contents = all.entry(plugin.to_owned()).or_default().entry(pipeline.to_owned()).or_default().clone();
        Kept { contents, max_bytes }
    }

    /// The plugin is gone, and what it kept with it.
    pub(crate) fn forget(&self, plugin: &str) {
        lock(&self.0).remove(plugin);
    }
}

impl Kept {
    /// A store that nobody else has.
    pub(crate) fn apart(max_bytes: usize) -> Self {
        Self { contents: Arc::default(), max_bytes }
    }
}

/// A store as one call sees it: what the call has changed is in it, and nowhere else until [`commit`](Self::commit).
#[derive(Debug)]
pub(crate) struct Draft {
    kept: Kept,
    changed: BTreeMap<String, Change>,
    /// What all changes come to.
    sum: Room,
}

/// A key's new value, or none any more, and what that takes.
#[derive(Debug)]
struct Change {
    value: Option<Vec<u8>>,
    takes: Room,
}

/// How many keys and bytes, more or less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Room {
    keys: i64,
    bytes: i64,
}

impl Room {
    /// What it takes to have one value instead of another.
    fn of(key: &str, new: Option<&Vec<u8>>, old: Option<&Vec<u8>>) -> Self {
        Self { keys: i64::from(new.is_some()) - i64::from(old.is_some()), bytes: size(key, new) - size(key, old) }
    }

    fn and(self, other: Self) -> Self {
        Self { keys: self.keys + other.keys, bytes: self.bytes + other.bytes }
    }

    fn without(self, other: Self) -> Self {
        Self { keys: self.keys - other.keys, bytes: self.bytes - other.bytes }
    }
}

impl Draft {
    pub(crate) fn new(kept: Kept) -> Self {
        Self { kept, changed: BTreeMap::new(), sum: Room::default() }
    }

    /// A call begins: what the one before has left uncommitted never was.
    pub(crate) fn begin(&mut self) {
        self.changed.clear();
        self.sum = Room::default();
    }

    /// The call has succeeded. What other instances have kept meanwhile may have taken the room: returns how many values found
    /// none.
    pub(crate) fn commit(&mut self) -> u64 {
        if self.changed.is_empty() {
            return 0;
        }
        let mut contents = lock(&self.kept.contents);
        let mut without_room = 0;
        self.sum = Room::default();
        let mut changed: Vec<_> = std::mem::take(&mut self.changed).into_iter().map(|(k, c)| (k, c.value)).collect();
        // what makes room first
        changed.sort_by_key(|(key, value)| size(key, value.as_ref()) - size(key, contents.values.get(key)));
        for (key, value) in changed {
            without_room += u64::from(!contents.change(key, value, self.kept.max_bytes));
        }
        without_room
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        match self.changed.get(key) {
            Some(changed) => changed.value.clone(),
            None => lock(&self.kept.contents).values.get(key).cloned(),
        }
    }

    pub(crate) fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), NotKept> {
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            return Err(NotKept::TooLarge);
        }
        let contents = lock(&self.kept.contents);
        let takes = Room::of(&key, Some(&value), contents.values.get(&key));
        let before = self.changed.get(&key).map_or(Room::default(), |c| c.takes);
        let sum = self.sum.without(before).and(takes);
        let there = Room { keys: contents.values.len() as i64, bytes: contents.bytes as i64 };
        let Room { keys, bytes } = there.and(sum);
        if keys > MAX_KEYS as i64 || bytes > self.kept.max_bytes as i64 {
            return Err(NotKept::Full);
        }
        drop(contents);
        self.sum = sum;
        self.changed.insert(key, Change { value: Some(value), takes });
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: String) {
        let contents = lock(&self.kept.contents);
        let before = self.changed.remove(&key).map_or(Room::default(), |c| c.takes);
        self.sum = self.sum.without(before);
        // Of a key that only this call has set nothing is left.
        let Some(old) = contents.values.get(&key) else { return };
        let takes = Room::of(&key, None, Some(old));
        drop(contents);
        self.sum = self.sum.and(takes);
        self.changed.insert(key, Change { value: None, takes });
    }

    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let contents = lock(&self.kept.contents);
        let from = |(key, _): &(&String, _)| key.starts_with(prefix);
        let mut keys: BTreeMap<&String, bool> =
            contents.values.range(prefix.to_owned()..).take_while(from).map(|(k, _)| (k, true)).collect();
        for (key, value) in self.changed.iter().filter(|(k, _)| k.starts_with(prefix)) {
            keys.insert(key, value.value.is_some());
        }
        keys.into_iter().filter(|(_, there)| *there).map(|(key, _)| key.clone()).collect()
    }
}

impl Contents {
    /// Makes a change; says whether there was room.
    fn change(&mut self, key: String, value: Option<Vec<u8>>, max_bytes: usize) -> bool {
        let old = self.values.get(&key);
        let bytes = self.bytes as i64 + size(&key, value.as_ref()) - size(&key, old);
        if value.is_some() && (bytes > max_bytes as i64 || (old.is_none() && self.values.len() >= MAX_KEYS)) {
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

    const SOME: usize = 4 << 20;

    #[test]
    fn what_a_call_changes_counts_when_it_is_committed() {
        let all = KeptStates::default();
        let mut a = Draft::new(all.of("p", "", SOME));
        let b = Draft::new(all.of("p", "", SOME));
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
        assert!(Draft::new(all.of("p", "logs", SOME)).keys("").is_empty(), "another pipeline's");
        all.forget("p");
        assert!(Draft::new(all.of("p", "", SOME)).keys("").is_empty());
    }

    #[test]
    fn what_a_call_takes_back_takes_no_room() {
        let all = KeptStates::default();
        let mut d = Draft::new(all.of("p", "", SOME));
        d.set("there".to_owned(), vec![0; 7]).unwrap();
        assert_eq!(d.commit(), 0);
        for i in 0..100_000 {
            let key = format!("{i:01000}");
            d.set(key.clone(), vec![1; 9]).unwrap();
            d.set(key.clone(), vec![1; 5]).unwrap();
            d.remove(key);
        }
        assert!(d.changed.is_empty());
        d.set("there".to_owned(), vec![0; 9]).unwrap();
        d.remove("there".to_owned());
        d.remove("there".to_owned());
        assert_eq!(d.sum, Room { keys: -1, bytes: -12 });
        d.set("there".to_owned(), vec![0; 8]).unwrap();
        assert_eq!((d.sum, d.changed.len()), (Room { keys: 0, bytes: 1 }, 1));
    }

    #[test]
    fn as_many_keys_as_there_may_be_are_set_in_one_call() {
        let all = KeptStates::default();
        let mut d = Draft::new(all.of("p", "", SOME));
        for i in 0..MAX_KEYS {
            d.set(format!("key{i}"), vec![0; 8]).unwrap();
        }
        assert_eq!(d.set("one more".to_owned(), vec![]), Err(NotKept::Full));
        d.set("key7".to_owned(), vec![0; 9]).unwrap();
        d.remove("key9".to_owned());
        d.set("one more".to_owned(), vec![]).unwrap();
        assert_eq!((d.commit(), d.keys("").len()), (0, MAX_KEYS));
    }

    #[test]
    fn a_store_is_bounded() {
        let mut d = Draft::new(Kept::apart(SOME));
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

    #[test]
    fn each_plugin_has_a_size_of_its_own() {
        let all = KeptStates::default();
        let mut small = Draft::new(all.of("small", "", 100));
        small.set("k".to_owned(), vec![0; 99]).unwrap();
        assert_eq!(small.set("l".to_owned(), vec![]), Err(NotKept::Full));
        assert_eq!(small.commit(), 0);
        let mut large = Draft::new(all.of("large", "", 200));
        large.set("k".to_owned(), vec![0; 199]).unwrap();
        // A version with less keeps what there is, and gets nothing more in.
        let mut smaller = Draft::new(all.of("small", "", 50));
        assert_eq!(smaller.get("k").unwrap().len(), 99);
        assert_eq!(smaller.set("k".to_owned(), vec![0; 60]), Err(NotKept::Full));
        smaller.set("k".to_owned(), vec![0; 49]).unwrap();
        assert_eq!(smaller.commit(), 0);
        // What another instance has kept meanwhile takes the room.
        let (mut one, mut two) = (Draft::new(all.of("p", "", 100)), Draft::new(all.of("p", "", 100)));
        one.set("a".to_owned(), vec![0; 60]).unwrap();
        two.set("b".to_owned(), vec![0; 60]).unwrap();
        assert_eq!((one.commit(), two.commit()), (0, 1));
    }
}
