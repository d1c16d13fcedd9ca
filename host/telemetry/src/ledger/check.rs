//! weir checks its own books.

use std::collections::BTreeMap;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{Ledger, Role, Signal, Snapshot};
use crate::metrics::Metrics;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every account and every seam adds up.
    Balanced,
    /// Something does not, for the first time: the next check tells whether that stands.
    Suspect,
    /// Something does not, and did not at the check before either.
    Imbalanced,
    /// Something was being booked all the time; nothing can be said. Ask again soon.
    Busy,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Suspect => "suspect",
            Self::Imbalanced => "imbalanced",
            Self::Busy => "busy",
        }
    }
}

/// What is checked: an account, or the seam before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    role: Role,
    name: String,
    signal: Signal,
    identity: &'static str,
}

type Labels = Vec<(&'static str, String)>;

/// Looks whether the ledger balances, and makes it known where it does not.
///
/// Only exact looks count, in which a difference is a miscount and never something under way. Still it is told only when it
/// stands: the same place is off in the same direction at two checks in a row, by the smaller of both amounts. That bears
/// with a component that books in two steps what belongs in one.
pub struct Checker {
    ledger: Ledger,
    imbalance: Family<Labels, Gauge>,
    checks: Family<[(&'static str, &'static str); 1], Counter>,
    before: BTreeMap<Place, i64>,
    standing: BTreeMap<Place, i64>,
}

impl Checker {
    /// A checker of `ledger`, shown in `metrics`.
    pub fn new(ledger: &Ledger, metrics: &Metrics) -> Self {
        Self {
            ledger: ledger.clone(),
            imbalance: metrics.register(
                "weir_ledger_imbalance_records",
                "Records that an account (or the seam before it) cannot account for; 0 as long as weir counts right",
                Family::default(),
            ),
            checks: metrics.register(
                "weir_ledger_checks",
                "Checks of the conservation ledger, by what they came to",
                Family::default(),
            ),
            before: BTreeMap::new(),
            standing: BTreeMap::new(),
        }
    }

    /// Looks once.
    pub fn check(&mut self) -> Outcome {
        let now = self.ledger.look();
        let outcome = if now.exact { self.compare(&now) } else { Outcome::Busy };
        self.checks.get_or_create(&[("result", outcome.as_str())]).inc();
        outcome
    }

    fn compare(&mut self, now: &Snapshot) -> Outcome {
        let differences = differences(now);
        let mut standing = BTreeMap::new();
        let mut suspect = false;
        for (place, &amount) in &differences {
            let before = self.before.get(place).copied().unwrap_or_default();
            let stands = if amount.signum() == before.signum() { least(amount, before) } else { 0 };
            self.imbalance.get_or_create(&place.labels()).set(stands);
            if stands != 0 {
                standing.insert(place.clone(), stands);
            } else if amount != 0 {
                suspect = true;
            }
        }
        self.tell(&standing, now);
        self.before = differences;
        self.standing = standing;
        match (self.standing.is_empty(), suspect) {
            (false, _) => Outcome::Imbalanced,
            (true, true) => Outcome::Suspect,
            (true, false) => Outcome::Balanced,
        }
    }

    /// Logs what has changed.
    fn tell(&self, standing: &BTreeMap<Place, i64>, now: &Snapshot) {
        for (place, records) in standing.iter().filter(|(place, records)| self.standing.get(place) != Some(records)) {
            let account = now.account(place.role, &place.name, place.signal);
            tracing::error!(
                kind = place.role.as_str(),
                account = place.name,
                signal = place.signal.as_str(),
                identity = place.identity,
                records,
                ?account,
                "the ledger does not balance: records are not accounted for"
            );
        }
        for place in self.standing.keys().filter(|place| !standing.contains_key(place)) {
            let signal = place.signal.as_str();
            tracing::info!(kind = place.role.as_str(), account = place.name, signal, "the ledger balances again");
        }
    }
}

impl Place {
    fn labels(&self) -> Labels {
        vec![
            ("signal", self.signal.as_str().to_owned()),
            (self.role.as_str(), self.name.clone()),
            ("identity", self.identity.to_owned()),
        ]
    }
}

fn differences(now: &Snapshot) -> BTreeMap<Place, i64> {
    let place =
        |a: &super::AccountNow, identity| Place { role: a.role, name: a.name.clone(), signal: a.signal, identity };
    let accounts = now.accounts.iter().map(|a| (place(a, "account"), a.difference()));
    accounts.chain(now.seams().map(|s| (place(s.into, "seam"), s.difference()))).collect()
}

/// The one nearer to zero.
fn least(a: i64, b: i64) -> i64 {
    if a.abs() < b.abs() { a } else { b }
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("standing", &self.standing).finish_non_exhaustive()
    }
}
