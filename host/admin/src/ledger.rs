//! `GET /api/v1/ledger`: the conservation ledger, in Prometheus' envelope (`{"status": "success", "data": …}`).
//!
//! ```json
//! {
//!   "balanced": true,
//!   "exact": true,
//!   "sources": [
//!     { "source": "scrape.node", "signal": "samples", "read": 1200, "generated": 15, "copied": 0,
//!       "handedOn": { "metrics": 1213 }, "inFlight": 0,
//!       "dropped": [{ "reason": "duplicate", "records": 2 }], "difference": 0 }
//!   ],
//!   "pipelines": [
//!     { "pipeline": "metrics", "signal": "samples", "read": 1213, "generated": 3, "copied": 1206,
//!       "handedOn": { "remote_write.a": 1206, "remote_write.b": 1206 }, "inFlight": 0,
//!       "dropped": [{ "reason": "verdict", "plugin": "relabel", "records": 10 }], "difference": 0 }
//!   ],
//!   "sinks": [
//!     { "sink": "remote_write.a", "signal": "samples", "read": 1206, "generated": 0, "recovered": 0, "delivered": 1200,
//!       "queued": 6, "inFlight": 0, "dropped": [], "difference": 0 }
//!   ],
//!   "seams": [
//!     { "into": "metrics", "signal": "samples", "from": { "scrape.node": 1213 }, "handedOn": 1213, "read": 1213,
//!       "difference": 0 }
//!   ],
//!   "totals": { "samples": { "read": 1200, "generated": 18, "…": 0 }, "lines": { "…": 0 } }
//! }
//! ```
//!
//! [`weir_telemetry::ledger`] says what the numbers mean and which sums hold. `difference` is what an account or a seam
//! cannot account for; `balanced` says that all are 0, those that a filter leaves out included. Not `exact` means that
//! records were being booked all the while: a difference then means nothing, and one asks again.
//!
//! `totals` are the way in and out of weir: what all sources read and all made themselves, what all sinks recovered and
//! delivered, hold and have in flight, and what ended anywhere. `copied` is in them too: with two sinks a record that was
//! read once is delivered twice.
//!
//! `?signal=samples` or `lines`, and `?source=`, `?pipeline=`, `?sink=` with a name, leave out all other accounts (and the
//! seams before them).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_telemetry::ledger::{AccountNow, Dropped, Snapshot};
use weir_telemetry::{Role, Signal};

/// What of the ledger is asked for; all of it by default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    signal: Option<String>,
    source: Option<String>,
    pipeline: Option<String>,
    sink: Option<String>,
}

impl Filter {
    fn wants(&self, account: &AccountNow) -> bool {
        let is =
            |name: &Option<String>, role| name.as_ref().is_some_and(|n| account.role == role && account.name == *n);
        let any_name = self.source.is_none() && self.pipeline.is_none() && self.sink.is_none();
        self.signal.as_ref().is_none_or(|s| s == account.signal.as_str())
            && (any_name
                || is(&self.source, Role::Source)
                || is(&self.pipeline, Role::Pipeline)
                || is(&self.sink, Role::Sink))
    }
}

/// The answer's `data`.
pub fn data(now: &Snapshot, filter: &Filter) -> Value {
    let of = |role| -> Vec<Value> {
        now.accounts.iter().filter(|a| a.role == role && filter.wants(a)).map(account).collect()
    };
    let seams: Vec<Value> = now
        .seams()
        .filter(|seam| filter.wants(seam.into))
        .map(|seam| {
            json!({
                "into": seam.into.name, "signal": seam.into.signal.as_str(), "from": by_name(&seam.into.received),
                "handedOn": seam.handed_on, "read": seam.read, "difference": seam.difference(),
            })
        })
        .collect();
    json!({
        "balanced": now.balanced(),
        "exact": now.exact,
        "sources": of(Role::Source),
        "pipelines": of(Role::Pipeline),
        "sinks": of(Role::Sink),
        "seams": seams,
        "totals": { "samples": totals(now, Signal::Samples), "lines": totals(now, Signal::Lines) },
    })
}

fn account(account: &AccountNow) -> Value {
    let mut shown = Map::new();
    shown.insert(account.role.as_str().to_owned(), account.name.clone().into());
    shown.insert("signal".to_owned(), account.signal.as_str().into());
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("read", account.read.into());
    put("generated", account.generated.into());
    if account.role == Role::Sink {
        put("recovered", account.recovered.into());
        put("delivered", account.delivered.into());
        put("queued", account.queued.into());
    } else {
        put("copied", account.copied.into());
        put("handedOn", by_name(&account.handed_on));
    }
    put("inFlight", account.in_flight.into());
    put("dropped", account.dropped.iter().map(dropped).collect());
    put("difference", account.difference().into());
    shown.into()
}

fn by_name(records: &[(String, u64)]) -> Value {
    records.iter().map(|(name, records)| (name.clone(), Value::from(*records))).collect::<Map<_, _>>().into()
}

fn dropped(dropped: &Dropped) -> Value {
    let mut shown = json!({ "reason": dropped.reason, "records": dropped.records });
    if let Some(plugin) = &dropped.plugin {
        shown["plugin"] = plugin.clone().into();
    }
    shown
}

fn totals(now: &Snapshot, signal: Signal) -> Value {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for account in now.accounts.iter().filter(|a| a.signal == signal) {
        let mut add = |what, records: i64| *sums.entry(what).or_default() += records;
        if account.role == Role::Source {
            add("read", account.read as i64);
        }
        add("generated", account.generated as i64);
        add("copied", account.copied as i64);
        add("recovered", account.recovered as i64);
        add("delivered", account.delivered as i64);
        add("queued", account.queued);
        add("inFlight", account.in_flight);
        add("dropped", account.dropped_in_all() as i64);
        add("difference", account.difference());
    }
    json!(sums)
}
