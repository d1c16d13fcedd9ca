//! The series of one metric: found by the values of their labels, kept over time, emitted.

use rapidhash::RapidHashMap;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use weir_sdk::emit;

use crate::config::Action;

const SECRETS: RapidSecrets = RapidSecrets::seed(0x6d65_7472);

/// Memory that the series of all metrics may take, in bytes: a third of what weir replaces an instance at, for what is kept of them and
/// emitted is there twice for a moment.
pub(crate) const ROOM: usize = 16 << 20;

/// About what is emitted at a time, in bytes.
const EMISSION: usize = 1 << 20;

/// Why a line was not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The metric has as many series as it may have.
    Series,
    /// There is no more memory for another.
    Memory,
}

/// All series of a metric.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    /// The names of the labels.
    pub(crate) labels: Vec<String>,
    /// Upper bounds of a histogram, and as `le` shows them; empty for any other metric.
    buckets: Vec<(f64, String)>,
    most: usize,
    /// After how many ticks without a line a series ends.
    expire: u64,
    /// By age, each with a hash of its values: that two of ten thousand are taken for one has a chance of one to 10^11.
    all: Vec<(u64, Series)>,
    /// Where a hash's series stands.
    places: RapidHashMap<u64, usize>,
    /// The names of a histogram's series.
    parts: [String; 3],
    /// Whether anything has changed since it was last kept.
    pub(crate) changed: bool,
}

/// One series, or one histogram.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Series {
    /// The values of the family's labels; empty where there is none.
    pub(crate) labels: Vec<String>,
    pub(crate) data: Data,
    /// Ticks since the last line.
    idle: u64,
}

/// What a series has come to.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Data {
    Number(f64),
    /// Observations by bucket (not summed up), the last that of +Inf, and their sum.
    Histogram(Vec<u64>, f64),
}

impl Series {
    /// About how much memory it takes, in bytes.
    fn size(&self) -> usize {
        let labels: usize = self.labels.iter().map(|label| size_of::<String>() + label.len()).sum();
        let data = if let Data::Histogram(counts, _) = &self.data { size_of_val(counts.as_slice()) } else { 0 };
        // with its places in two tables, which are half empty after they have grown
        2 * size_of::<(u64, Self)>() + 64 + labels + data
    }
}

/// Takes so much of the room, if there is as much.
fn take(room: &mut usize, size: usize) -> bool {
    let left = room.checked_sub(size);
    *room = left.unwrap_or(*room);
    left.is_some()
}

