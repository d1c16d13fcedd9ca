//! The walk of a new page along the memory of the last one.

use rapidhash::v3::RapidSecrets;
use weir_exposition::line::{self, Tail};
use weir_exposition::{Fault, Reason, metadata};
use weir_model::{Sample, Slot};

use super::times::Verdict;
use super::{Counts, Entry, Memory, REPORT_SLOTS, Scratch, hash, set_at, state};
use crate::error::ScrapeError;
use crate::series_labels::SeriesRules;

/// A line that is not where it was is looked for so many lines ahead before it is looked up: most often a line or a few
/// were removed.
const WINDOW: usize = 8;

/// What a page is read by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRules<'a> {
    pub(crate) series: &'a SeriesRules,
    pub(crate) honor_timestamps: bool,
    /// 0 is no limit.
    pub(crate) sample_limit: usize,
    /// Whether the `extra_scrape_metrics` are reported.
    pub(crate) extra: bool,
    pub(crate) secrets: &'a RapidSecrets,
    /// When the scrape began, in milliseconds since the epoch.
    pub(crate) time: i64,
}

struct Walk<'a> {
    body: &'a [u8],
    rules: PageRules<'a>,
    memory: &'a mut Memory,
    scratch: &'a mut Scratch,
    counts: &'a mut Counts,
    /// Where the next line begins.
    at: usize,
    /// The entry that is expected next.
    cursor: usize,
    /// Whether the page differs from the memory so far; then the new layout is in the scratch.
    diverged: bool,
    over_limit: bool,
}

impl Memory {
    /// Walks a body after [`begin`](Memory::begin): samples and births are then in the scratch. An error leaves both sides
    /// halfway, until [`fail`](Memory::fail).
    pub(crate) fn walk(
        &mut self,
        body: &[u8],
        rules: PageRules<'_>,
        scratch: &mut Scratch,
        counts: &mut Counts,
    ) -> Result<(), ScrapeError> {
        let mut walk =
            Walk { body, rules, memory: self, scratch, counts, at: 0, cursor: 0, diverged: false, over_limit: false };
        walk.run().map_err(|e| match e {
            Stop::Fault(fault) => ScrapeError::Syntax(fault.locate(body)),
            Stop::Error(error) => error,
        })?;
        if walk.over_limit {
            let samples = walk.counts.relabelled;
            return Err(ScrapeError::SampleLimit { samples, limit: rules.sample_limit });
        }
        if body.is_empty() {
            // As in Prometheus, what an empty page does not have is not forgotten.
            walk.memory.end_slots();
        } else {
            walk.settle();
        }
        Ok(())
    }
}

