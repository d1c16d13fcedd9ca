//! What one side has stored of a target.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use weir_rig::eventually;
use weir_rig::prometheus::{Labels, query, samples};

/// What there is of a target's first scrapes, in a form that does not depend on when they were made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// By series: when and what. When is `scrape N`, or the time that the page gave.
    samples: BTreeMap<String, Vec<String>>,
    /// By scrape: which series are there for whoever asks right then.
    visible: Vec<BTreeSet<String>>,
    /// By scrape: whether the page was read to its end.
    up: Vec<bool>,
}

/// Reads it, once the scrape after the last one that counts is there.
pub(super) async fn settled(base: &str, job: &str, case: usize, scrapes: usize) -> Stored {
    let selector = format!("{{case=\"c{case}\"}}");
    let all = eventually("the scrapes are stored", async || {
        let all = samples(base, &format!("{selector}[3h]")).await?;
        let up = all.iter().find(|(labels, _)| is_up(labels, job));
        let seen = up.map_or(0, |(_, points)| points.len());
        if seen > scrapes { Ok(all) } else { Err(format!("{seen} of {scrapes} scrapes of case {case}")) }
    })
    .await;
    let up = all.iter().find(|(labels, _)| is_up(labels, job)).unwrap();
    let times: Vec<i64> = up.1.iter().map(|(time, _)| *time).collect();
    let mut stored = Stored { samples: BTreeMap::new(), visible: vec![], up: vec![] };
    stored.up = up.1.iter().take(scrapes).map(|(_, value)| *value == 1.0).collect();
    for (labels, points) in &all {
        if labels["__name__"] == "scrape_duration_seconds" {
            continue;
        }
        let told = points.iter().filter_map(|(time, value)| match times.iter().position(|t| t == time) {
            Some(n) if n < scrapes => Some(format!("scrape {n}: {value}")),
            Some(_) => None,
            None => Some(format!("at {time}: {value}")),
        });
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            stored.samples.insert(format!("{labels:?}"), told);
        }
    }
    for time in &times[..scrapes] {
        let now = query(base, &selector, Some(*time as f64 / 1000.0)).await.unwrap();
        stored.visible.push(now.into_iter().map(|(labels, _)| format!("{labels:?}")).collect());
    }
    stored
}

/// Whether these are the labels of what is reported as `up`, and not of a series of that name on the page.
fn is_up(labels: &Labels, job: &str) -> bool {
    labels["__name__"] == "up" && labels.get("job").is_some_and(|j| j == job) && labels.len() == 4
}

fn is_report(series: &str) -> bool {
    series.contains("\"__name__\": \"up\"") || series.contains("\"__name__\": \"scrape_")
}

impl Stored {
    pub(super) fn samples(&self) -> usize {
        self.samples.values().map(Vec::len).sum()
    }

    /// How this side differs from the reference, in words; empty when it does not.
    pub(super) fn difference(&self, reference: &Self) -> String {
        let mut told = String::new();
        let all: BTreeSet<_> = self.samples.keys().chain(reference.samples.keys()).collect();
        for series in all {
            let (here, there) = (self.samples.get(series), reference.samples.get(series));
            if here != there {
                writeln!(told, "{series}\n   weir       {here:?}\n   Prometheus {there:?}").unwrap();
            }
        }
        for (n, (here, there)) in self.visible.iter().zip(&reference.visible).enumerate() {
            if !self.up[n] {
                // Prometheus leaves those series without a marker that stand before the fault, and marks the others: its
                // second, empty append takes the half that was rolled back for seen. In weir all end that can.
                let timed = |s: &str| self.samples.get(s).is_some_and(|t| t.iter().all(|t| t.starts_with("at ")));
                let left = here.iter().filter(|s| !(is_report(s) || (timed(s) && there.contains(*s))));
                left.for_each(|series| writeln!(told, "{series} is visible after scrape {n}, which failed").unwrap());
                continue;
            }
            for series in here.symmetric_difference(there) {
                let side = if here.contains(series) { "weir" } else { "Prometheus" };
                writeln!(told, "{series} is visible after scrape {n} in {side} alone").unwrap();
            }
        }
        told
    }
}

/// As much of a page as a failure shows.
pub(super) fn head(page: &[u8]) -> &[u8] {
    &page[..page.len().min(400)]
}
