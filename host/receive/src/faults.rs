//! How a preview receiver is told to misbehave.

pub mod wire;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::wire::{Wire, WireFault};

/// What to answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status. What comes with a 2xx other than 260 is stored, everything else is forgotten.
    pub status: u16,
    /// How long to wait before anything is stored or answered.
    pub delay: Duration,
    /// The `Retry-After` header: seconds or an HTTP date.
    pub retry_after: Option<String>,
    /// The body.
    pub body: String,
    /// Never answer: the connection stays open and silent.
    pub hang: bool,
    /// Store what came, whatever the answer says: a backend whose answer is lost behind it.
    pub stored: bool,
    /// How many samples the answer to remote write 2.0 says were written; `None` says the truth.
    pub written: Option<usize>,
}

impl Answer {
    /// An answer with this status and nothing else.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            delay: Duration::ZERO,
            retry_after: None,
            body: String::new(),
            hang: false,
            stored: false,
            written: None,
        }
    }

    /// No answer, ever.
    pub fn hang() -> Self {
        Self { hang: true, ..Self::status(200) }
    }

    /// The same after a delay.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same with a `Retry-After` header.
    #[must_use]
    pub fn retry_after(mut self, value: &str) -> Self {
        self.retry_after = Some(value.to_owned());
        self
    }

    /// The same, claiming that so many samples were written (remote write 2.0).
    #[must_use]
    pub fn written(mut self, samples: usize) -> Self {
        self.written = Some(samples);
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// The same, with what came stored nevertheless.
    #[must_use]
    pub fn stored(mut self) -> Self {
        self.stored = true;
        self
    }

    /// Whether what was sent counts as stored.
    pub(crate) fn stores(&self) -> bool {
        !self.hang && (self.stored || (200..300).contains(&self.status) && self.status != 260)
    }
}

/// What is known of a request when its answer is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The path.
    pub path: &'a str,
    /// How many requests came before it, on any path.
    pub before: u64,
    /// Samples or lines in it.
    pub records: usize,
    /// Bytes of its body as they came.
    pub bytes: usize,
}

/// Which versions of remote write a receiver understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// Both.
    #[default]
    Both,
    /// 1.0; it answers 415 to all else, as it should.
    One,
    /// 1.0; it takes everything for that and never looks at the content type, as receivers from before 2.0 do. They find
    /// nothing that they know in a 2.0 request, store nothing, and answer that all is well.
    OneUnaware,
    /// 2.0; it answers 415 to 1.0.
    Two,
}

type Rule = Arc<dyn Fn(Asked<'_>) -> Option<Answer> + Send + Sync>;

/// The knobs; clones turn the same ones. Without any, all is well: 204.
#[derive(Clone, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    wire: WireFault,
}

#[derive(Default)]
struct State {
    next: VecDeque<Answer>,
    rule: Option<Rule>,
    asked: u64,
    versions: Versions,
}

impl Faults {
    /// Answers one coming request so; calls queue up, and go before any rule.
    pub fn next(&self, answer: Answer) {
        self.lock().next.push_back(answer);
    }

    /// Answers every request so, until [`heal`](Self::heal).
    pub fn always(&self, answer: Answer) {
        self.rule(move |_| Some(answer.clone()));
    }

    /// Chooses the answer by the request; `None` means that all is well.
    pub fn rule(&self, rule: impl Fn(Asked<'_>) -> Option<Answer> + Send + Sync + 'static) {
        self.lock().rule = Some(Arc::new(rule));
    }

    /// Understands these versions of remote write from now on; [`heal`](Self::heal) does not change it.
    pub fn understand(&self, versions: Versions) {
        self.lock().versions = versions;
    }

    pub(crate) fn versions(&self) -> Versions {
        self.lock().versions
    }

    /// Forgets all faults.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.next.clear();
        state.rule = None;
        drop(state);
        self.wire.set(Wire::Fine);
    }

    /// How connections misbehave below HTTP, those that are open included.
    pub fn wire(&self) -> &WireFault {
        &self.wire
    }

    /// How many requests have come.
    pub fn asked(&self) -> u64 {
        self.lock().asked
    }

    pub(crate) fn choose(&self, path: &str, records: usize, bytes: usize) -> Answer {
        let mut state = self.lock();
        let before = state.asked;
        state.asked += 1;
        if let Some(answer) = state.next.pop_front() {
            return answer;
        }
        let rule = state.rule.clone();
        drop(state);
        rule.and_then(|r| r(Asked { path, before, records, bytes })).unwrap_or_else(|| Answer::status(204))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // each change is one assignment: a state left by a panic is whole
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faults")
    }
}
