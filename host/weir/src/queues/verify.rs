//! `weir queue verify`.

// writing to a String does not fail
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_queue::inspect::{Depth, Inspected};

use super::inspect::{cost, damage_value, place};
use super::table::{bytes, counted};
use super::{look, print, print_json};
use crate::failure::Failure;

/// How often a terminal is told how far it is.
const TELL: Duration = Duration::from_millis(200);

/// A queue that was read to its end.
pub(super) struct Verified {
    pub(super) found: Inspected,
    /// Records whose header was read.
    pub(super) records: u64,
    /// Bytes that were looked at.
    pub(super) bytes: u64,
}

pub(super) fn verify(dirs: &[PathBuf], json: bool) -> Result<(), Failure> {
    let mut verified = vec![];
    for dir in dirs {
        let total = look(dir, Depth::Totals, &mut |_| (), &mut |_| ())?;
        let mut progress = Progress::new(&total);
        let mut records = 0;
        let found = look(dir, Depth::Bodies, &mut |bytes| progress.add(bytes), &mut |_| records += 1)?;
        verified.push(Verified { found, records, bytes: progress.done });
        progress.clear();
    }
    if json {
        print_json(&json!({ "queues": verified.iter().map(value).collect::<Vec<_>>() }))?;
    } else {
        print(&text(&verified))?;
    }
    let damaged = verified.iter().flat_map(|v| &v.found.lanes).map(|lane| lane.damage.len() as u64).sum();
    if damaged == 0 {
        return Ok(());
    }
    Err(Failure::new(format!("error: {}", counted(damaged, "damaged place", "damaged places"))))
}

pub(super) fn text(verified: &[Verified]) -> String {
    if verified.is_empty() {
        return "no queues\n".to_owned();
    }
    let mut text = String::new();
    for Verified { found, records, bytes: read } in verified {
        let in_use = if found.in_use { ", beside a running process" } else { "" };
        let _ = writeln!(
            text,
            "{}: {} in {} read{in_use}",
            found.sink,
            counted(*records, "record", "records"),
            bytes(*read)
        );
        for lane in found.lanes.iter().filter(|lane| !lane.damage.is_empty()) {
            for damage in &lane.damage {
                let _ = writeln!(text, "  generation {}, lane {}, {}", lane.generation, lane.lane, place(damage));
                let _ = writeln!(text, "      {}", cost(damage));
            }
        }
        if found.lanes.iter().all(|lane| lane.damage.is_empty()) {
            text.push_str("  no damage\n");
        }
    }
    text
}

pub(super) fn value(verified: &Verified) -> Value {
    let damage: Vec<_> = verified
        .found
        .lanes
        .iter()
        .flat_map(|lane| {
            lane.damage.iter().map(|damage| {
                let mut value = damage_value(damage);
                value["generation"] = lane.generation.into();
                value["lane"] = lane.lane.into();
                value
            })
        })
        .collect();
    json!({
        "sink": verified.found.sink,
        "dir": verified.found.dir,
        "in_use": verified.found.in_use,
        "records": verified.records,
        "bytes": verified.bytes,
        "damage": damage,
    })
}

/// How far the reading is, on standard error if that is a terminal.
struct Progress {
    sink: String,
    total: u64,
    done: u64,
    told: Instant,
    is_shown: bool,
    terminal: bool,
}

impl Progress {
    fn new(of: &Inspected) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let (sink, total) = (of.sink.clone(), of.disk_bytes());
        Self { sink, total, done: 0, told: Instant::now(), is_shown: false, terminal }
    }

    fn add(&mut self, more: u64) {
        self.done += more;
        if self.terminal && self.told.elapsed() >= TELL {
            self.told = Instant::now();
            self.is_shown = true;
            let line = format!("{}: {} of {}", self.sink, bytes(self.done), bytes(self.total));
            // a terminal that is gone needs no progress
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        }
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
