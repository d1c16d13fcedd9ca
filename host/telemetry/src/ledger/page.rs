//! The ledger on `/metrics`: each page is one look, so that what stands on it adds up.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::{AccountNow, Ledger, Role};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Page(pub(super) Ledger);

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = self.0.look();
        let help = "Records by what became of them, since start (the conservation ledger)";
        let mut records = encoder.encode_descriptor("weir_records", help, None, MetricType::Counter)?;
        for account in &now.accounts {
            for (labels, value) in counters(account) {
                records.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            }
        }
        let help = "Records that are neither delivered nor dropped yet (the conservation ledger)";
        let mut gauges = encoder.encode_descriptor("weir_records_held", help, None, MetricType::Gauge)?;
        for account in &now.accounts {
            for (stage, value) in [("queued", account.queued), ("in_flight", account.in_flight)] {
                if stage == "in_flight" || account.role == Role::Sink {
                    gauges.encode_family(&labels(account, stage))?.encode_gauge(&value)?;
                }
            }
        }
        Ok(())
    }
}

fn labels<'a>(account: &'a AccountNow, stage: &'static str) -> Labels<'a> {
    vec![("signal", account.signal.as_str()), (account.role.as_str(), &account.name), ("stage", stage)]
}

fn counters(account: &AccountNow) -> Vec<(Labels<'_>, u64)> {
    let mut rows = vec![(labels(account, "read"), account.read), (labels(account, "generated"), account.generated)];
    if account.role == Role::Sink {
        rows.push((labels(account, "recovered"), account.recovered));
        rows.push((labels(account, "delivered"), account.delivered));
    } else {
        rows.push((labels(account, "copied"), account.copied));
    }
    for (taker, records) in &account.handed_on {
        let mut row = labels(account, "handed_on");
        row.push(("to", taker));
        rows.push((row, *records));
    }
    for dropped in &account.dropped {
        let mut row = labels(account, "dropped");
        row.push(("reason", dropped.reason));
        if let Some(plugin) = &dropped.plugin {
            row.push(("plugin", plugin));
        }
        rows.push((row, dropped.records));
    }
    rows
}
