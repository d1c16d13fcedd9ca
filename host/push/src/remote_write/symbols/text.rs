//! Strings by number, each once, with a count of their users and their place in the request under way.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rapidhash::fast::RandomState;

use super::put_symbol;

/// Room of dead strings that is not worth moving the living for.
const WORTH_MOVING: usize = 64 * 1024;

/// See the [module](self). The empty string is always there.
pub(super) struct Texts {
    bytes: Vec<u8>,
    entries: Vec<Text>,
    free: Vec<u32>,
    by_text: HashTable<u32>,
    hasher: RandomState,
    /// Strings that lost their last user since the request began: one that comes back has its index in the request still.
    dying: Vec<u32>,
    dead: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Text {
    start: u32,
    len: u32,
    /// 0 where the number is free.
    users: u32,
    /// The request in which it is number `index`.
    request: u32,
    index: u32,
}

impl Default for Texts {
    fn default() -> Self {
        let mut texts = Self {
            bytes: vec![],
            entries: vec![],
            free: vec![],
            by_text: HashTable::new(),
            hasher: RandomState::default(),
            dying: vec![],
            dead: 0,
        };
        texts.take(b"");
        texts
    }
}

impl Texts {
    /// The number of the empty string.
    pub(super) const EMPTY: u32 = 0;

    /// Uses a string, which may be there already; its number.
    pub(super) fn take(&mut self, text: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(text);
        if let Some(&number) = self.by_text.find(hash, |n| self.get(*n) == text) {
            self.entries[number as usize].users += 1;
            return number;
        }
        let new = Text { start: self.bytes.len() as u32, len: text.len() as u32, users: 1, request: 0, index: 0 };
        self.bytes.extend_from_slice(text);
        let number = if let Some(number) = self.free.pop() {
            self.entries[number as usize] = new;
            number
        } else {
            self.entries.push(new);
            self.entries.len() as u32 - 1
        };
        let (bytes, texts, hasher) = (&self.bytes, &self.entries, &self.hasher);
        self.by_text.insert_unique(hash, number, |n| hasher.hash_one(slice(bytes, texts, *n)));
        number
    }

    /// Uses a string once less.
    pub(super) fn release(&mut self, number: u32) {
        let Some(text) = self.entries.get_mut(number as usize).filter(|text| text.users > 0) else { return };
        text.users -= 1;
        if text.users == 0 {
            self.dying.push(number);
        }
    }

    /// A request begins: forgets strings that nobody uses.
    pub(super) fn begin(&mut self) {
        let mut dying = std::mem::take(&mut self.dying);
        dying.sort_unstable();
        dying.dedup();
        for number in dying.drain(..) {
            let Some(text) = self.entries.get(number as usize).filter(|text| text.users == 0) else { continue };
            self.dead += text.len as usize;
            let found = self.by_text.find_entry(self.hasher.hash_one(self.get(number)), |n| *n == number);
            if let Ok(found) = found {
                found.remove();
            }
            self.free.push(number);
        }
        self.dying = dying;
        if self.dead > WORTH_MOVING && self.dead * 2 > self.bytes.len() {
            self.close_gaps();
        }
    }

    /// A string.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        slice(&self.bytes, &self.entries, number)
    }

    /// The index of a string in a request of `count` symbols; it is appended to `head` where the request has it not yet.
    pub(super) fn put(&mut self, number: u32, request: u32, count: &mut u32, head: &mut Vec<u8>) -> u32 {
        let Some(text) = self.entries.get_mut(number as usize) else { return 0 };
        if text.request != request {
            (text.request, text.index) = (request, *count);
            *count += 1;
            put_symbol(head, slice(&self.bytes, &self.entries, number));
        }
        self.entries.get(number as usize).map_or(0, |text| text.index)
    }

    /// No string is in any request any more.
    pub(super) fn forget_requests(&mut self) {
        for text in &mut self.entries {
            text.request = 0;
        }
    }

    fn close_gaps(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.dead);
        for text in self.entries.iter_mut().filter(|text| text.users > 0) {
            let start = bytes.len() as u32;
            let end = (text.start + text.len) as usize;
            bytes.extend_from_slice(self.bytes.get(text.start as usize..end).unwrap_or_default());
            text.start = start;
        }
        (self.bytes, self.dead) = (bytes, 0);
    }

    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        self.by_text.len()
    }
}

fn slice<'a>(bytes: &'a [u8], texts: &[Text], number: u32) -> &'a [u8] {
    let text = texts.get(number as usize).copied().unwrap_or_default();
    bytes.get(text.start as usize..(text.start + text.len) as usize).unwrap_or_default()
}
