//! A share of the lines.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use weir_sdk::{Error, LogRow};

/// The same in every instance and every weir, so that all of them keep the same traces.
const SECRETS: RapidSecrets = RapidSecrets::seed(0x7765_6972);

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsWritten {
    /// How many of the lines, 0 to 1.
    share: f64,
    /// Structured metadata, or else a stream label, of this name decides: lines of one value stay or go together.
    by: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Share {
    /// What a line's number must be below.
    below: u64,
    by: Option<String>,
}

impl Share {
    pub(crate) fn new(written: AsWritten) -> Result<Self, Error> {
        let AsWritten { share, by } = written;
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("config.keep.share: {share} is not between 0 and 1").into());
        }
        // a float of 2^64 saturates to the largest number: a share of 1 keeps all but one of 2^64 values
        Ok(Self { below: (share * 2f64.powi(64)) as u64, by })
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.by.as_deref().into_iter()
    }

    pub(crate) fn metadata(&self) -> impl Iterator<Item = &str> {
        self.by.as_deref().into_iter()
    }

    pub(crate) fn keeps(&self, row: &LogRow<'_, '_>) -> bool {
        let by = self.by.as_deref().and_then(|by| row.metadata(by).or_else(|| row.label(by)));
        let number = match by {
            Some(value) => rapidhash_v3_seeded(value.as_bytes(), &SECRETS),
            // with the time, so that equal lines fare differently
            None => mix(rapidhash_v3_seeded(row.line().as_bytes(), &SECRETS) ^ row.timestamp() as u64),
        };
        number < self.below || self.below == u64::MAX
    }
}

/// Spreads a number over all bits (the finaliser of splitmix64).
fn mix(mut n: u64) -> u64 {
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
