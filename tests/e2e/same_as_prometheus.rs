//! Row 26 of the faults: hostile pages, served to a real Prometheus and to weir, must end in the same samples.
//!
//! Both scrape the same pages, each its own copy of the sequence. weir writes to a second Prometheus, so that both sides
//! are read through the same storage and the same queries: every stored sample, what is visible at each scrape (so that
//! a missing or a needless staleness marker shows), and what each reports about its scrapes.

mod compare;
mod corpus;
mod generated;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use weir_rig::prometheus::Prometheus;
use weir_rig::sequences::Sequences;
use weir_rig::{Weir, eventually};

/// One target: what it serves, scrape after scrape.
struct Case {
    name: String,
    /// One of [`PROFILES`].
    profile: &'static str,
    pages: Vec<Vec<u8>>,
}

/// Keys of a job, the same for both.
const PROFILES: [(&str, &[(&str, &str)]); 6] = [
    ("plain", &[]),
    ("honor_labels", &[("honor_labels", "true")]),
    ("ignore_timestamps", &[("honor_timestamps", "false")]),
    ("sample_limit", &[("sample_limit", "4")]),
    ("label_limits", &[("label_limit", "6"), ("label_name_length_limit", "12"), ("label_value_length_limit", "24")]),
    ("body_size_limit", &[("body_size_limit", "\"64B\"")]),
];

const RECEIVER: &str = "global: { scrape_interval: 1h }\n";

/// Between two scrapes. The machine may be busy: a scrape that timed out would look like a difference.
const INTERVAL: &str = "5s";

/// What weir does otherwise, and means to: the case's name, and why.
const DELIBERATE: [(&str, &str); 10] = [
    ("what weir reports itself", "a page that could forge `up` would hide that it fails"),
    ("what is reported, forged", "as above"),
    ("a NUL byte begins a line", "Prometheus takes it for the page's end and keeps half a page without a word"),
    ("blanks before a name", "the format ignores them; Prometheus makes them part of the name, which is then refused"),
    ("a repeated label that the target has too", "the page is not valid; Prometheus keeps the first by accident"),
    ("a repeated label, once empty", "the page is not valid; Prometheus drops both by accident"),
    ("more labels than any series has", "names are compared with each other: the cap bounds what a page can cost"),
    ("an empty label where another would move to", "as Prometheus does since 2.43"),
    ("none, then a time that is older", "a series that goes on gets no marker, whoever gives its times"),
    ("a time, then none, then one that is older", "as above"),
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_pages_end_as_in_prometheus() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut cases = corpus::cases(now);
    let written = cases.len();
    let (seed, random) = generated::cases(now);
    cases.extend(random);

    let dir = TempDir::new().unwrap();
    let sequences = Sequences::start(cases.iter().map(|c| c.pages.clone()).collect()).await;
    let receiver = Prometheus::start(&dir.path().join("receiver"), RECEIVER).await;
    let reference = Prometheus::start(&dir.path().join("reference"), &reference(&cases, &sequences.address)).await;
    let weir = Weir::start(&config(&cases, &sequences.address, &receiver.write_url())).await;

    // One more than is compared, so that the last of those has been stored.
    for reader in ["prometheus", "weir"] {
        eventually("every page was read", async || {
            let behind = |i: &usize| sequences.served(reader, *i) <= cases[*i].pages.len();
            match (0..cases.len()).filter(behind).count() {
                0 => Ok(()),
                n => Err(format!("{reader} is behind with {n} of {}", cases.len())),
            }
        })
        .await;
    }
    let mut differences = BTreeMap::new();
    let mut samples = 0;
    for (i, case) in cases.iter().enumerate() {
        let here = compare::settled(&receiver.url(""), case.profile, i, case.pages.len()).await;
        let there = compare::settled(&reference.url(""), case.profile, i, case.pages.len()).await;
        samples += there.samples();
        let told = here.difference(&there);
        let meant = DELIBERATE.iter().any(|(name, _)| *name == case.name);
        if meant == told.is_empty() {
            let pages: Vec<_> = case.pages.iter().map(|p| String::from_utf8_lossy(compare::head(p))).collect();
            let why = if meant { "the same, though it is listed as deliberate".to_owned() } else { told };
            differences.insert(case.name.clone(), format!("[{}] {pages:#?}\n{why}", case.profile));
        }
    }
    let metrics = weir.metrics().await;
    let refused = metrics.sum("weir_records_total", &[("component", "remote_write.receiver"), ("reason", "rejected")]);
    println!(
        "{written} written and {} generated sequences (WEIR_SEED={seed}), {} scrapes each side, {samples} samples stored, \
         {refused} refused by the receiver, {} differ",
        cases.len() - written,
        cases.iter().map(|c| c.pages.len()).sum::<usize>(),
        differences.len()
    );
    let told = differences.iter().take(12).fold(String::new(), |mut text, (name, difference)| {
        let _ = writeln!(text, "== {name} {difference}");
        text
    });
    assert!(differences.is_empty(), "WEIR_SEED={seed}: {} of {} differ:\n{told}", differences.len(), cases.len());
    for (component, name) in [("remote_write.receiver", "weir_records_total")] {
        for sample in metrics.matching(name, &[("component", component), ("stage", "dropped")]) {
            assert_eq!(sample.value, 0.0, "one target's hostile page must not cost others' samples: {sample:?}");
        }
    }
}

fn reference(cases: &[Case], address: &str) -> String {
    let mut text = "scrape_configs:\n".to_owned();
    for (profile, keys) in PROFILES {
        writeln!(text, "- job_name: {profile}\n  scrape_interval: {INTERVAL}\n  scrape_timeout: {INTERVAL}").unwrap();
        for (key, value) in keys {
            writeln!(text, "  {key}: {value}").unwrap();
        }
        text.push_str("  static_configs:\n");
        for (i, _) in cases.iter().enumerate().filter(|(_, c)| c.profile == profile) {
            writeln!(
                text,
                "  - targets: ['{address}']\n    labels: {{ case: c{i}, __metrics_path__: /prometheus/{i} }}"
            )
            .unwrap();
        }
    }
    text
}

fn config(cases: &[Case], address: &str, write_url: &str) -> String {
    let mut text = String::new();
    for (profile, keys) in PROFILES {
        writeln!(
            text,
            "[[scrape_configs]]\njob_name = \"{profile}\"\nscrape_interval = \"{INTERVAL}\"\nscrape_timeout = \"{INTERVAL}\""
        )
        .unwrap();
        for (key, value) in keys {
            writeln!(text, "{key} = {value}").unwrap();
        }
        text.push_str("static_configs = [\n");
        for (i, _) in cases.iter().enumerate().filter(|(_, c)| c.profile == profile) {
            writeln!(
                text,
                "  {{ targets = [\"{address}\"], labels = {{ case = \"c{i}\", __metrics_path__ = \"/weir/{i}\" }} }},"
            )
            .unwrap();
        }
        text.push_str("]\n");
    }
    text + &weir_rig::config::remote_write("receiver", write_url)
}
