//! weir checks its own books: does the conservation ledger balance?

use std::time::Duration;

use weir_telemetry::Ledger;
use weir_telemetry::ledger::{Checker, Outcome};

/// Between two checks. A miscount does not go away, so that there is no hurry to find it: a minute is within the time in
/// which an alert on it would be evaluated, and the check costs some microseconds.
const EVERY: Duration = Duration::from_mins(1);

/// Until the next try where something was being booked all the time: longer than a write that a disk is slow with takes.
const AGAIN: Duration = Duration::from_millis(100);

/// Tries in one check. A second of them without a quiet moment is a busy machine, not a reason to go on.
const TRIES: usize = 10;

/// Checks for ever. A standing imbalance is logged and shown by the checker.
pub(crate) async fn check(mut checker: Checker) {
    loop {
        tokio::time::sleep(EVERY).await;
        for _ in 0..TRIES {
            if checker.check() != Outcome::Busy {
                break;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Looks at the books for the last time, with everything at rest.
pub(crate) fn close(ledger: &Ledger) {
    let now = ledger.look();
    if now.exact && !now.balanced() {
        tracing::error!(ledger = ?now, "the ledger does not balance at the end");
    }
}
