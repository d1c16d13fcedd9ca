//! What the preview receiver got.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use weir_receive::proto::loki::PushRequest;
use weir_receive::proto::remote_write::WriteRequest;
use weir_receive::{Observer, Refusal};

/// How many different series and streams are told apart; beyond, the number shown is this one. A demo has some thousands.
const MAX_KNOWN: usize = 100_000;

/// Characters of a sample or line that is shown.
const SHOWN: usize = 70;

/// Remembers which series and streams came, and the last of each kind.
#[derive(Default)]
pub(super) struct Arrivals(Mutex<Seen>);

/// See [`Arrivals::look`].
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    series: HashSet<u64>,
    streams: HashSet<u64>,
    /// The last sample, as text.
    pub(super) last_sample: String,
    /// The last line.
    pub(super) last_line: String,
}

impl Seen {
    pub(super) fn series(&self) -> usize {
        self.series.len()
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.len()
    }
}

impl Arrivals {
    /// What came so far.
    pub(super) fn look<R>(&self, look: impl FnOnce(&Seen) -> R) -> R {
        look(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Arrivals {
    fn metrics(&self, _headers: &HeaderMap, request: &WriteRequest) -> Result<(), Refusal> {
        let mut seen = self.lock();
        for series in &request.timeseries {
            let mut hasher = DefaultHasher::new();
            for label in &series.labels {
                (&label.name, &label.value).hash(&mut hasher);
            }
            if seen.series.len() < MAX_KNOWN {
                seen.series.insert(hasher.finish());
            }
        }
        if let Some(series) = request.timeseries.last()
            && let Some(sample) = series.samples.last()
        {
            let label = |name: &str| series.labels.iter().find(|l| l.name == name).map_or("", |l| l.value.as_str());
            let text = format!("{}{{job={:?}, …}} {}", label("__name__"), label("job"), sample.value);
            seen.last_sample = cut(&text);
        }
        Ok(())
    }

    fn logs(&self, _headers: &HeaderMap, request: &PushRequest) -> Result<(), Refusal> {
        let mut seen = self.lock();
        for stream in &request.streams {
            let mut hasher = DefaultHasher::new();
            stream.labels.hash(&mut hasher);
            if seen.streams.len() < MAX_KNOWN {
                seen.streams.insert(hasher.finish());
            }
        }
        if let Some(entry) = request.streams.last().and_then(|s| s.entries.last()) {
            seen.last_line = cut(&entry.line);
        }
        Ok(())
    }
}

/// The text on one line, cut to what a terminal of 80 columns shows; control characters would move its cursor.
fn cut(text: &str) -> String {
    let mut shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    if text.chars().count() > SHOWN {
        shown.pop();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_stays_on_its_line() {
        assert_eq!(cut("a\u{1b}[2Jb"), "a [2Jb");
        assert_eq!(cut(&"x".repeat(200)).chars().count(), SHOWN);
    }
}
