//! Accounts: the numbers, and who may book what.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::passage::Passage;
use super::{Booking, Epoch, Role, Signal};

/// A counter of the ledger; only accounts add to it.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// What it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, records: u64) {
        self.0.fetch_add(records, Ordering::AcqRel);
    }
}

/// A gauge of the ledger; only accounts change it.
#[derive(Debug, Default)]
pub struct Level(AtomicI64);

impl Level {
    /// What it is now.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, records: i64) {
        self.0.fetch_add(records, Ordering::AcqRel);
    }

    fn set(&self, records: i64) {
        self.0.store(records, Ordering::Release);
    }
}

/// The numbers of one source, pipeline or sink, for one signal. See the [module](super) for what they mean.
#[derive(Debug)]
pub struct Account {
    role: Role,
    name: String,
    signal: Signal,
    epoch: Arc<Epoch>,
    /// Records that came in.
    pub read: Count,
    /// Records that the component made itself.
    pub generated: Count,
    /// Copies for more than one taker.
    pub copied: Count,
    /// Records found on disk at start.
    pub recovered: Count,
    /// Records that the backend has acknowledged.
    pub delivered: Count,
    /// Records being worked on; a sink's: in a request.
    pub in_flight: Level,
    /// A sink's: in buffers on their way to the queue.
    buffered: Level,
    /// A sink's: in the queue.
    stored: Level,
    /// What others have handed on to this one, by giver; part of `read`.
    received: List<Arc<Account>>,
    dropped: List<Drop>,
}

/// Under what records end.
#[derive(Debug)]
struct Drop {
    plugin: Option<String>,
    reason: &'static str,
}

impl Account {
    pub(super) fn new(role: Role, name: &str, signal: Signal, epoch: Arc<Epoch>) -> Self {
        Self {
            role,
            name: name.to_owned(),
            signal,
            epoch,
            read: Count::default(),
            generated: Count::default(),
            copied: Count::default(),
            recovered: Count::default(),
            delivered: Count::default(),
            in_flight: Level::default(),
            buffered: Level::default(),
            stored: Level::default(),
            received: List::default(),
            dropped: List::default(),
        }
    }

    pub(super) fn is(&self, role: Role, name: &str, signal: Signal) -> bool {
        self.role == role && self.name == name && self.signal == signal
    }

    /// Where it stands.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The component's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it counts.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Begins entries that belong together with something outside of the ledger, such as an append to a queue.
    pub fn booking(&self) -> Booking<'_> {
        self.epoch.begin()
    }

    /// A sink's: records that are in its queue or on the way there.
    pub fn queued(&self) -> i64 {
        self.buffered.get() + self.stored.get()
    }

    /// How many records ended here for this reason.
    pub fn dropped_so_far(&self, reason: &str) -> u64 {
        self.dropped.iter().filter(|(drop, _)| drop.reason == reason).map(|(_, count)| count.get()).sum()
    }

    pub(super) fn count_dropped(&self, plugin: Option<&str>, reason: &'static str, records: u64) {
        if records > 0 {
            let is = |drop: &Drop| drop.reason == reason && drop.plugin.as_deref() == plugin;
            self.dropped.of(is, || Drop { plugin: plugin.map(str::to_owned), reason }).add(records);
        }
    }

    /// (plugin, reason, records).
    pub(super) fn drops(&self) -> impl Iterator<Item = (Option<&str>, &'static str, u64)> {
        self.dropped.iter().map(|(drop, count)| (drop.plugin.as_deref(), drop.reason, count.get()))
    }

    /// What others have handed on to this one.
    pub(super) fn received(&self) -> impl Iterator<Item = (&Arc<Self>, u64)> {
        self.received.iter().map(|(from, count)| (from, count.get()))
    }

    /// Records cross a seam: one entry for both sides.
    fn receive(&self, from: &Arc<Self>, records: u64) {
        from.in_flight.add(-(records as i64));
        self.received.of(|known| Arc::ptr_eq(known, from), || from.clone()).add(records);
        self.read.add(records);
    }
}

/// Counters that come up as they are needed, found without a lock. Few: a walk along them is a batch's cost, not a
/// record's.
struct List<K>(OnceLock<Box<Entry<K>>>);

