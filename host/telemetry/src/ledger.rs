//! The conservation ledger: what became of every record.
//!
//! Each source, pipeline and sink has an account for its signal (samples or lines). For every account, at every moment at
//! which nothing is being booked, exactly:
//!
//! | account | identity |
//! |---|---|
//! | source | `read + generated + copied = handed_on + in_flight + dropped` |
//! | pipeline | `read + generated + copied = handed_on + in_flight + dropped` |
//! | sink | `read + recovered + generated = delivered + queued + in_flight + dropped` |
//!
//! and at every seam between two of them: what all sources have handed on to a pipeline is what it has `read`, and what
//! all pipelines have handed on to a sink is what it has `read`. So a record can be followed from its source to its end.
//!
//! - `read`: records that came in: samples that a page had, lines that were framed; what was handed to a pipeline or sink.
//! - `generated`: made here: a source's `up` and the like, a pipeline's staleness markers, a sink's of what ends there alone.
//! - `copied`: where records go more than one way, the copies: with two pipelines one more of each, with three two.
//! - `handed_on`: what the next in line has taken, by whom (label `to`); a copy counts like the first.
//! - `recovered`: a sink's, found in its queue at start: what the process before left there as `queued` and `in_flight`.
//! - `delivered`: the backend has said so.
//! - `dropped`: ended here, by `reason`, and by `plugin` where one did it. [`REASONS`] has them all. A reason that ends in
//!   `_unknown` counts records of which the backend may have kept some.
//! - `queued`: on disk, or on the way there in a buffer. `in_flight`: being worked on; a sink's: in a request.
//!
//! `queued` and `in_flight` are gauges (`weir_records_held`), all others counters since start (`weir_records_total`), both
//! labelled `signal`, one of `source`, `pipeline` and `sink`, and `stage`.
//!
//! # How it stays exact without locks
//! Books are kept by batch, never by record, with atomic additions alone. What belongs together is added within a
//! [`Booking`], which does no more than count itself in and out. A [look](Ledger::look) at the ledger is exact when no
//! booking was open or begun while it lasted, and is repeated until it is: bookings take well under a microsecond, but
//! for an append to a queue, which takes a write. Whoever needs a look at once and always finds a booking open gets one
//! that says that it is not [exact](Snapshot::exact).
//!
//! What is in flight is counted by what came in, not by what went out: a [`Passage`] that ends takes what is left of it out
//! of `in_flight` without booking it anywhere. So a record that a component forgets to book shows as a difference of
//! its account for ever, and is not taken for one that is still on its way.

mod account;
mod check;
mod page;
mod passage;
mod reasons;
mod snapshot;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

pub use account::{Account, Count, Level, PipelineAccount, SinkAccount, SourceAccount};
pub use check::{Checker, Outcome};
pub use passage::Passage;
pub use reasons::{REASONS, Reason};
pub use snapshot::{AccountNow, Dropped, SeamNow, Snapshot};

use crate::metrics::Metrics;

/// How often a look is tried at once before it is given as it is: with bookings open a tenth of the time, all of these fail
/// once in 10^16 looks, and together they take a few milliseconds at most.
const ATTEMPTS: usize = 16;

/// What kind of record an account counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Samples of series.
    Samples,
    /// Lines of logs.
    Lines,
}

impl Signal {
    /// As in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::Lines => "lines",
        }
    }
}

/// Where in the way of the data an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `scrape.node`, `file_logs.app`.
    Source,
    /// A pipeline, by its bare name.
    Pipeline,
    /// `remote_write.mimir`, `loki.main`.
    Sink,
}

impl Role {
    /// The name of the label that holds the account's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Pipeline => "pipeline",
            Self::Sink => "sink",
        }
    }
}

/// The whole ledger; clones share it.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

/// Brings what is only known elsewhere (a queue's numbers) into its account; see [`Ledger::before_look`].
type Refresh = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Inner {
    epoch: Arc<Epoch>,
    accounts: RwLock<Vec<Arc<Account>>>,
    refreshes: Mutex<Vec<Refresh>>,
    /// One look at a time: refreshing is the only booking that a look allows, and it must be its own.
    looking: Mutex<()>,
}

