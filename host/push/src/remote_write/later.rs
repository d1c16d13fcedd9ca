//! Later samples of series that the request under way has already.
//!
//! A request that stays open over several scrapes of a target has several samples of each of its series, and they go out in
//! one message a series, whose samples ascend in time (remote write specifications 1.0, "Protocol", and 2.0, "Protobuf
//! Message"): labels are looked up, written and compressed once, not once a sample.
//!
//! A series' message is written with its first sample, as it comes, so a request without a second one costs nothing more.
//! Later samples wait here, chained by message, and are written behind the message's own when the request is sealed.
//!
//! What a receiver sees of a series is what it would see if each sample had a message to itself: the same samples in the same
//! order. So a sample that is not newer than the one before it begins another message; and where two slots or targets write
//! one series in turns, which shows in a request as two messages of the same labels, its samples get a message each,
//! as they came.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::rc::Rc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rapidhash::fast::RandomState;
use weir_model::Slot;
use weir_model::labels::put_varint;

use super::series::SampleField;
use crate::wire::{FIELD_5, Fields};

/// In place of a sample's index: there is none.
const NONE: u32 = u32::MAX;

/// See the [module](self). One a lane.
pub(super) struct Later {
    /// The number of the request's first message. Numbers go up from 1 and none is used twice, so one that a target has kept
    /// tells by itself whether it is of this request.
    first: u64,
    /// How many there are.
    count: u32,
    /// Messages in a row whose own samples have one time: their first, and the time. A page has one as a rule.
    runs: Vec<(u32, i64)>,
    /// By message; shorter where the last ones have none.
    chains: Vec<Chain>,
    samples: Vec<Sample>,
    /// What writing the samples will add to the request.
    bytes: usize,
}

/// By slot, the message in which a target's series had its last sample: what [`Later::add`] may add to. One a target and group.
///
/// Nothing is noted while requests have a single page of the target, as with a scrape interval beyond the deadline.
#[derive(Debug)]
pub(super) struct Messages {
    by_slot: Vec<u64>,
    /// None is newer: where this is of a former request, all are.
    newest: u64,
    /// Pages in the request under way.
    pages: u32,
    /// Whether the request before it had several.
    several: bool,
}

/// No message has this number.
const NO_MESSAGE: u64 = 0;

impl Default for Messages {
    fn default() -> Self {
        Self { by_slot: vec![], newest: NO_MESSAGE, pages: 0, several: true }
    }
}

impl Messages {
    /// A message that is in the request under way if any of these is.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// A page is about to be written; `again` where one was in the same request. Whether its messages are to be noted.
    pub(super) fn page(&mut self, again: bool) -> bool {
        if again {
            self.pages += 1;
        } else {
            self.several = self.pages != 1;
            self.pages = 1;
        }
        again || self.several
    }

    /// A page was written, and messages up to this one.
    pub(super) fn written(&mut self, newest: u64) {
        self.newest = newest;
    }

    /// A slot's next sample begins a message: the slot has another series now, or another thing is known of it.
    pub(super) fn forget(&mut self, slot: Slot) {
        if let Some(message) = self.by_slot.get_mut(slot as usize) {
            *message = NO_MESSAGE;
        }
    }

    /// The slot's message.
    #[inline]
    pub(super) fn of(&self, slot: Slot) -> u64 {
        self.by_slot.get(slot as usize).copied().unwrap_or(NO_MESSAGE)
    }

    /// A message was begun with a sample of the slot.
    #[inline]
    pub(super) fn note(&mut self, slot: Slot, message: u64) {
        let slot = slot as usize;
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, NO_MESSAGE);
        }
        if let Some(place) = self.by_slot.get_mut(slot) {
            *place = message;
        }
    }
}

/// The first and the last later sample of a message.
#[derive(Clone, Copy, Debug)]
struct Chain {
    head: u32,
    tail: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    time: i64,
    value: f64,
    /// The next of its message.
    next: u32,
    /// How many messages there were when it came.
    messages: u32,
}

/// A message as it was written, with its own sample alone.
#[derive(Clone, Copy, Debug)]
struct Message<'a> {
    tag: u8,
    body: &'a [u8],
    /// The bytes of its sample, which are the last.
    sample: usize,
}

