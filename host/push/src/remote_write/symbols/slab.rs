//! Entries by number, each once, with a count of their users.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use rapidhash::fast::RandomState;

/// What a slab holds: two entries with the same key are one.
pub(super) trait Entry {
    type Key: Eq + Hash;
    fn key(&self) -> Self::Key;
}

/// See the [module](self).
pub(super) struct Slab<E> {
    entries: Vec<E>,
    /// By number; 0 where the number is free.
    users: Vec<u32>,
    free: Vec<u32>,
    by_key: HashTable<u32>,
    hasher: RandomState,
}

impl<E> Default for Slab<E> {
    fn default() -> Self {
        Self { entries: vec![], users: vec![], free: vec![], by_key: HashTable::new(), hasher: RandomState::default() }
    }
}

impl<E: Entry + Copy> Slab<E> {
    /// Uses an entry, which may be there already. Its number, and whether it is new.
    pub(super) fn take(&mut self, entry: E) -> (u32, bool) {
        let key = entry.key();
        let hash = self.hasher.hash_one(&key);
        let same = |number: &u32| self.entries.get(*number as usize).is_some_and(|e| e.key() == key);
        if let Some(&number) = self.by_key.find(hash, same) {
            self.use_again(number);
            return (number, false);
        }
        let number = if let Some(number) = self.free.pop() {
            self.entries[number as usize] = entry;
            self.users[number as usize] = 1;
            number
        } else {
            self.entries.push(entry);
            self.users.push(1);
            self.entries.len() as u32 - 1
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.by_key.insert_unique(hash, number, |n| hasher.hash_one(entries[*n as usize].key()));
        (number, true)
    }

    /// Uses an entry once more.
    pub(super) fn use_again(&mut self, number: u32) {
        if let Some(users) = self.users.get_mut(number as usize) {
            *users += 1;
        }
    }

    /// Uses an entry once less; the entry when nobody uses it any more.
    pub(super) fn release(&mut self, number: u32) -> Option<E> {
        let users = self.users.get_mut(number as usize).filter(|users| **users > 0)?;
        *users -= 1;
        if *users > 0 {
            return None;
        }
        let gone = *self.entries.get(number as usize)?;
        let found = self.by_key.find_entry(self.hasher.hash_one(gone.key()), |n| *n == number);
        if let Ok(found) = found {
            found.remove();
        }
        self.free.push(number);
        Some(gone)
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&E> {
        self.entries.get(number as usize)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut E> {
        self.entries.get_mut(number as usize)
    }

    pub(super) fn for_each(&mut self, change: impl FnMut(&mut E)) {
        self.entries.iter_mut().for_each(change);
    }

    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        self.by_key.len()
    }
}