impl Ledger {
    /// A ledger shown in `metrics`; each page of them shows it by a look of its own.
    pub fn new(metrics: &Metrics) -> Self {
        let ledger = Self(Arc::default());
        metrics.register_collector(Box::new(page::Page(ledger.clone())));
        ledger
    }

    /// The account of a source, such as `scrape.node` or `file_logs.app`.
    pub fn source(&self, name: &str, signal: Signal) -> SourceAccount {
        SourceAccount(self.account(Role::Source, name, signal))
    }

    /// The account of a pipeline, by its name.
    pub fn pipeline(&self, name: &str, signal: Signal) -> PipelineAccount {
        PipelineAccount(self.account(Role::Pipeline, name, signal))
    }

    /// The account of a sink, such as `remote_write.mimir` or `loki.main`.
    pub fn sink(&self, name: &str, signal: Signal) -> SinkAccount {
        SinkAccount(self.account(Role::Sink, name, signal))
    }

    fn account(&self, role: Role, name: &str, signal: Signal) -> Arc<Account> {
        let mut accounts = self.0.accounts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = accounts.iter().find(|a| a.is(role, name, signal)) {
            return known.clone();
        }
        let account = Arc::new(Account::new(role, name, signal, self.0.epoch.clone()));
        accounts.push(account.clone());
        account
    }

    /// Has `refresh` called at each look, to set what an account cannot count itself
    /// ([`SinkAccount::stored`]). It must not look at the ledger.
    pub fn before_look(&self, refresh: impl Fn() + Send + Sync + 'static) {
        lock(&self.0.refreshes).push(Box::new(refresh));
    }

    /// The ledger at one moment. Short, and no hindrance to those who book.
    pub fn look(&self) -> Snapshot {
        let _one_at_a_time = lock(&self.0.looking);
        for _ in 0..ATTEMPTS {
            if let Some(exact) = self.exact_look() {
                return exact;
            }
            std::thread::yield_now();
        }
        self.refresh();
        self.read(false)
    }

    fn exact_look(&self) -> Option<Snapshot> {
        let quiet = self.0.epoch.quiet()?;
        self.refresh();
        let snapshot = self.read(true);
        self.0.epoch.is_still(quiet).then_some(snapshot)
    }

    fn refresh(&self) {
        for refresh in lock(&self.0.refreshes).iter() {
            refresh();
        }
    }

    fn read(&self, exact: bool) -> Snapshot {
        Snapshot::of(&self.0.accounts.read().unwrap_or_else(PoisonError::into_inner), exact)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts = self.0.accounts.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Ledger({accounts} accounts)")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // each change is one push
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many bookings were begun and how many are done: equal means that none is open.
///
/// The order that makes a look exact: a booking's additions release and come between its two counts; a look acquires, the
/// counts around its reading. If it saw any addition of a booking, it also sees that booking's beginning.
#[derive(Debug, Default)]
struct Epoch {
    begun: Line,
    done: Line,
}

/// A number on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line(AtomicU64);

impl Epoch {
    fn begin(&self) -> Booking<'_> {
        self.begun.0.fetch_add(1, Ordering::AcqRel);
        Booking(self)
    }

    /// How many bookings there have been, if none is open.
    fn quiet(&self) -> Option<u64> {
        let done = self.done.0.load(Ordering::Acquire);
        let begun = self.begun.0.load(Ordering::Acquire);
        (begun == done).then_some(begun)
    }

    /// Whether none has begun since there were so many.
    fn is_still(&self, begun: u64) -> bool {
        self.begun.0.load(Ordering::Acquire) == begun
    }
}

/// Entries that belong together: while it lives, no look is exact. Keep it short.
#[derive(Debug)]
#[must_use = "what is booked after it is dropped does not belong to it"]
pub struct Booking<'a>(&'a Epoch);

impl Drop for Booking<'_> {
    fn drop(&mut self) {
        self.0.done.0.fetch_add(1, Ordering::AcqRel);
    }
}
