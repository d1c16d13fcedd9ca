//! Loki's rates, as token buckets (`pkg/validation/limits.go`).

use std::collections::HashMap;

/// What a bucket gains a second and holds at most, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    per_second: f64,
    burst: f64,
}

/// `ingestion_rate_mb` and `ingestion_burst_size_mb`.
pub(super) const TENANT: Rate = Rate { per_second: 4.0 * MEGABYTE, burst: 6.0 * MEGABYTE };
/// `per_stream_rate_limit` and `per_stream_rate_limit_burst`.
pub(super) const STREAM: Rate = Rate { per_second: 3.0 * MEGABYTE, burst: 15.0 * MEGABYTE };

/// Loki's sizes are of 1024.
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// The buckets of all who have sent something.
#[derive(Debug, Default)]
pub(super) struct Buckets(HashMap<String, (f64, i64)>);

impl Buckets {
    /// Takes `bytes` from the bucket of `who`, or nothing if there are not so many.
    pub(super) fn take(&mut self, rate: Rate, who: &str, bytes: usize, now_nanos: i64) -> bool {
        if !self.0.contains_key(who) {
            self.0.insert(who.to_owned(), (rate.burst, now_nanos));
        }
        let Some((tokens, at)) = self.0.get_mut(who) else { return false };
        let seconds = now_nanos.saturating_sub(*at).max(0) as f64 / 1e9;
        *tokens = (*tokens + seconds * rate.per_second).min(rate.burst);
        *at = now_nanos;
        let bytes = bytes as f64;
        let enough = *tokens >= bytes;
        if enough {
            *tokens -= bytes;
        }
        enough
    }
}
