//! `weir queue ls`.

use serde_json::{Value, json};
use weir_push::{Health, SinkQueue};
use weir_queue::inspect::{Depth, Inspected};

use super::table::{age, bytes, number, table};
use super::{Place, look, now_ms, print, print_json};
use crate::failure::Failure;

pub(super) fn ls(place: &Place, json: bool) -> Result<(), Failure> {
    let mut found = vec![];
    for dir in place.queues()? {
        found.push(look(&dir, Depth::Totals, &mut |_| (), &mut |_| ())?);
    }
    if json {
        return print_json(&json!({ "queues": found.iter().map(row).collect::<Vec<_>>() }));
    }
    print(&text(&found, now_ms()))
}

/// A queue as `ls --json` and `/api/v1/queues` show it. The health is known to the process that has the queue open.
pub(super) fn row(found: &Inspected) -> Value {
    let queued = found.queued();
    json!({
        "sink": found.sink,
        "dir": found.dir,
        "in_use": found.in_use,
        "health": null,
        "generation": found.generation(),
        "lanes": found.lane_count(),
        "records": queued.records,
        "entries": queued.entries,
        "bytes": queued.bytes,
        "disk_bytes": found.disk_bytes(),
        "oldest_ms": found.oldest_ms(),
    })
}

/// The same of a queue that this process has open: what the disk does not know yet is known here.
pub(crate) fn live_row(queue: &SinkQueue) -> Value {
    let mut row = match look(&queue.dir, Depth::Totals, &mut |_| (), &mut |_| ()) {
        Ok(found) => row(&found),
        Err(error) => json!({ "dir": queue.dir, "error": error.to_string() }),
    };
    let queued = queue.stats.queued + queue.stats.in_flight;
    row["sink"] = queue.component.as_str().into();
    row["in_use"] = true.into();
    row["health"] = match &queue.health {
        Health::Ok => "ok".into(),
        Health::DiskFull => "disk_full".into(),
        Health::DiskLow { .. } => "disk_low".into(),
        Health::Failing(why) => why.as_str().into(),
    };
    row["records"] = queued.records.into();
    row["entries"] = queued.entries.into();
    row["bytes"] = queued.bytes.into();
    row["oldest_ms"] = queue.stats.oldest_ms.into();
    row
}

pub(super) fn text(found: &[Inspected], now_ms: i64) -> String {
    if found.is_empty() {
        return "no queues\n".to_owned();
    }
    let heads = ["SINK", "RECORDS", "ENTRIES", "BYTES", "ON DISK", "OLDEST", "LANES", "OPEN"];
    let row = |queue: &Inspected| {
        let queued = queue.queued();
        vec![
            queue.sink.clone(),
            number(queued.records),
            number(queued.entries),
            bytes(queued.bytes),
            bytes(queue.disk_bytes()),
            age(queue.oldest_ms(), now_ms),
            queue.lane_count().to_string(),
            if queue.in_use { "yes" } else { "no" }.to_owned(),
        ]
    };
    table(0, &heads, &found.iter().map(row).collect::<Vec<_>>())
}
