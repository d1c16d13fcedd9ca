//! The rules of remote write. One bad sample costs the whole request, as in Prometheus 2.4x.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};

use crate::proto::remote_write::{TimeSeries, WriteRequest};
use crate::recorder::series_name;
use crate::strict::labels::is_name;
use crate::strict::{Broken, Rules};

/// A sample older than its series' newest, and equal to one that was accepted: what a sender repeats that crashed before it
/// had noted the answer. Refused like every other that is out of order.
pub const REPEATED: &str = "repeated";

/// A staleness marker, and the NaN that stands for every other one (`model/value/value.go`).
const NANS: [u64; 2] = [0x7ff0_0000_0000_0002, 0x7ff8_0000_0000_0001];

/// What was accepted of each series, and the newest sample of all.
#[derive(Debug, Default)]
pub(super) struct Newest {
    series: HashMap<String, Accepted>,
    /// Milliseconds.
    all: Option<i64>,
}

/// A series' samples: time in milliseconds, and the value's bits.
#[derive(Debug, Default)]
struct Accepted {
    newest: Option<(i64, u64)>,
    samples: HashMap<i64, u64>,
}

/// What a request adds.
#[derive(Debug, Default)]
pub(super) struct Judged {
    series: HashMap<String, Accepted>,
    newest: Option<i64>,
    duplicates: Vec<(String, i64)>,
}

/// What the headers must say (remote write specifications 1.0 and 2.0, "Protocol").
pub(super) fn headers(headers: &HeaderMap) -> Vec<Broken> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mut broken = vec![];
    let mut want = |name: &str, ok: bool, status| {
        if !ok {
            let what = format!("{name}: {:?}", text(name));
            broken.push(Broken { status, rule: "header", what });
        }
    };
    let version = match text("content-type") {
        "application/x-protobuf" | "application/x-protobuf;proto=prometheus.WriteRequest" => Some("0.1.0"),
        "application/x-protobuf;proto=io.prometheus.write.v2.Request" => Some("2.0.0"),
        _ => None,
    };
    want(header::CONTENT_TYPE.as_str(), version.is_some(), 415);
    want(header::CONTENT_ENCODING.as_str(), text("content-encoding") == "snappy", 415);
    let said = text("x-prometheus-remote-write-version");
    want("x-prometheus-remote-write-version", version.is_none_or(|v| v == said), 400);
    want(header::USER_AGENT.as_str(), !text("user-agent").is_empty(), 400);
    broken
}

impl Newest {
    /// Judges a request as a whole against what was accepted before.
    pub(super) fn judge(&self, rules: &Rules, request: &WriteRequest, broken: &mut Vec<Broken>) -> Judged {
        let mut judged = Judged { newest: self.all, ..Judged::default() };
        for series in &request.timeseries {
            let name = series_name(series);
            labels(rules, &name, series, broken);
            for sample in &series.samples {
                let (time, bits) = (sample.timestamp, sample.value.to_bits());
                if sample.value.is_nan() && !NANS.contains(&bits) {
                    broken.push(Broken::new("nan", format!("{name}: {bits:#x} is no NaN of Prometheus'")));
                }
                if time > rules.now_nanos() / 1_000_000 + rules.ahead.as_millis() as i64 {
                    broken.push(Broken::new("too_far_in_future", format!("{name} at {time}")));
                }
                if let Some(rule) = self.place(rules, &mut judged, &name, time, bits) {
                    broken.push(Broken::new(rule, format!("{name} at {time}")));
                }
            }
        }
        judged
    }

    /// Puts a sample behind those before it; the rule that forbids it.
    fn place(&self, rules: &Rules, judged: &mut Judged, name: &str, time: i64, bits: u64) -> Option<&'static str> {
        let late_from = match rules.out_of_order.as_millis() as i64 {
            0 => i64::MAX,
            window => self.all.map_or(i64::MIN, |all| all - window),
        };
        let oldest = rules.sample_age.zip(self.all).map_or(i64::MIN, |(age, all)| all - age.as_millis() as i64);
        let new = judged.series.get(name);
        let old = self.series.get(name);
        let newest = new.and_then(|s| s.newest).or_else(|| old.and_then(|s| s.newest));
        let known = [new, old].into_iter().flatten().find_map(|s| s.samples.get(&time).copied());
        let is_newest = newest.is_some_and(|(newest, _)| newest == time);
        let in_order = newest.is_none_or(|(newest, _)| newest < time);
        match known {
            Some(known) if known == bits && (is_newest || time >= late_from) => {
                judged.duplicates.push((name.to_owned(), time));
                return None;
            }
            // the real ones see no difference to any other that is out of order: they have forgotten it
            Some(known) if known == bits => return Some(REPEATED),
            Some(_) if is_newest || time >= late_from => return Some("duplicate"),
            _ if in_order && time < oldest.min(late_from) => return Some("out_of_bounds"),
            _ if !in_order && time < late_from => return Some("out_of_order"),
            _ => {}
        }
        let series = judged.series.entry(name.to_owned()).or_default();
        series.samples.insert(time, bits);
        series.newest = if in_order { Some((time, bits)) } else { newest };
        judged.newest = judged.newest.max(Some(time));
        None
    }

    /// Takes a request in that broke no rule; what of it was there already.
    pub(super) fn accept(&mut self, judged: Judged) -> Vec<(String, i64)> {
        for (name, new) in judged.series {
            let series = self.series.entry(name).or_default();
            series.newest = new.newest;
            series.samples.extend(new.samples);
        }
        self.all = judged.newest;
        judged.duplicates
    }
}

/// A request without what was there already: each duplicate is one sample that came later than its equal.
pub(super) fn without(request: &WriteRequest, duplicates: &[(String, i64)]) -> WriteRequest {
    let mut request = request.clone();
    for (of, time) in duplicates {
        for series in request.timeseries.iter_mut().rev().filter(|s| series_name(s) == *of) {
            if let Some(at) = series.samples.iter().rposition(|s| s.timestamp == *time) {
                series.samples.remove(at);
                break;
            }
        }
    }
    request
}

fn labels(rules: &Rules, name: &str, series: &TimeSeries, broken: &mut Vec<Broken>) {
    let mut breaks = |rule| broken.push(Broken::new(rule, name));
    if !series.labels.iter().any(|l| l.name == "__name__") {
        breaks("no_name");
    }
    for label in &series.labels {
        if label.name.is_empty() || label.value.is_empty() {
            breaks("empty_label");
        } else if !rules.utf8_names
            && (!is_name(&label.name, false) || (label.name == "__name__" && !is_name(&label.value, true)))
        {
            breaks("bad_name");
        }
    }
    let names: Vec<_> = series.labels.iter().map(|l| l.name.as_str()).collect();
    if names.windows(2).any(|w| w[0] > w[1]) {
        breaks("unsorted_labels");
    }
    let mut sorted = names.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|w| w[0] == w[1]) {
        breaks("repeated_label");
    }
}
