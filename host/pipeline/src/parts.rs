//! A batch whose call failed is halved and tried again, so that only the rows that a plugin cannot bear meet its failure
//! policy, and not their neighbours.
//!
//! Both the number of calls and their time are bounded. A guest that fails at once (a trap, an error of its own) costs little,
//! and finding one row in a full batch takes a dozen failures and as many successes. One that loops would cost its whole
//! limit each time: so all that a page or batch tries again at one stage takes at most [`AGAIN`] times the limit of one
//! call, and a part gets a limit by its size. Parts go in the order of their rows: a plugin that holds state sees them as
//! it would have.

use std::ops::Range;
use std::time::Duration;

use crate::guest::{Allowance, CallError, Guest, Interface, Outcome};

/// How often the time limit of one call may be spent on trying again, for one page or batch at one stage. Two serve a batch that
/// is only too long for its limit, in halves; finding one row that loops costs 2.2 at worst (1 + 1/2 + 1/4 … and the least).
const AGAIN: u32 = 3;

/// Calls that trying again may make for one batch: ten rows of a full batch, wherever they are, are found with 240. A plugin
/// that fails on more is not served by finding them all.
const MOST_CALLS: u32 = 256;

/// The least part of the time limit that a part gets, however small: a call costs an interpreter 0.1 ms before its first row,
/// and a limit is kept to within a tick of 5 ms.
const LEAST: u32 = 32;

/// How many times longer than a part that worked another may take for each of its rows: rows differ.
const PATIENCE: u32 = 8;

/// Rows that no call served, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unserved {
    /// Of the batch.
    pub(crate) rows: Range<usize>,
    /// How the smallest call with them failed.
    pub(crate) error: CallError,
}

/// What one page or batch may spend on trying again at one stage.
pub(crate) struct Parts<'a> {
    guest: &'a dyn Guest,
    interface: Interface,
    /// Of one call.
    limit: Duration,
    left: Duration,
    /// Whether the first rows that no call serves decide on the others.
    all_or_none: bool,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(guest: &'a dyn Guest, interface: Interface) -> Self {
        let limit = guest.time_limit();
        Self { guest, interface, limit, left: limit.saturating_mul(AGAIN), all_or_none: false }
    }

    /// Gives up at the first rows that cannot be served, for a batch that then waits whole.
    pub(crate) fn all_or_none(mut self) -> Self {
        self.all_or_none = true;
        self
    }

    /// Serves the rows of one batch by `call`, whole or in parts, and tells the guest how that came out. Gives what could not
    /// be served, ascending.
    pub(crate) fn serve(
        &mut self,
        rows: Range<usize>,
        mut call: impl FnMut(Range<usize>, &mut Allowance) -> Result<(), CallError>,
    ) -> Vec<Unserved> {
        let mut whole = Allowance::whole(self.limit);
        let (unserved, first) = match call(rows.clone(), &mut whole) {
            Ok(()) => (vec![], None),
            Err(error) if error.is_of_any_call() || rows.len() < 2 => {
                (vec![Unserved { rows: rows.clone(), error }], None)
            }
            Err(error) => (self.halves(&rows, &error, &mut call), Some(error)),
        };
        let lost: usize = unserved.iter().map(|u| u.rows.len()).sum();
        self.guest.settled(&Outcome {
            interface: self.interface,
            rows: rows.len(),
            unserved: lost,
            error: unserved.first().map(|u| &u.error).or(first.as_ref()),
        });
        unserved
    }

    fn halves(
        &mut self,
        rows: &Range<usize>,
        first: &CallError,
        call: &mut impl FnMut(Range<usize>, &mut Allowance) -> Result<(), CallError>,
    ) -> Vec<Unserved> {
        let mut unserved = vec![];
        let mut pace = None;
        let mut calls = MOST_CALLS;
        // The next one last.
        let mut todo = halves(rows);
        // Why all that is left is not tried, once it is not.
        let mut over: Option<CallError> = None;
        while let Some(part) = todo.pop() {
            if let Some(error) = &over {
                unserved.push(Unserved { rows: part, error: error.clone() });
                continue;
            }
            let limit = self.limit_of(part.len(), rows.len(), pace).min(self.left);
            let mut time = Allowance::again(limit);
            let answer = call(part.clone(), &mut time);
            self.left = self.left.saturating_sub(time.used);
            calls -= 1;
            let spent = self.left.is_zero() || calls == 0;
            match answer {
                Ok(()) => pace = Some(time.used / part.len().max(1) as u32),
                Err(error)
                    if error.is_of_any_call() || (spent && part.len() > 1) || self.all_or_none && part.len() < 2 =>
                {
                    over = Some(error.clone());
                    unserved.push(Unserved { rows: part, error });
                }
                Err(error) if part.len() < 2 => unserved.push(Unserved { rows: part, error }),
                Err(_) => todo.append(&mut halves(&part)),
            }
            if spent && over.is_none() && !todo.is_empty() {
                over = Some(first.clone());
            }
        }
        unserved
    }

    /// How long a part may take: by the pace of one that worked, and before there is one twice its share of the limit, for a
    /// batch may only have been too long.
    fn limit_of(&self, part: usize, rows: usize, pace: Option<Duration>) -> Duration {
        let (part, rows) = (part as u32, rows.max(1) as u32);
        let share = self.limit.saturating_mul(2).mul_f64(f64::from(part) / f64::from(rows)).min(self.limit);
        let paced = pace.map_or(share, |pace| pace.saturating_mul(part.saturating_mul(PATIENCE)).min(share));
        paced.max(self.limit / LEAST)
    }
}

/// The second half, then the first.
fn halves(rows: &Range<usize>) -> Vec<Range<usize>> {
    let middle = rows.start + rows.len() / 2;
    vec![middle..rows.end, rows.start..middle]
}
