//! No more lines than a rate, counted by the lines' own times.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use weir_sdk::{Error, LogRow};

use crate::recent::Recent;
use weir_sdk::duration;

const LOW: RapidSecrets = RapidSecrets::seed(1);
const HIGH: RapidSecrets = RapidSecrets::seed(2);

/// Buckets at most: some 100 bytes each. One that is forgotten begins anew, full, which lets a burst pass; more label
/// combinations than this are no key for a rate.
const BUCKETS: usize = 50_000;

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsWritten {
    /// So many lines …
    lines: u32,
    /// … a time.
    #[serde(default = "second")]
    per: String,
    /// How many may come at once; as many as `lines` unless given.
    burst: Option<u32>,
    /// Stream labels of which each combination has a rate of its own; none: all lines together.
    #[serde(default)]
    by: Vec<String>,
}

fn second() -> String {
    "1s".into()
}

#[derive(Debug)]
pub(crate) struct Rate {
    /// The time that a line costs, in nanoseconds.
    each: i64,
    /// The time that may be saved up.
    burst: i64,
    by: Vec<String>,
    buckets: Recent<Bucket>,
    key: Vec<u8>,
}

/// How far behind another line one may be, in nanoseconds, before the other's time counts as wrong: a line of the year 2100 should not
/// hold up all others until then.
const WRONG: i64 = 3600 * 1_000_000_000;

/// A bucket of time: a line takes `each` out of it, and time itself fills it.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    saved: i64,
    at: i64,
}

impl Rate {
    pub(crate) fn new(written: AsWritten) -> Result<Self, Error> {
        let per = duration::parse(&written.per).map_err(|e| format!("config.rate.per: {e}"))?.as_nanos() as i64;
        if written.lines == 0 {
            return Err("config.rate.lines: must be 1 or more; keep.share = 0 drops all".into());
        }
        if written.burst == Some(0) {
            return Err("config.rate.burst: must be 1 or more, else no line would ever pass".into());
        }
        // at least a nanosecond: a billion lines a second is no limit
        let each = (per / i64::from(written.lines)).max(1);
        let burst = each.saturating_mul(i64::from(written.burst.unwrap_or(written.lines)));
        Ok(Self { each, burst, by: written.by, buckets: Recent::new(BUCKETS), key: vec![] })
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.by.iter().map(String::as_str)
    }

    pub(crate) fn admits(&mut self, row: &LogRow<'_, '_>) -> bool {
        self.key.clear();
        for name in &self.by {
            // an absent label is one that is empty; no label has this byte
            self.key.extend_from_slice(row.label(name).unwrap_or_default().as_bytes());
            self.key.push(0xff);
        }
        let half = |secrets| u128::from(rapidhash_v3_seeded(&self.key, secrets));
        let key = half(&LOW) | half(&HIGH) << 64;
        let (now, burst) = (row.timestamp(), self.burst);
        let (bucket, _) = self.buckets.entry(key, || Bucket { saved: burst, at: now });
        // sources have clocks of their own: one that is behind gains nothing and loses nothing
        if bucket.at.saturating_sub(now) > WRONG {
            bucket.at = now;
        }
        let passed = now.saturating_sub(bucket.at).max(0);
        bucket.saved = bucket.saved.saturating_add(passed).min(self.burst);
        bucket.at = bucket.at.max(now);
        let admits = bucket.saved >= self.each;
        if admits {
            bucket.saved -= self.each;
        }
        admits
    }
}
