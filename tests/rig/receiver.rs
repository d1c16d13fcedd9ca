//! The receiver that weir sends to, and the judge of what it sent.

use std::ops::Deref;
use std::sync::Arc;

use weir_receive::strict::{REPEATED, Rules, Violation};
use weir_receive::{Faults, Preview, Strict};

/// A preview receiver with a strict judge. At its end the test fails for every rule that weir broke, and for everything
/// that came twice, unless the test has said why it may.
#[derive(Debug)]
pub struct Receiver {
    preview: Preview,
    judge: Arc<Strict>,
    tolerated: Vec<&'static str>,
    repeats: bool,
}

impl Receiver {
    /// One with Prometheus' and Loki's rules.
    pub async fn start() -> Self {
        Self::by(Rules::default()).await
    }

    /// One with other rules.
    pub async fn by(rules: Rules) -> Self {
        let judge = Arc::new(Strict::new(rules));
        Self { preview: Preview::local(judge.clone()).await.unwrap(), judge, tolerated: vec![], repeats: false }
    }

    /// For tests that break a sender before it has noted an answer, or take the answer away: what was stored may come again.
    #[must_use]
    pub fn tolerating_repeats(mut self) -> Self {
        self.repeats = true;
        self.tolerated.push(REPEATED);
        self
    }

    /// What came and was let pass, and the judgement on the rest.
    pub fn judge(&self) -> Arc<Strict> {
        self.judge.clone()
    }

    /// Every line, in the order of the streams' names and of arrival.
    pub fn lines(&self) -> Vec<String> {
        self.judge.streams().iter().flat_map(|s| self.judge.lines(s)).collect()
    }

    /// What was broken and is not tolerated.
    fn broken(&self) -> Vec<Violation> {
        self.judge.violations().into_iter().filter(|v| !self.tolerated.contains(&v.rule)).collect()
    }
}

impl Deref for Receiver {
    type Target = Preview;

    fn deref(&self) -> &Preview {
        &self.preview
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let broken = self.broken();
        let first: Vec<_> = broken.iter().take(5).collect();
        assert!(broken.is_empty(), "weir broke {} rules: {first:?}", broken.len());
        let twice = self.judge.duplicates();
        let first: Vec<_> = twice.iter().take(5).collect();
        assert!(self.repeats || twice.is_empty(), "weir sent {} samples and lines twice: {first:?}", twice.len());
    }
}

/// Random delays up to `delay_ms`, and errors: some before anything is stored, some after it.
pub fn unsteady(faults: &Faults, mut random: crate::random::Random, delay_ms: u64) {
    let random = std::sync::Mutex::new(random.fork());
    faults.rule(move |_| {
        let mut random = random.lock().unwrap();
        let answer = match random.below(20) {
            0 => weir_receive::Answer::status(500),
            1 => weir_receive::Answer::status(503).stored(),
            2..6 => weir_receive::Answer::status(204),
            _ => return None,
        };
        Some(answer.after(std::time::Duration::from_millis(random.below(delay_ms))))
    });
}
