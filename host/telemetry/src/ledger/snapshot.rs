//! The ledger as plain numbers.

use std::sync::Arc;

use super::account::Account;
use super::{Role, Signal};

/// The ledger at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether nothing was booked while it was taken. Otherwise a difference means nothing.
    pub exact: bool,
    /// All accounts: sources, pipelines, sinks, each by name.
    pub accounts: Vec<AccountNow>,
}

/// One account's numbers; the [module](super) says what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the module explains each")]
pub struct AccountNow {
    pub role: Role,
    pub name: String,
    pub signal: Signal,
    pub read: u64,
    pub generated: u64,
    pub copied: u64,
    pub recovered: u64,
    pub delivered: u64,
    pub queued: i64,
    pub in_flight: i64,
    /// By taker.
    pub handed_on: Vec<(String, u64)>,
    pub dropped: Vec<Dropped>,
    /// By giver; a pipeline's and a sink's `read` is the sum of it.
    pub received: Vec<(String, u64)>,
}

/// Records that ended in an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dropped {
    /// The plugin that did it, if one did.
    pub plugin: Option<String>,
    /// Why; one of [`REASONS`](super::REASONS).
    pub reason: &'static str,
    /// How many.
    pub records: u64,
}

/// What crossed into an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeamNow<'a> {
    /// The account that took it.
    pub into: &'a AccountNow,
    /// What the givers have handed on to it.
    pub handed_on: u64,
    /// What it has read.
    pub read: u64,
}

impl Snapshot {
    pub(super) fn of(accounts: &[Arc<Account>], exact: bool) -> Self {
        let mut all: Vec<AccountNow> = accounts.iter().map(|account| now(account)).collect();
        let mut handed: Vec<(usize, String, u64)> = vec![];
        for taker in accounts {
            for (giver, records) in taker.received() {
                if let Some(at) = accounts.iter().position(|a| Arc::ptr_eq(a, giver)) {
                    handed.push((at, taker.name().to_owned(), records));
                }
            }
        }
        for (at, taker, records) in handed {
            if let Some(giver) = all.get_mut(at) {
                giver.handed_on.push((taker, records));
            }
        }
        for account in &mut all {
            account.handed_on.sort();
        }
        all.sort_by(|a, b| (a.role, &a.name, a.signal).cmp(&(b.role, &b.name, b.signal)));
        Self { exact, accounts: all }
    }

    /// An account's numbers.
    pub fn account(&self, role: Role, name: &str, signal: Signal) -> Option<&AccountNow> {
        self.accounts.iter().find(|a| a.role == role && a.name == name && a.signal == signal)
    }

    /// The seams: one before each pipeline and each sink.
    pub fn seams(&self) -> impl Iterator<Item = SeamNow<'_>> {
        self.accounts.iter().filter(|a| a.role != Role::Source).map(|into| SeamNow {
            into,
            handed_on: into.received.iter().map(|(_, records)| records).sum(),
            read: into.read,
        })
    }

    /// Whether every account and every seam adds up.
    pub fn balanced(&self) -> bool {
        self.accounts.iter().all(|a| a.difference() == 0) && self.seams().all(|s| s.difference() == 0)
    }
}

impl AccountNow {
    /// The left side of the account's identity.
    pub fn came(&self) -> u64 {
        match self.role {
            Role::Source | Role::Pipeline => self.read + self.generated + self.copied,
            Role::Sink => self.read + self.generated + self.recovered,
        }
    }

    /// The right side, but for what ended.
    pub fn kept(&self) -> i64 {
        match self.role {
            Role::Source | Role::Pipeline => self.handed_on_in_all() as i64 + self.in_flight,
            Role::Sink => self.delivered as i64 + self.queued + self.in_flight,
        }
    }

    /// Records that are not accounted for; negative where more went than came. 0 in an exact snapshot of a correct weir.
    pub fn difference(&self) -> i64 {
        self.came() as i64 - self.kept() - self.dropped_in_all() as i64
    }

    /// To all takers.
    pub fn handed_on_in_all(&self) -> u64 {
        self.handed_on.iter().map(|(_, records)| records).sum()
    }

    /// For all reasons.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().map(|d| d.records).sum()
    }
}

impl SeamNow<'_> {
    /// Records that were handed on and not taken; negative where more was taken.
    pub fn difference(&self) -> i64 {
        self.handed_on as i64 - self.read as i64
    }
}

fn now(account: &Account) -> AccountNow {
    let drop = |(plugin, reason, records): (Option<&str>, _, _)| Dropped {
        plugin: plugin.map(str::to_owned),
        reason,
        records,
    };
    let mut dropped: Vec<Dropped> = account.drops().map(drop).collect();
    dropped.sort();
    let mut received: Vec<_> = account.received().map(|(from, records)| (from.name().to_owned(), records)).collect();
    received.sort();
    AccountNow {
        role: account.role(),
        name: account.name().to_owned(),
        signal: account.signal(),
        read: account.read.get(),
        generated: account.generated.get(),
        copied: account.copied.get(),
        recovered: account.recovered.get(),
        delivered: account.delivered.get(),
        queued: account.queued(),
        in_flight: account.in_flight.get(),
        handed_on: vec![],
        dropped,
        received,
    }
}