impl<'a> Message<'a> {
    /// The bytes before its sample.
    fn about(self) -> &'a [u8] {
        self.body.get(..self.body.len().saturating_sub(self.sample)).unwrap_or_default()
    }

    /// What stands for its labels within the request: equal where they are.
    fn labels(self) -> &'a [u8] {
        if self.tag == FIELD_5 {
            // 2.0: the references, and behind them what is known of the family
            Fields(self.body).next().map_or(&[], |(_, _, whole)| whole)
        } else {
            self.about()
        }
    }

    fn own_sample(self) -> &'a [u8] {
        self.body.get(self.about().len()..).unwrap_or_default()
    }
}

impl Default for Later {
    fn default() -> Self {
        Self { first: 1, count: 0, runs: vec![], chains: vec![], samples: vec![], bytes: 0 }
    }
}

impl Later {
    /// A message was begun, with a sample of this time; its number.
    #[inline]
    pub(super) fn begun(&mut self, time: i64) -> u64 {
        if self.runs.last().is_none_or(|(_, of)| *of != time) {
            self.runs.push((self.count, time));
        }
        let number = self.first + u64::from(self.count);
        self.count += 1;
        number
    }

    /// The number of the newest message.
    pub(super) fn newest(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }

    /// Whether the request has a message of this number.
    #[inline]
    pub(super) fn has(&self, message: u64) -> bool {
        message >= self.first
    }

    /// Adds a sample to a message; false where there is none of this number, or where the sample is not newer than the
    /// message's last.
    #[inline]
    pub(super) fn add(&mut self, message: u64, time: i64, value: f64) -> bool {
        self.has(message) && self.append((message - self.first) as usize, time, value)
    }

    fn append(&mut self, message: usize, time: i64, value: f64) -> bool {
        let chain = self.chains.get(message).copied().filter(|chain| chain.tail != NONE);
        let last = chain.and_then(|chain| self.samples.get(chain.tail as usize));
        if last.map(|last| last.time).or_else(|| self.own_time(message)).is_none_or(|last| time <= last) {
            return false;
        }
        let new = self.samples.len() as u32;
        self.samples.push(Sample { time, value, next: NONE, messages: self.count });
        if let Some(chain) = chain {
            if let Some(last) = self.samples.get_mut(chain.tail as usize) {
                last.next = new;
            }
        } else {
            if self.chains.len() <= message {
                self.chains.resize(self.count as usize, Chain { head: NONE, tail: NONE });
            }
            // its length may take a byte more
            self.bytes += 1;
        }
        if let Some(place) = self.chains.get_mut(message) {
            *place = Chain { head: chain.map_or(new, |chain| chain.head), tail: new };
        }
        self.bytes += SampleField::len_at(time);
        true
    }

    /// The time of a message's own sample; `None` where there is no such message.
    fn own_time(&self, message: usize) -> Option<i64> {
        let before = self.runs.partition_point(|(first, _)| *first as usize <= message);
        let run = before.checked_sub(1).filter(|_| message < self.count as usize);
        run.and_then(|run| self.runs.get(run)).map(|(_, time)| *time)
    }

    /// Whether no message has a second sample.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How many bytes more the request will have than its messages have now.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The request is sealed: its messages end.
    pub(super) fn clear(&mut self) {
        self.first += u64::from(self.count);
        self.count = 0;
        self.runs.clear();
        self.chains.clear();
        self.samples.clear();
        self.bytes = 0;
    }

    /// Appends the request's messages, which `raw` holds with their own samples alone, to `out` with all their samples.
    pub(super) fn write(&self, raw: &[u8], out: &mut Vec<u8>) {
        out.reserve(raw.len() + self.bytes);
        let mixed = self.mixed(raw);
        let all: Vec<Message<'_>> =
            if mixed.is_empty() { vec![] } else { self.messages(raw).map(|(_, message)| message).collect() };
        for (number, message) in self.messages(raw) {
            match mixed.get(&number) {
                None => self.put(out, number, message),
                // where the first of them is
                Some(group) if group.first() == Some(&number) => self.put_as_they_came(out, &all, group),
                Some(_) => {}
            }
        }
    }

