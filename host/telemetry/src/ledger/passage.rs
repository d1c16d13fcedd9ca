//! The way of a batch through one account.

use std::sync::Arc;

use super::account::Account;

/// A page or batch on its way through one account: what of it is still there.
///
/// Ended by [`end`](Self::end), when all has been booked. One that is dropped before that (its task was cancelled while it
/// waited) books what is left as dropped, `abandoned`: a source whose batch it was reads it again.
#[derive(Debug)]
#[must_use = "a passage that is dropped is abandoned"]
pub struct Passage {
    account: Arc<Account>,
    /// Negative when more went out than came in, which is a miscount like any other.
    here: i64,
    ended: bool,
}

impl Passage {
    pub(super) fn new(account: Arc<Account>, records: u64) -> Self {
        Self { account, here: records as i64, ended: false }
    }

    pub(super) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The account made records.
    pub fn generated(&mut self, records: u64) {
        let _booking = self.account.booking();
        self.account.generated.add(records);
        self.account.in_flight.add(records as i64);
        self.here += records as i64;
    }

    /// The batch, of so many records, goes `ways` ways: all but the first are copies. Without a way nothing is copied.
    pub fn copied(&mut self, ways: usize, records: u64) {
        let copies = (ways as u64).saturating_sub(1) * records;
        if copies > 0 {
            let _booking = self.account.booking();
            self.account.copied.add(copies);
            self.account.in_flight.add(copies as i64);
            self.here += copies as i64;
        }
    }

    /// Records end here.
    pub fn dropped(&mut self, reason: &'static str, records: u64) {
        self.drop_records(None, reason, records);
    }

    /// Records end here, and a plugin is the reason.
    pub fn dropped_by(&mut self, plugin: &str, reason: &'static str, records: u64) {
        self.drop_records(Some(plugin), reason, records);
    }

    /// So many takers have each taken so many records over, and booked that.
    pub fn taken(&mut self, takers: usize, records: u64) {
        self.here -= takers as i64 * records as i64;
    }

    /// All has been booked. What is still there by then was not: it shows as the account's difference.
    pub fn end(mut self) {
        self.ended = true;
        if self.here != 0 {
            let _booking = self.account.booking();
            self.account.in_flight.add(-self.here);
        }
    }

    fn drop_records(&mut self, plugin: Option<&str>, reason: &'static str, records: u64) {
        if records > 0 {
            let _booking = self.account.booking();
            self.account.count_dropped(plugin, reason, records);
            self.account.in_flight.add(-(records as i64));
            self.here -= records as i64;
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if !self.ended {
            let left = u64::try_from(self.here).unwrap_or_default();
            self.drop_records(None, "abandoned", left);
        }
    }
}
