//! `weir queue inspect`.

// writing to a String does not fail
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use weir_queue::inspect::{Damage, DamageKind, Depth, Inspected, Lane, Record};

use super::ls::row;
use super::table::{age, bytes, counted, number, table};
use super::{look, now_ms, print, print_json};
use crate::failure::Failure;

pub(super) fn inspect(dir: &Path, lane: Option<u16>, with_records: bool, json: bool) -> Result<(), Failure> {
    let mut records = vec![];
    let mut found = look(dir, Depth::Headers, &mut |_| (), &mut |record| {
        if with_records && lane.is_none_or(|lane| lane == record.lane) {
            records.push(*record);
        }
    })?;
    if let Some(wanted) = lane {
        let lanes = found.lane_count();
        found.lanes.retain(|lane| lane.lane == wanted);
        if found.lanes.is_empty() {
            return Err(Failure::new(format!("error: {} has lanes 0 to {}", found.sink, lanes.saturating_sub(1))));
        }
    }
    if json {
        return print_json(&value(&found, with_records.then_some(&records)));
    }
    print(&text(&found, with_records.then_some(&records), now_ms()))
}

pub(super) fn text(found: &Inspected, records: Option<&Vec<Record>>, now_ms: i64) -> String {
    let in_use = if found.in_use { "in use by a running process" } else { "not in use" };
    let mut text = format!("{}, {in_use}\n{}\n", found.sink, found.dir.display());
    for lane in &found.lanes {
        let _ = writeln!(text, "\ngeneration {}, lane {}: {}", lane.generation, lane.lane, waiting(lane, now_ms));
        text.push_str(&cursor(lane));
        if !lane.segments.is_empty() {
            text.push_str(&segments(lane, now_ms));
        }
        for damage in &lane.damage {
            let _ = writeln!(text, "  {}\n      {}", place(damage), cost(damage));
        }
        let of_lane = |record: &&Record| (record.generation, record.lane) == (lane.generation, lane.lane);
        let rows: Vec<_> = records.into_iter().flatten().filter(of_lane).map(|r| record_row(r, now_ms)).collect();
        if !rows.is_empty() {
            let heads = ["RECORD", "SEGMENT", "OFFSET", "BYTES", "ENTRIES", "PROTOCOL", "AGE", "STATE"];
            text.push_str(&table(2, &heads, &rows));
        }
    }
    text
}

fn waiting(lane: &Lane, now_ms: i64) -> String {
    if lane.queued.records == 0 {
        return "nothing waits".to_owned();
    }
    let (records, entries) = (lane.queued.records, lane.queued.entries);
    format!(
        "{}, {}, {}, the oldest {} old",
        counted(records, "record", "records"),
        counted(entries, "entry", "entries"),
        bytes(lane.queued.bytes),
        age(lane.oldest_ms, now_ms),
    )
}

fn cursor(lane: &Lane) -> String {
    let Some(cursor) = lane.cursor else {
        return "  no cursor: what is there is sent from its beginning\n".to_owned();
    };
    let in_flight = cursor.in_flight.map(|seq| format!(", {seq} in flight")).unwrap_or_default();
    format!(
        "  next: record {} in segment {} at {}{in_flight}; durable up to {}\n",
        cursor.seq,
        cursor.segment,
        cursor.offset,
        cursor.durable.saturating_sub(1),
    )
}

fn segments(lane: &Lane, now_ms: i64) -> String {
    let rows: Vec<_> = lane
        .segments
        .iter()
        .map(|segment| {
            vec![
                segment.index.to_string(),
                bytes(segment.bytes),
                number(segment.records),
                number(segment.entries),
                segment.range.map_or_else(|| "-".to_owned(), |(first, last)| format!("{first}-{last}")),
                age(segment.appended_ms.map(|range| range.0), now_ms),
                age(segment.appended_ms.map(|range| range.1), now_ms),
            ]
        })
        .collect();
    table(2, &["SEGMENT", "BYTES", "RECORDS", "ENTRIES", "NUMBERS", "OLDEST", "NEWEST"], &rows)
}

