//! What has no place, summed up.
//!
//! A sum is emitted on ticks. Of a metric that only rises it goes up by what each series rises, so a series that leaves takes nothing
//! away and one that starts over takes nothing back; of any other it is the sum of the last values.

use std::collections::BTreeMap;

use weir_sdk::emit;

use crate::identity::KeyMap;

/// Series that are summed up, at most: their last values take some 5 MB. More are dropped.
const MAX_MEMBERS: usize = 100_000;

/// Sums at most: labels that are not given up tell them apart.
const MAX_SUMS: usize = 2_000;

/// For so many ticks series are taken for old ones: what they have come to before is not counted. After that one that appears has
/// begun just now.
const OLD: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Sums {
    members: KeyMap<Member>,
    /// By key.
    all: BTreeMap<u64, Sum>,
    /// What sums had come to in the version before this one.
    pub(crate) kept: BTreeMap<u64, f64>,
}

#[derive(Debug)]
struct Member {
    sum: u64,
    value: f64,
    seen: u32,
}

#[derive(Debug)]
struct Sum {
    metric: String,
    labels: Vec<(String, String)>,
    rises: bool,
    value: f64,
    began: u32,
    seen: u32,
}

impl Sums {
    /// Takes a series' value in, if the series is summed up already.
    pub(crate) fn update(&mut self, series: u64, value: f64, now: u32) -> bool {
        let Some(member) = self.members.get_mut(&series) else { return false };
        member.seen = now;
        // a NaN says nothing
        if let Some(sum) = self.all.get_mut(&member.sum)
            && !value.is_nan()
        {
            sum.seen = now;
            let before = std::mem::replace(&mut member.value, value);
            if sum.rises {
                sum.value += if value >= before { value - before } else { value };
            }
        }
        true
    }

    /// Takes another series into a sum, which is made where there is none. Says whether there is room.
    pub(crate) fn join<'t>(
        &mut self,
        series: u64,
        value: f64,
        (key, labels): (u64, impl Iterator<Item = (&'t str, &'t str)>),
        rises: bool,
        now: u32,
    ) -> bool {
        if self.members.len() >= MAX_MEMBERS || (self.all.len() >= MAX_SUMS && !self.all.contains_key(&key)) {
            return false;
        }
        let kept = &mut self.kept;
        let sum = self.all.entry(key).or_insert_with(|| {
            let (names, labels): (Vec<_>, Vec<_>) = labels.partition(|(name, _)| *name == "__name__");
            Sum {
                metric: names.first().map(|(_, name)| *name).unwrap_or_default().to_owned(),
                labels: labels.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                rises,
                value: kept.remove(&key).unwrap_or(0.0),
                began: now,
                seen: now,
            }
        });
        sum.seen = now;
        let value = if value.is_nan() { 0.0 } else { value };
        if sum.rises && now >= sum.began + OLD {
            sum.value += value;
        }
        self.members.insert(series, Member { sum: key, value, seen: now });
        true
    }

    /// Forgets all that was not seen since this tick.
    pub(crate) fn sweep(&mut self, since: u32) {
        self.members.retain(|_, member| member.seen >= since);
        self.all.retain(|_, sum| sum.seen >= since);
    }

    /// Emits all sums.
    pub(crate) fn emit(&mut self) -> Result<(), emit::Refusal> {
        if self.all.is_empty() {
            return Ok(());
        }
        for sum in self.all.values_mut().filter(|sum| !sum.rises) {
            sum.value = 0.0;
        }
        for member in self.members.values() {
            if let Some(sum) = self.all.get_mut(&member.sum)
                && !sum.rises
            {
                sum.value += member.value;
            }
        }
        emit::samples(|samples| {
            let mut labels = vec![];
            for sum in self.all.values() {
                labels.clear();
                labels.extend(sum.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                samples.add(&sum.metric, &labels, sum.value);
            }
        })
    }

    /// The sums that only rise, for the next version.
    pub(crate) fn rising(&self) -> Vec<(u64, f64)> {
        let now = self.all.iter().filter(|(_, sum)| sum.rises).map(|(key, sum)| (*key, sum.value));
        now.chain(self.kept.iter().map(|(key, value)| (*key, *value))).collect()
    }
}