struct Entry<K> {
    key: K,
    count: Count,
    next: List<K>,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<K> List<K> {
    fn of(&self, is: impl Fn(&K) -> bool, make: impl Fn() -> K) -> &Count {
        let mut at = self;
        loop {
            // of two who come at once with different keys one finds the other's here, and goes on
            let entry =
                at.0.get_or_init(|| Box::new(Entry { key: make(), count: Count::default(), next: Self::default() }));
            if is(&entry.key) {
                return &entry.count;
            }
            at = &entry.next;
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&K, &Count)> {
        std::iter::successors(self.0.get(), |entry| entry.next.0.get()).map(|entry| (&entry.key, &entry.count))
    }
}

impl<K: fmt::Debug> fmt::Debug for List<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A source's side of the ledger. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SourceAccount(pub(super) Arc<Account>);

impl SourceAccount {
    /// Books what was read and made, and what of it ended at once, by reason. The rest is in flight until whoever is handed
    /// it continues its [`passage`](Self::passage).
    pub fn book(&self, read: u64, generated: u64, dropped: &[(&'static str, u64)]) {
        let _booking = self.booking();
        let lost: u64 = dropped.iter().map(|(_, records)| records).sum();
        self.read.add(read);
        self.generated.add(generated);
        for (reason, records) in dropped {
            self.count_dropped(None, reason, *records);
        }
        self.in_flight.add((read + generated) as i64 - lost as i64);
    }

    /// The way of so many records that were [booked](Self::book) before.
    pub fn passage(&self, records: u64) -> Passage {
        Passage::new(self.0.clone(), records)
    }
}

/// A pipeline's side of the ledger. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PipelineAccount(pub(super) Arc<Account>);

impl PipelineAccount {
    /// Takes records over from a source's passage.
    pub fn take(&self, from: &mut Passage, records: u64) -> Passage {
        let _booking = self.booking();
        self.receive(from.account(), records);
        self.in_flight.add(records as i64);
        from.taken(1, records);
        Passage::new(self.0.clone(), records)
    }
}

/// A sink's side of the ledger. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SinkAccount(pub(super) Arc<Account>);

impl SinkAccount {
    /// Takes records over from a pipeline, into a buffer. The pipeline's [`Passage`] is told by
    /// [`taken`](Passage::taken).
    pub fn take(&self, from: &PipelineAccount, records: u64) {
        let _booking = self.booking();
        self.receive(&from.0, records);
        self.buffered.add(records as i64);
    }

    /// Records were made for this sink alone, into a buffer: markers of what ends here and nowhere else.
    pub fn generated(&self, records: u64) {
        let _booking = self.booking();
        self.generated.add(records);
        self.buffered.add(records as i64);
    }

    /// Records left the buffers for the queue. Within one [`booking`](Account::booking) with the append.
    pub fn stored_more(&self, records: u64) {
        self.buffered.add(-(records as i64));
    }

    /// Records that are in a buffer.
    pub fn buffered(&self) -> u64 {
        u64::try_from(self.buffered.get()).unwrap_or_default()
    }

    /// Records end that were in a buffer.
    pub fn dropped_unqueued(&self, reason: &'static str, records: u64) {
        let _booking = self.booking();
        self.buffered.add(-(records as i64));
        self.count_dropped(None, reason, records);
    }

    /// Records end that were in a request. Within one [`booking`](Account::booking) with the queue's commit.
    pub fn dropped(&self, reason: &'static str, records: u64) {
        self.count_dropped(None, reason, records);
    }

    /// The backend has taken records. Within one [`booking`](Account::booking) with the queue's commit.
    pub fn delivered(&self, records: u64) {
        self.delivered.add(records);
    }

    /// Records were found in the queue when it was opened. Within one [`booking`](Account::booking) with what makes the
    /// queue the sink's.
    pub fn recovered(&self, records: u64) {
        self.recovered.add(records);
    }

    /// Sets what the queue says of itself, all of it from one look at the queue, its new drops included. Within a
    /// [`booking`](Account::booking), or called by [`before_look`](super::Ledger::before_look).
    pub fn stored(&self, queued: u64, in_flight: u64, dropped: impl IntoIterator<Item = (&'static str, u64)>) {
        self.stored.set(queued as i64);
        self.in_flight.set(in_flight as i64);
        for (reason, records) in dropped {
            self.count_dropped(None, reason, records);
        }
    }
}

macro_rules! is_an_account {
    ($($name:ident)*) => {$(
        impl Deref for $name {
            type Target = Account;
            fn deref(&self) -> &Account {
                &self.0
            }
        }
    )*};
}
is_an_account!(SourceAccount PipelineAccount SinkAccount);
