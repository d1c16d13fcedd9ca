//! Pieces of CRI lines, kept until the piece that ends the line comes. The line that ends it carries them all; the rows of the others are
//! dropped. What is open at the end of a call is in the plugin's store too, so that a reload of the plugin, or a call that fails, costs no piece.

use weir_sdk::{LogRow, state};

/// How long a line stays open without a piece. A runtime writes them within milliseconds: a line that waits so long lost its end with
/// the container that wrote it, and only takes room.
const MAX_AGE: i64 = 300_000_000_000;

/// Begins the keys of the store.
const STORE: &str = "cri/";

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Lines that are open at a time.
    pub(crate) lines: usize,
    /// Bytes of a line that is open.
    pub(crate) bytes: usize,
}

/// A line whose end has not come.
#[derive(Debug, PartialEq, Eq)]
struct Open {
    stream: String,
    text: String,
    /// When its last piece was read, in nanoseconds since the epoch.
    at: i64,
    /// Its number in the store.
    slot: usize,
    /// Differs from what is in the store.
    dirty: bool,
}

/// What becomes of a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// It waits for the rest of its line.
    Held,
    /// It goes on, behind these pieces that were held: the line has become too long, or there is no room for another.
    GoesOn(String),
}

/// All lines that are open.
#[derive(Debug)]
pub(crate) struct Partials {
    limits: Limits,
    open: Vec<Open>,
    /// Slots of the store whose lines have ended since they were written.
    ended: Vec<usize>,
    key: String,
    /// Lines that were given up since this was last taken.
    pub(crate) lost: u32,
}

impl Partials {
    /// Takes up what is in the store.
    pub(crate) fn new(limits: Limits) -> Self {
        let open = state::keys(STORE).into_iter().filter_map(|key| {
            let slot = key.strip_prefix(STORE)?.parse().ok()?;
            decode(&state::get(&key)?, slot)
        });
        Self { limits, open: open.collect(), ended: vec![], key: String::new(), lost: 0 }
    }

    /// Takes a piece of a row's line.
    pub(crate) fn add(&mut self, row: &LogRow<'_, '_>, stream: &str, text: &str) -> Piece {
        let now = row.timestamp();
        let at = self.find(row, stream);
        if let Some(open) = at.and_then(|at| self.open.get_mut(at)) {
            if open.text.len() + text.len() <= self.limits.bytes {
                open.text.push_str(text);
                (open.at, open.dirty) = (now, true);
                return Piece::Held;
            }
            return Piece::GoesOn(self.end(at));
        }
        self.give_up_old(now);
        if self.open.len() >= self.limits.lines || text.len() > self.limits.bytes {
            return Piece::GoesOn(String::new());
        }
        let slot = (0..=self.open.len()).find(|slot| self.open.iter().all(|o| o.slot != *slot)).unwrap_or_default();
        self.open.push(Open { stream: self.key.clone(), text: text.into(), at: now, slot, dirty: true });
        Piece::Held
    }

    /// What was held of the line that this row ends.
    pub(crate) fn take(&mut self, row: &LogRow<'_, '_>, stream: &str) -> Option<String> {
        // the common case costs nothing
        if self.open.is_empty() {
            return None;
        }
        let at = self.find(row, stream);
        at.map(|_| self.end(at))
    }

    /// The line of a row's stream; leaves its name in `key`.
    fn find(&mut self, row: &LogRow<'_, '_>, stream: &str) -> Option<usize> {
        self.key.clear();
        self.key.push_str(stream);
        for (name, value) in row.labels() {
            self.key.extend(["\u{0}", name, "\u{0}", value]);
        }
        self.open.iter().position(|open| open.stream == self.key)
    }

    fn end(&mut self, at: Option<usize>) -> String {
        let Some(at) = at.filter(|at| *at < self.open.len()) else { return String::new() };
        let open = self.open.swap_remove(at);
        self.ended.push(open.slot);
        open.text
    }

    fn give_up_old(&mut self, now: i64) {
        while let Some(at) = self.open.iter().position(|open| now.saturating_sub(open.at) > MAX_AGE) {
            self.end(Some(at));
            self.lost += 1;
        }
    }

    /// How many lines are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Brings the store up to date; says whether anything was to do. A line that the store does not take is kept here alone.
    pub(crate) fn save(&mut self) -> bool {
        let mut changed = false;
        for slot in self.ended.drain(..) {
            state::remove(&format!("{STORE}{slot}"));
            changed = true;
        }
        for open in self.open.iter_mut().filter(|open| open.dirty) {
            let key = format!("{STORE}{}", open.slot);
            if state::set(&key, &encode(open)).is_err() {
                // better none than its beginning alone
                state::remove(&key);
            }
            open.dirty = false;
            changed = true;
        }
        changed
    }
}

/// The time, the length of the stream's name, its name, and the text.
fn encode(open: &Open) -> Vec<u8> {
    let length = open.stream.len() as u32;
    [&open.at.to_le_bytes()[..], &length.to_le_bytes(), open.stream.as_bytes(), open.text.as_bytes()].concat()
}

fn decode(bytes: &[u8], slot: usize) -> Option<Open> {
    let (at, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (stream, text) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some(Open {
        stream: String::from_utf8(stream.to_vec()).ok()?,
        text: String::from_utf8(text.to_vec()).ok()?,
        at: i64::from_le_bytes(*at),
        slot,
        dirty: false,
    })
}