impl Family {
    pub(crate) fn new(name: &str, labels: Vec<String>, buckets: &[f64], most: usize, expire: u64) -> Self {
        Self {
            name: name.to_owned(),
            labels,
            buckets: buckets.iter().map(|b| (*b, b.to_string())).collect(),
            most,
            expire,
            all: vec![],
            places: RapidHashMap::default(),
            parts: ["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")),
            // whatever another version has left is taken up by now, or does not fit
            changed: true,
        }
    }

    /// What another version of the family must be alike in to be taken up.
    pub(crate) fn shape(&self) -> String {
        let bounds: Vec<&str> = self.buckets.iter().map(|(_, text)| text.as_str()).collect();
        format!("1 {} {}", self.labels.join(","), bounds.join(","))
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Series> {
        self.all.iter().map(|(_, series)| series)
    }

    /// Has a series that was kept go on, if there is room.
    pub(crate) fn take_up(&mut self, series: Series, room: &mut usize) {
        let fits = match &series.data {
            Data::Number(_) => self.buckets.is_empty(),
            Data::Histogram(counts, _) => !self.buckets.is_empty() && counts.len() == self.buckets.len() + 1,
        };
        if fits && series.labels.len() == self.labels.len() && self.all.len() < self.most && take(room, series.size()) {
            let key = series.labels.iter().fold(vec![], |mut key, value| {
                push(&mut key, value);
                key
            });
            self.add(hash(&key), series);
        }
    }

    /// Does something to the series of these values, which `key` holds (see [`push`]); to a new one, if there is room.
    pub(crate) fn apply(&mut self, key: &[u8], action: Action, number: f64, room: &mut usize) -> Result<(), Full> {
        let hash = hash(key);
        let place = match self.places.get(&hash) {
            Some(place) => *place,
            None if self.all.len() >= self.most => return Err(Full::Series),
            None => {
                let series = Series { labels: values(key), data: self.nothing(), idle: 0 };
                if !take(room, series.size()) {
                    return Err(Full::Memory);
                }
                self.add(hash, series)
            }
        };
        let buckets = &self.buckets;
        let Some((_, series)) = self.all.get_mut(place) else { return Ok(()) };
        series.idle = 0;
        self.changed = true;
        match &mut series.data {
            Data::Number(value) => match action {
                Action::Set | Action::Observe => *value = number,
                Action::Inc => *value += 1.0,
                Action::Dec => *value -= 1.0,
                Action::Add => *value += number,
                Action::Sub => *value -= number,
            },
            Data::Histogram(counts, sum) => {
                let bucket = buckets.partition_point(|(bound, _)| *bound < number);
                if let Some(count) = counts.get_mut(bucket) {
                    *count += 1;
                }
                *sum += number;
            }
        }
        Ok(())
    }

    /// A tick has passed: series without a line for too long end.
    pub(crate) fn age(&mut self, room: &mut usize) {
        let before = self.all.len();
        let expire = self.expire;
        self.all.retain_mut(|(_, series)| {
            series.idle += 1;
            let stays = series.idle <= expire;
            *room += if stays { 0 } else { series.size() };
            stays
        });
        if self.all.len() != before {
            self.places = self.all.iter().enumerate().map(|(place, (hash, _))| (*hash, place)).collect();
            self.changed = true;
        }
    }

    fn add(&mut self, hash: u64, series: Series) -> usize {
        let place = self.all.len();
        self.all.push((hash, series));
        self.places.insert(hash, place);
        place
    }

    fn nothing(&self) -> Data {
        match self.buckets.len() {
            0 => Data::Number(0.0),
            n => Data::Histogram(vec![0; n + 1], 0.0),
        }
    }

    /// Emits all series as they are now.
    ///
    /// # Errors
    /// Why not all of them: whoever was emitted before stays so.
    pub(crate) fn emit(&self) -> Result<(), emit::Refusal> {
        let mut rest = self.all.iter().map(|(_, series)| series).peekable();
        while rest.peek().is_some() {
            emit::samples(|samples| {
                let (mut labels, mut size): (Vec<(&str, &str)>, _) = (Vec::with_capacity(self.labels.len() + 1), 0);
                while let Some(series) = rest.next_if(|_| size < EMISSION) {
                    labels.clear();
                    labels.extend(self.labels.iter().map(String::as_str).zip(series.labels.iter().map(String::as_str)));
                    match &series.data {
                        Data::Number(value) => samples.add(&self.name, &labels, *value),
                        Data::Histogram(counts, sum) => self.add_histogram(samples, &mut labels, counts, *sum),
                    }
                    // the labels are there again with each of a histogram's buckets
                    size += series.size() * (self.buckets.len() + 1);
                }
            })?;
        }
        Ok(())
    }

    fn add_histogram<'a>(
        &'a self,
        samples: &mut emit::Samples,
        labels: &mut Vec<(&'a str, &'a str)>,
        counts: &[u64],
        sum: f64,
    ) {
        let [bucket, sum_name, count_name] = &self.parts;
        let (mut total, bounds) = (0, self.buckets.iter().map(|(_, text)| text.as_str()).chain(["+Inf"]));
        for (count, bound) in counts.iter().zip(bounds) {
            total += count;
            labels.push(("le", bound));
            samples.add(bucket, labels, total as f64);
            labels.pop();
        }
        samples.add(sum_name, labels, sum);
        samples.add(count_name, labels, total as f64);
    }
}

/// What stands behind each value in a key: no text has this byte.
const END: u8 = 0xff;

/// The longest value of a label, in bytes; what is longer is cut. Loki takes no longer one either, and a line has room for 256 KiB.
const MAX_VALUE: usize = 2048;

/// Adds a label's value to a key.
pub(crate) fn push(key: &mut Vec<u8>, value: &str) {
    let value = value.get(..value.floor_char_boundary(MAX_VALUE)).unwrap_or_default();
    key.extend_from_slice(value.as_bytes());
    key.push(END);
}

fn values(key: &[u8]) -> Vec<String> {
    let ended = key.strip_suffix(&[END]).map(|key| key.split(|b| *b == END));
    ended.into_iter().flatten().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

fn hash(key: &[u8]) -> u64 {
    rapidhash_v3_seeded(key, &SECRETS)
}