    fn put(&self, out: &mut Vec<u8>, number: u32, message: Message<'_>) {
        let more: usize = self.chain(number).map(|(_, sample)| SampleField::len_at(sample.time)).sum();
        out.push(message.tag);
        put_varint(out, message.body.len() + more);
        out.extend_from_slice(message.body);
        for (_, sample) in self.chain(number) {
            out.extend_from_slice(SampleField::at(sample.time).with(sample.value));
        }
    }

    /// All samples of some messages of the same labels, a message each.
    ///
    /// This is more than [`bytes`](Self::bytes) says, by the labels of each: a backend that finds it too large gets halves.
    fn put_as_they_came(&self, out: &mut Vec<u8>, all: &[Message<'_>], group: &[u32]) {
        let mut came = vec![];
        for (number, message) in group.iter().filter_map(|number| Some((*number, all.get(*number as usize)?))) {
            // behind the samples that came when there were `number` messages, before those that came when there was one more
            came.push((number + 1, 0, message, message.own_sample().to_vec()));
            let later = |(index, sample): (u32, &Sample)| {
                let field = SampleField::at(sample.time).with(sample.value).to_vec();
                (sample.messages, index + 1, message, field)
            };
            came.extend(self.chain(number).map(later));
        }
        came.sort_unstable_by_key(|(messages, index, ..)| (*messages, *index));
        for (_, _, message, sample) in came {
            let about = message.about();
            out.push(message.tag);
            put_varint(out, about.len() + sample.len());
            out.extend_from_slice(about);
            out.extend_from_slice(&sample);
        }
    }

    /// By message, all messages of the same labels where one of them got a sample after another of them was begun.
    fn mixed(&self, raw: &[u8]) -> BTreeMap<u32, Rc<[u32]>> {
        let mut first: HashTable<(&[u8], u32)> = HashTable::with_capacity(self.count as usize);
        let hasher = RandomState::default();
        let mut again: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let hash = |labels: &[u8]| hasher.hash_one(labels);
        for (number, message) in self.messages(raw) {
            let labels = message.labels();
            match first.entry(hash(labels), |(other, _)| *other == labels, |(other, _)| hash(other)) {
                Entry::Vacant(place) => drop(place.insert((labels, number))),
                Entry::Occupied(place) => again.entry(place.get().1).or_default().push(number),
            }
        }
        let mut mixed = BTreeMap::new();
        for (one, others) in again {
            let group: Rc<[u32]> = [one].into_iter().chain(others).collect();
            let in_turns = |pair: &[u32]| matches!(pair, &[one, next] if self.ends_after(one, next));
            if group.windows(2).any(in_turns) {
                mixed.extend(group.iter().map(|number| (*number, group.clone())));
            }
        }
        mixed
    }

    /// Whether a message got a sample after a later one was begun.
    fn ends_after(&self, message: u32, later: u32) -> bool {
        let last = self.chains.get(message as usize).and_then(|chain| self.samples.get(chain.tail as usize));
        last.is_some_and(|last| last.messages > later)
    }

    fn messages<'a>(&self, raw: &'a [u8]) -> impl Iterator<Item = (u32, Message<'a>)> {
        let ends = self.runs.iter().skip(1).map(|(first, _)| *first).chain([self.count]);
        let sample =
            self.runs.iter().zip(ends).flat_map(|((first, time), end)| {
                std::iter::repeat_n(SampleField::len_at(*time), (end - first) as usize)
            });
        let message = |((tag, body, _), sample)| Message { tag, body, sample };
        (0..).zip(Fields(raw).zip(sample).map(message))
    }

    /// The later samples of a message, with their indexes.
    fn chain(&self, message: u32) -> impl Iterator<Item = (u32, &Sample)> {
        let head = self.chains.get(message as usize).map_or(NONE, |chain| chain.head);
        let at = |index: u32| Some((index, self.samples.get(index as usize)?));
        std::iter::successors(at(head), move |(_, sample)| at(sample.next))
    }
}
