//! The conservation ledger of a running weir, as the judge of a test.
//!
//! ```no_run
//! # async fn example(weir: &weir_rig::Weir) {
//! let ledger = weir_rig::ledger::balanced(weir).await; // waits until it does, within a bound
//! let sink = ledger.sink("remote_write.mimir");
//! assert_eq!(sink.delivered + sink.dropped_in_all(), sink.read + sink.recovered);
//! assert_eq!(sink.dropped("queue_full"), 0);
//! # }
//! ```

use std::collections::BTreeMap;

use crate::eventually;
use crate::metrics::Page;
use crate::weir::Weir;

/// The numbers of one account, in records since the process' start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What came in.
    pub read: u64,
    /// What the component made itself (`up`, staleness markers).
    pub generated: u64,
    /// A sink's: what was found on disk at start.
    pub recovered: u64,
    /// A sink's: what the backend has taken.
    pub delivered: u64,
    /// A sink's: what waits on disk or for it.
    pub queued: i64,
    /// What is being worked on, or in a request.
    pub in_flight: i64,
    /// What ended here, by reason.
    pub dropped: BTreeMap<String, u64>,
}

impl Account {
    /// What ended here for this reason.
    pub fn dropped(&self, reason: &str) -> u64 {
        self.dropped.get(reason).copied().unwrap_or_default()
    }

    /// What ended here for any reason.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// The ledger at one moment.
#[derive(Clone, Debug, Default)]
pub struct Ledger(BTreeMap<String, Account>);

impl Ledger {
    /// The ledger on a page of weir's metrics.
    pub fn of(page: &Page) -> Self {
        let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
        for sample in page.matching("weir_records_total", &[]).chain(page.matching("weir_records_held", &[])) {
            let label = |name: &str| sample.labels.get(name).map(String::as_str).unwrap_or_default();
            let account = accounts.entry(label("component").to_owned()).or_default();
            let count = sample.value as u64;
            match label("stage") {
                "read" => account.read += count,
                "generated" => account.generated += count,
                "recovered" => account.recovered += count,
                "delivered" => account.delivered += count,
                "queued" => account.queued += sample.value as i64,
                "in_flight" => account.in_flight += sample.value as i64,
                "dropped" => *account.dropped.entry(label("reason").to_owned()).or_default() += count,
                _ => {}
            }
        }
        Self(accounts)
    }

    /// A source's account: `scrape.node`, `file_logs.app`. One that was never used is all zero.
    pub fn source(&self, name: &str) -> Account {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// A pipeline's account, by the pipeline's name.
    pub fn pipeline(&self, name: &str) -> Account {
        self.0.get(&format!("pipeline.{name}")).cloned().unwrap_or_default()
    }

    /// A sink's account: `remote_write.mimir`, `loki.main`.
    pub fn sink(&self, name: &str) -> Account {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// Whether every account adds up; the error says which does not, with its numbers.
    pub fn balances(&self) -> Result<(), String> {
        let is_sink = |name: &str| name.starts_with("remote_write.") || name.starts_with("loki.");
        for (name, account) in self.0.iter().filter(|(name, _)| is_sink(name)) {
            let came = (account.read + account.recovered + account.generated) as i64;
            let went = (account.delivered + account.dropped_in_all()) as i64 + account.queued + account.in_flight;
            if came != went {
                return Err(format!("{name}: {came} came, {went} went: {account:?}"));
            }
        }
        Ok(())
    }
}

/// Waits until weir's ledger balances, and gives it. It need not be at rest for that: what is under way is in the gauges.
pub async fn balanced(weir: &Weir) -> Ledger {
    eventually("the ledger balances", async || {
        let ledger = Ledger::of(&weir.metrics().await);
        ledger.balances().map(|()| ledger)
    })
    .await
}

/// Waits until the ledger balances with nothing queued and nothing in flight in any sink, and gives it.
pub async fn settled(weir: &Weir) -> Ledger {
    eventually("the ledger balances with nothing under way", async || {
        let ledger = Ledger::of(&weir.metrics().await);
        ledger.balances()?;
        match ledger.0.iter().find(|(_, a)| a.queued != 0 || a.in_flight != 0) {
            Some((name, account)) => Err(format!("{name} still holds records: {account:?}")),
            None => Ok(ledger),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_that_lost_a_record_does_not_balance() {
        let line = |stage: &str, n: u64| {
            format!("weir_records_total{{component=\"loki.a\",signal=\"lines\",stage=\"{stage}\",reason=\"\"}} {n}\n")
        };
        let page = |delivered| line("read", 5) + &line("delivered", delivered);
        Ledger::of(&Page::read(&page(5))).balances().unwrap();
        let wrong = Ledger::of(&Page::read(&page(4))).balances().unwrap_err();
        assert!(wrong.starts_with("loki.a: 5 came, 4 went"), "{wrong}");
    }
}
