//! Lines that repeat within their stream.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use weir_sdk::{Error, LogRow};

use crate::recent::Recent;
use weir_sdk::duration;

const LOW: RapidSecrets = RapidSecrets::seed(3);
const HIGH: RapidSecrets = RapidSecrets::seed(4);

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsWritten {
    /// How long a line that came is not let through again.
    window: String,
    /// How many distinct lines are remembered: 100,000 unless given, some 10 MB.
    #[serde(default = "most")]
    remember: usize,
}

fn most() -> usize {
    100_000
}

#[derive(Debug)]
pub(crate) struct Repeats {
    window: i64,
    lines: Recent<Line>,
    /// A stream's labels and a line, end to end.
    key: Vec<u8>,
}

/// When a line was last let through, and how often it came since.
#[derive(Clone, Copy, Debug)]
struct Line {
    passed: i64,
    since: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is new.
    Never,
    /// It was let through within the window.
    Lately,
    /// It is let through again, after so many that were not.
    Before(u64),
}

impl Repeats {
    pub(crate) fn new(written: &AsWritten) -> Result<Self, Error> {
        let window =
            duration::parse(&written.window).map_err(|e| format!("config.dedup.window: {e}"))?.as_nanos() as i64;
        if !(1..=1_000_000).contains(&written.remember) {
            return Err(format!("config.dedup.remember: {} is not between 1 and 1000000", written.remember).into());
        }
        Ok(Self { window, lines: Recent::new(written.remember.div_ceil(2)), key: vec![] })
    }

    pub(crate) fn see(&mut self, row: &LogRow<'_, '_>) -> Seen {
        self.key.clear();
        for (name, value) in row.labels() {
            for text in [name, value] {
                self.key.extend_from_slice(text.as_bytes());
                self.key.push(0xff);
            }
        }
        self.key.extend_from_slice(row.line().as_bytes());
        // 128 bits: that two of a billion lines are taken for one has a chance of one to 10^20
        let half = |secrets| u128::from(rapidhash_v3_seeded(&self.key, secrets));
        let key = half(&LOW) | half(&HIGH) << 64;
        let now = row.timestamp();
        let (line, known) = self.lines.entry(key, || Line { passed: now, since: 0 });
        if !known {
            return Seen::Never;
        }
        // Also behind it: the first one's time may have been wrong, and is not waited for.
        if now.saturating_sub(line.passed).saturating_abs() < self.window {
            line.since += 1;
            return Seen::Lately;
        }
        line.passed = now;
        match std::mem::take(&mut line.since) {
            0 => Seen::Never,
            times => Seen::Before(times),
        }
    }
}
