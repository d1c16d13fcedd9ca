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

use serde_json::Value;
use weir_telemetry::ledger::REASONS;

use crate::eventually;
use crate::http;
use crate::weir::Weir;

/// The numbers of one account, in records since the process' start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What came in.
    pub read: u64,
    /// What the component made itself (`up`, staleness markers).
    pub generated: u64,
    /// A source's or pipeline's: copies, where records go more than one way.
    pub copied: u64,
    /// A source's or pipeline's: what others have taken, by name.
    pub handed_on: BTreeMap<String, u64>,
    /// A sink's: what was found on disk at start.
    pub recovered: u64,
    /// A sink's: what the backend has taken.
    pub delivered: u64,
    /// A sink's: what waits on disk or for it.
    pub queued: i64,
    /// What is being worked on, or in a request.
    pub in_flight: i64,
    /// What ended here, by reason, whichever plugin it was.
    pub dropped: BTreeMap<String, u64>,
    /// What weir says it cannot account for.
    pub difference: i64,
}

impl Account {
    fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.generated += other.generated;
        self.copied += other.copied;
        self.recovered += other.recovered;
        self.delivered += other.delivered;
        self.queued += other.queued;
        self.in_flight += other.in_flight;
        self.difference += other.difference;
        for (to, records) in &other.handed_on {
            *self.handed_on.entry(to.clone()).or_default() += records;
        }
        for (reason, records) in &other.dropped {
            *self.dropped.entry(reason.clone()).or_default() += records;
        }
    }

    /// What ended here for this reason.
    pub fn dropped(&self, reason: &str) -> u64 {
        self.dropped.get(reason).copied().unwrap_or_default()
    }

    /// What ended here for any reason.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// What has neither arrived nor ended.
    pub fn held(&self) -> i64 {
        self.queued + self.in_flight
    }

    /// What all takers together have taken.
    pub fn handed_on_in_all(&self) -> u64 {
        self.handed_on.values().sum()
    }
}

/// The ledger at one moment.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Whether nothing was booked while it was read.
    pub exact: bool,
    /// What weir itself says.
    pub balanced: bool,
    /// By name.
    pub sources: BTreeMap<String, Account>,
    /// By name.
    pub pipelines: BTreeMap<String, Account>,
    /// By name.
    pub sinks: BTreeMap<String, Account>,
}

impl Ledger {
    /// Asks weir for it.
    pub async fn read(weir: &Weir) -> Result<Self, String> {
        let (status, text) = http::get(&weir.url("/api/v1/ledger")).await?;
        if status != 200 {
            return Err(format!("{status}: {text}"));
        }
        let answer: Value = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))?;
        Ok(Self::of(&answer["data"]))
    }

    /// The `data` of `/api/v1/ledger`.
    pub fn of(data: &Value) -> Self {
        let accounts = |kind: &str, key: &str| {
            let all = data[kind].as_array().unwrap_or_else(|| panic!("no {kind} in {data}"));
            let mut by_name: BTreeMap<String, Account> = BTreeMap::new();
            for one in all {
                // a plugin that emits has an account for samples and one for lines
                by_name.entry(one[key].as_str().unwrap().to_owned()).or_default().add(&account(one));
            }
            by_name
        };
        Self {
            exact: data["exact"] == true,
            balanced: data["balanced"] == true,
            sources: accounts("sources", "source"),
            pipelines: accounts("pipelines", "pipeline"),
            sinks: accounts("sinks", "sink"),
        }
    }

    /// A source's account: `scrape.node`, `file_logs.app`. One that was never used is all zero.
    pub fn source(&self, name: &str) -> Account {
        self.sources.get(name).cloned().unwrap_or_default()
    }

    /// A pipeline's account, by the pipeline's name.
    pub fn pipeline(&self, name: &str) -> Account {
        self.pipelines.get(name).cloned().unwrap_or_default()
    }

    /// A sink's account: `remote_write.mimir`, `loki.main`.
    pub fn sink(&self, name: &str) -> Account {
        self.sinks.get(name).cloned().unwrap_or_default()
    }

    /// Whether every account and every seam adds up, summed here anew; the error says what does not, with its numbers.
    /// A ledger that is not exact says nothing, and a reason that [`REASONS`] lacks is an error.
    pub fn balances(&self) -> Result<(), String> {
        if !self.exact {
            return Err("something was being booked all the time".to_owned());
        }
        let all = self.sources.iter().chain(&self.pipelines).chain(&self.sinks);
        for (name, account) in all {
            let is_sink = self.sinks.contains_key(name);
            let (more, kept) = if is_sink {
                (account.recovered, account.delivered as i64 + account.queued)
            } else {
                (account.copied, account.handed_on_in_all() as i64)
            };
            let came = (account.read + account.generated + more) as i64;
            let went = kept + account.in_flight + account.dropped_in_all() as i64;
            if came != went || account.difference != 0 {
                return Err(format!("{name}: {came} came, {went} went: {account:?}"));
            }
            if let Some(reason) = account.dropped.keys().find(|r| !REASONS.iter().any(|known| known.reason == **r)) {
                return Err(format!("{name}: the reason {reason:?} is not in the table of reasons"));
            }
        }
        for (givers, takers) in [(&self.sources, &self.pipelines), (&self.pipelines, &self.sinks)] {
            for (name, taker) in takers {
                let handed: u64 = givers.values().filter_map(|g| g.handed_on.get(name)).sum();
                if handed != taker.read {
                    return Err(format!("{handed} were handed on to {name}, which has read {}", taker.read));
                }
            }
        }
        if self.balanced { Ok(()) } else { Err("weir says that it does not balance".to_owned()) }
    }

    /// The first account that still holds records.
    pub fn unsettled(&self) -> Option<(&String, &Account)> {
        let all = self.sources.iter().chain(&self.pipelines).chain(&self.sinks);
        all.into_iter().find(|(_, a)| a.queued != 0 || a.in_flight != 0)
    }
}