enum Stop {
    Fault(Fault),
    Error(ScrapeError),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), Stop> {
        loop {
            self.at = line::skip_blank(self.body, self.at);
            if self.at >= self.body.len() {
                return Ok(());
            }
            match self.expected() {
                Some((entry, end)) if entry.slot == state::COMMENT => {
                    self.cursor += 1;
                    self.keep(entry);
                    self.note_family();
                    self.at = end;
                }
                Some((entry, end)) => match line::tail(self.body, end) {
                    Ok(tail) => {
                        self.cursor += 1;
                        self.sample(entry, tail)?;
                    }
                    // A name alone was expected, and now there is a blank and then labels.
                    Err(f) if f.reason == Reason::NoValue && self.body.get(f.at) == Some(&b'{') => self.unexpected()?,
                    Err(fault) => return Err(fault.into()),
                },
                None => self.unexpected()?,
            }
        }
    }

    /// The expected entry and where its text ends, if that is what is here.
    #[inline]
    fn expected(&self) -> Option<(Entry, usize)> {
        let entry = *self.memory.entries.get(self.cursor)?;
        let end = self.at + entry.len as usize;
        let text = self.body.get(self.at..end)?;
        let fits = match self.body.get(end) {
            Some(b' ' | b'\t') => entry.slot != state::COMMENT,
            Some(b'\n') | None => entry.slot == state::COMMENT,
            _ => false,
        };
        (fits && hash(text, self.rules.secrets) == entry.hash).then_some((entry, end))
    }

    #[cold]
    fn unexpected(&mut self) -> Result<(), Stop> {
        if !self.diverged {
            self.diverged = true;
            self.scratch.layout.extend_from_slice(&self.memory.entries[..self.cursor]);
        }
        if self.body.get(self.at) == Some(&b'#') {
            let next = line::comment(self.body, self.at)?;
            let entry = self.entry_to(line::line_end(self.body, self.at), state::COMMENT);
            let known = self.find_ahead(entry).is_some();
            if self.note_family() && !known {
                self.scratch.family.changed(self.scratch.layout.len());
            }
            self.keep(entry);
            self.at = next;
            return Ok(());
        }
        let end = line::series_end(self.body, self.at)?;
        let tail = line::tail(self.body, end)?;
        let entry = self.entry_to(end, state::NEW);
        let known = self.find_ahead(entry).or_else(|| self.find_anywhere(entry));
        self.sample(known.unwrap_or(entry), tail)
    }

    /// Notes where the comment that is here stands, if it says something of a family.
    fn note_family(&mut self) -> bool {
        let says = metadata::is_metadata(self.body, self.at);
        if says {
            self.scratch.family.line(self.at, self.counts.scraped);
        }
        says
    }

    fn entry_to(&self, end: usize, slot: u32) -> Entry {
        let text = self.body.get(self.at..end).unwrap_or_default();
        Entry { hash: hash(text, self.rules.secrets), len: text.len() as u32, slot }
    }

    /// Looks for a text among the next entries, and goes on behind it.
    fn find_ahead(&mut self, wanted: Entry) -> Option<Entry> {
        let ahead = self.memory.entries.get(self.cursor..).unwrap_or_default();
        let at = ahead.iter().take(WINDOW).position(|e| e.hash == wanted.hash && e.len == wanted.len)?;
        let found = ahead.get(at).copied();
        self.cursor += at + 1;
        found
    }

    /// Looks for a text among all entries, and goes on behind it: what follows it most likely moved with it.
    fn find_anywhere(&mut self, wanted: Entry) -> Option<Entry> {
        self.scratch.fill_positions(&self.memory.entries);
        let at = *self.scratch.positions.get(&wanted.hash)? as usize;
        let found = self.memory.entries.get(at).copied().filter(|e| e.len == wanted.len)?;
        self.cursor = at + 1;
        Some(found)
    }

    #[inline]
    fn sample(&mut self, entry: Entry, tail: Tail) -> Result<(), Stop> {
        if entry.slot < state::NEW {
            self.counts.scraped += 1;
            self.keep(entry);
            self.accept(entry.slot, tail, false);
        } else if entry.slot == state::DROPPED {
            self.counts.scraped += 1;
            self.keep(entry);
        } else {
            let slot = self.place(self.at + entry.len as usize)?;
            let mut kept = slot;
            if slot < state::NEW {
                let added = entry.slot != state::GONE && !self.scratch.is_on_page(entry);
                if self.accept(slot, tail, added) {
                    self.scratch.put_on_page(entry);
                } else {
                    kept = state::REFUSED;
                }
            }
            self.keep(Entry { slot: kept, ..entry });
        }
        self.at = tail.next;
        Ok(())
    }

    /// Takes the series that is here apart and finds its slot: a free one, that of a series with the same labels, or
    /// [`state::DROPPED`]. [`state::GONE`] when the page is over its limit, where no slots are given out any more.
    #[cold]
    fn place(&mut self, end: usize) -> Result<Slot, Stop> {
        let text = self.body.get(self.at..end).unwrap_or_default();
        let scratch = &mut *self.scratch;
        let parsed = scratch.series.parse(text);
        // A line that cannot be read is no sample. One with a repeated label can: Prometheus refuses it only when it is stored.
        let counts = parsed.is_ok() || parsed.is_err_and(|f| f.reason == Reason::LabelTwice);
        self.counts.scraped += u64::from(counts);
        parsed.map_err(|f| f.shifted(self.at))?;
        let kept = self.rules.series.apply(&scratch.series, text, &mut scratch.builder).map_err(Stop::Error)?;
        if !kept {
            return Ok(state::DROPPED);
        }
        if self.over_limit {
            self.counts.relabelled += 1;
            return Ok(state::GONE);
        }
        if !scratch.by_labels_ready {
            scratch.by_labels_ready = true;
            // What weir reports about a target is its own, from the first page on: the page cannot have it too.
            let reported = (0..REPORT_SLOTS).filter(|s| scratch.seen.contains(*s));
            for slot in self.memory.live.iter().chain(reported) {
                let labels = self.memory.labels.get(slot as usize).copied().unwrap_or_default();
                scratch.by_labels.insert(labels, slot);
            }
            scratch.next_free = 0;
        }
        let labels = scratch.builder.finish();
        let key = hash(labels.as_bytes(), self.rules.secrets);
        if let Some(slot) = scratch.by_labels.get(&key) {
            return Ok(*slot);
        }
        // Slots of the last page are live until this one is whole: one that dies here is not reused here.
        let slot = self.memory.live.first_free(&scratch.seen, scratch.next_free, REPORT_SLOTS);
        scratch.next_free = slot;
        scratch.by_labels.insert(key, slot);
        let known = scratch.family.of(self.body, scratch.series.name());
        scratch.births.push_described(slot, labels, known);
        set_at(&mut self.memory.labels, slot, key);
        Ok(slot)
    }

    /// Takes a sample of a live or newly born slot, or counts why not; whether a storage would take it at first sight.
    #[inline]
    fn accept(&mut self, slot: Slot, tail: Tail, added: bool) -> bool {
        self.counts.relabelled += 1;
        if self.rules.sample_limit > 0 && self.counts.relabelled > self.rules.sample_limit as u64 {
            self.over_limit = true;
            return false;
        }
        let own = tail.time.filter(|_| self.rules.honor_timestamps);
        let time = own.unwrap_or(self.rules.time);
        let again = self.scratch.seen.put(slot);
        if own.is_some() || !self.memory.times.is_empty() {
            match self.judge(slot, own, tail.value) {
                Verdict::Newer => {}
                Verdict::Same => {
                    self.counts.series_added += u64::from(added);
                    return true;
                }
                _ => return false,
            }
        }
        self.counts.series_added += u64::from(added);
        if again && !self.may_repeat(slot, time) {
            return true;
        }
        if self.scratch.times_ready {
            self.scratch.times.insert(slot, time);
        }
        self.scratch.samples.push(Sample { slot, own_time: own.is_some(), time, value: tail.value });
        true
    }

    /// Judges a sample of a target with times of its own by the pages before, and counts it unless it is newer.
    #[cold]
    fn judge(&mut self, slot: Slot, own: Option<i64>, value: f64) -> Verdict {
        if slot < REPORT_SLOTS {
            return Verdict::Newer;
        }
        let key = self.memory.labels.get(slot as usize).copied().unwrap_or_default();
        let at_last_page = self.memory.live.contains(slot).then_some(self.memory.last_time);
        let verdict = self.memory.times.judge(key, own, self.rules.time, value, at_last_page);
        match verdict {
            Verdict::Newer => {}
            Verdict::OutOfBounds => self.counts.out_of_bounds += 1,
            Verdict::OutOfOrder => self.counts.out_of_order += 1,
            Verdict::Duplicate | Verdict::Same => self.counts.duplicates += 1,
        }
        verdict
    }

    /// Whether a slot that is on the page already may have another sample: only a newer one.
    #[cold]
    fn may_repeat(&mut self, slot: Slot, time: i64) -> bool {
        if slot < REPORT_SLOTS {
            self.counts.duplicates += 1;
            return false;
        }
        if !self.scratch.times_ready {
            self.scratch.times_ready = true;
            // ascending within a slot, so the last one stays
            self.scratch.times.extend(self.scratch.samples.iter().map(|s| (s.slot, s.time)));
        }
        match self.scratch.times.get(&slot) {
            Some(last) if *last == time => self.counts.duplicates += 1,
            Some(last) if *last > time => self.counts.out_of_order += 1,
            _ => return true,
        }
        false
    }

    /// Puts a line into the layout of this page. While nothing has diverged, the memory's own entry is that line.
    #[inline]
    fn keep(&mut self, entry: Entry) {
        if self.over_limit {
            return;
        }
        if self.diverged {
            self.scratch.layout.push(entry);
        } else if let Some(own) = self.memory.entries.get_mut(self.cursor - 1) {
            own.slot = entry.slot;
        }
    }

    /// Makes this page's layout the memory.
    fn settle(&mut self) {
        let Scratch { family, series, layout, births, .. } = &mut *self.scratch;
        family.describe_changed(self.body, layout, &self.memory.live, births, |text| {
            series.parse(text).ok().map(|()| series.name().to_owned())
        });
        let entries = &mut self.memory.entries;
        if self.diverged {
            entries.clear();
            entries.extend_from_slice(&self.scratch.layout);
        } else {
            entries.truncate(self.cursor);
        }
        // Exact at rest, but for a little slack that spares a new allocation for every line that comes and goes.
        if entries.capacity() > entries.len() + entries.len() / 16 {
            entries.shrink_to_fit();
        }
        self.memory.whole = entries.len();
        if self.memory.labels.capacity() > self.memory.labels.len() + self.memory.labels.len() / 16 {
            self.memory.labels.shrink_to_fit();
        }
        self.memory.times.keep(&self.scratch.samples, &self.memory.labels, self.rules.time);
    }
}
