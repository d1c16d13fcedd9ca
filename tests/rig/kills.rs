//! Killing weir again and again, and what must be left of it.

use std::time::{Duration, Instant};

use crate::queue_files::QueueFiles;
use crate::{Receiver, Weir, eventually};

/// The kills of one test, and the record of what they left behind.
#[derive(Debug)]
pub struct Kills {
    queues: Vec<(QueueFiles, usize)>,
    /// How often weir was killed.
    pub count: u64,
    /// The longest time from a start to weir's being ready to serve.
    pub longest_start: Duration,
}

impl Kills {
    /// Watches the queues of these components, each of which sends to the receiver of that index.
    pub fn watching(weir: &Weir, components: &[(&str, usize)]) -> Self {
        let data = weir.dir().join("data");
        let queues = components.iter().map(|(c, receiver)| (QueueFiles::of(&data, c), *receiver)).collect();
        Self { queues, count: 0, longest_start: Duration::ZERO }
    }

    /// SIGKILL, and a look at what is on disk then.
    pub async fn kill(&mut self, weir: &mut Weir) {
        weir.program().kill().await;
        self.count += 1;
        for (queue, _) in &mut self.queues {
            queue.look();
        }
    }

    /// Starts it again and waits until it serves.
    pub async fn restart(&mut self, weir: &mut Weir) {
        let begun = Instant::now();
        weir.restart().await;
        self.longest_start = self.longest_start.max(begun.elapsed());
    }

    /// Waits until everything that lay in a queue at any kill has arrived, and fails if it does not.
    pub async fn all_arrived(&self, receivers: &[Receiver]) {
        for (queue, receiver) in &self.queues {
            let judge = receivers[*receiver].judge();
            eventually("what lay in a queue at a kill", async || {
                let samples = judge.with_samples(|series, points| {
                    points.iter().map(|p| (series.to_owned(), p.time, p.value.to_bits())).collect::<Vec<_>>()
                });
                let samples: std::collections::HashSet<_> = samples.into_iter().flatten().collect();
                let lines = judge.with_lines(|stream, entries| {
                    entries.iter().map(|e| (stream.to_owned(), e.nanos(), e.line.clone())).collect::<Vec<_>>()
                });
                let lines: std::collections::HashSet<_> = lines.into_iter().flatten().collect();
                let lost: Vec<_> = queue.samples.difference(&samples).take(3).collect();
                let more: Vec<_> = queue.lines.difference(&lines).take(3).collect();
                if lost.is_empty() && more.is_empty() { Ok(()) } else { Err(format!("missing: {lost:?} {more:?}")) }
            })
            .await;
        }
    }

    /// Records, samples and lines that were seen on disk at the kills.
    pub fn seen(&self) -> (u64, usize, usize) {
        let sum = |f: fn(&QueueFiles) -> usize| self.queues.iter().map(|(q, _)| f(q)).sum::<usize>();
        (sum(|q| q.records as usize) as u64, sum(|q| q.samples.len()), sum(|q| q.lines.len()))
    }
}

/// How many kills: `WEIR_SOAK_KILLS` for a longer soak, else `default`.
pub fn how_many(default: u64) -> u64 {
    std::env::var("WEIR_SOAK_KILLS").ok().map_or(default, |n| n.parse().expect("WEIR_SOAK_KILLS is a number"))
}