fn record_row(record: &Record, now_ms: i64) -> Vec<String> {
    vec![
        record.seq.to_string(),
        record.segment.to_string(),
        record.offset.to_string(),
        bytes(record.bytes.into()),
        number(record.meta.entries.into()),
        record.meta.protocol.to_string(),
        age(Some(record.appended_ms), now_ms),
        record.state.as_str().to_owned(),
    ]
}

/// Where damage is.
pub(super) fn place(damage: &Damage) -> String {
    let long = if damage.bytes > 0 { format!(", {}", counted(damage.bytes, "byte", "bytes")) } else { String::new() };
    format!("segment {} at {}{long}", damage.segment, damage.offset)
}

/// What is wrong there, and what it costs.
pub(super) fn cost(damage: &Damage) -> String {
    let what = match damage.kind {
        DamageKind::Header => "no good header",
        DamageKind::Body => "damaged body",
        DamageKind::Missing => "not there",
        DamageKind::TornTail => "torn tail",
        DamageKind::Unreadable => "unreadable",
    };
    if damage.lost.records == 0 {
        return format!("{what}: costs no record");
    }
    format!(
        "{what}: costs {} with {}, from number {}",
        counted(damage.lost.records, "record", "records"),
        counted(damage.lost.entries, "entry", "entries"),
        damage.seq,
    )
}

pub(super) fn value(found: &Inspected, records: Option<&Vec<Record>>) -> Value {
    let mut value = row(found);
    let lanes: Vec<_> = found.lanes.iter().map(|lane| lane_value(lane, records)).collect();
    value["lanes"] = lanes.into();
    value
}

fn lane_value(lane: &Lane, records: Option<&Vec<Record>>) -> Value {
    let mut value = json!({
        "generation": lane.generation,
        "lane": lane.lane,
        "records": lane.queued.records,
        "entries": lane.queued.entries,
        "bytes": lane.queued.bytes,
        "oldest_ms": lane.oldest_ms,
        "cursor": lane.cursor.map(|cursor| json!({
            "next": cursor.seq,
            "segment": cursor.segment,
            "offset": cursor.offset,
            "in_flight": cursor.in_flight,
            "durable": cursor.durable.saturating_sub(1),
        })),
        "segments": lane.segments.iter().map(|segment| json!({
            "segment": segment.index,
            "path": segment.path,
            "bytes": segment.bytes,
            "records": segment.records,
            "entries": segment.entries,
            "first": segment.range.map(|range| range.0),
            "last": segment.range.map(|range| range.1),
            "oldest_ms": segment.appended_ms.map(|range| range.0),
            "newest_ms": segment.appended_ms.map(|range| range.1),
        })).collect::<Vec<_>>(),
        "damage": lane.damage.iter().map(damage_value).collect::<Vec<_>>(),
    });
    if let Some(records) = records {
        let of_lane = |record: &&Record| (record.generation, record.lane) == (lane.generation, lane.lane);
        value["headers"] = records.iter().filter(of_lane).map(record_value).collect();
    }
    value
}

pub(super) fn damage_value(damage: &Damage) -> Value {
    json!({
        "kind": damage.kind.as_str(),
        "segment": damage.segment,
        "offset": damage.offset,
        "bytes": damage.bytes,
        "first_lost": (damage.lost.records > 0).then_some(damage.seq),
        "lost_records": damage.lost.records,
        "lost_entries": damage.lost.entries,
    })
}

fn record_value(record: &Record) -> Value {
    json!({
        "record": record.seq,
        "segment": record.segment,
        "offset": record.offset,
        "bytes": record.bytes,
        "entries": record.meta.entries,
        "entries_before": record.entries_before,
        "protocol": record.meta.protocol,
        "flags": record.meta.flags,
        "time_min_ms": record.meta.time_min_ms,
        "time_max_ms": record.meta.time_max_ms,
        "appended_ms": record.appended_ms,
        "state": record.state.as_str(),
    })
}