fn account(json: &Value) -> Account {
    let count = |name: &str| json[name].as_u64().unwrap_or_default();
    let level = |name: &str| json[name].as_i64().unwrap_or_default();
    let mut dropped = BTreeMap::new();
    for one in json["dropped"].as_array().unwrap() {
        *dropped.entry(one["reason"].as_str().unwrap().to_owned()).or_default() += one["records"].as_u64().unwrap();
    }
    let handed_on = json["handedOn"].as_object().into_iter().flatten();
    Account {
        read: count("read"),
        generated: count("generated"),
        copied: count("copied"),
        handed_on: handed_on.map(|(to, n)| (to.clone(), n.as_u64().unwrap())).collect(),
        recovered: count("recovered"),
        delivered: count("delivered"),
        queued: level("queued"),
        in_flight: level("inFlight"),
        dropped,
        difference: level("difference"),
    }
}

/// Waits until weir's ledger balances, and gives it. It need not be at rest for that: what is under way is in the gauges.
pub async fn balanced(weir: &Weir) -> Ledger {
    eventually("the ledger balances", async || {
        let ledger = Ledger::read(weir).await?;
        ledger.balances().map(|()| ledger)
    })
    .await
}

/// Waits until the ledger balances with nothing queued and nothing in flight anywhere, and gives it.
pub async fn settled(weir: &Weir) -> Ledger {
    eventually("the ledger balances with nothing under way", async || {
        let ledger = Ledger::read(weir).await?;
        ledger.balances()?;
        match ledger.unsettled() {
            Some((name, account)) => Err(format!("{name} still holds records: {account:?}")),
            None => Ok(ledger),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data(delivered: u64, handed_on: u64, reason: &str) -> Value {
        json!({
            "exact": true, "balanced": true, "sources": [],
            "pipelines": [{ "pipeline": "logs", "read": 0, "generated": 5, "handedOn": { "loki.a": handed_on },
                            "dropped": [], "inFlight": 5 - handed_on, "difference": 0 }],
            "sinks": [{ "sink": "loki.a", "read": 5, "delivered": delivered, "queued": 1, "inFlight": 0,
                        "dropped": [{ "reason": reason, "records": 1 }], "difference": 0 }],
        })
    }

    #[test]
    fn what_does_not_add_up_is_named() {
        let balances = |delivered, handed_on, reason| Ledger::of(&data(delivered, handed_on, reason)).balances();
        balances(3, 5, "queue_full").unwrap();
        let lost = balances(2, 5, "queue_full").unwrap_err();
        assert!(lost.starts_with("loki.a: 5 came, 4 went"), "{lost}");
        assert_eq!(balances(3, 4, "queue_full").unwrap_err(), "4 were handed on to loki.a, which has read 5");
        assert!(balances(3, 5, "because").unwrap_err().contains("table of reasons"));
    }
}
