//! What a sample costs on its way from a page into a queue's hands: 2,000 series of about 242 label bytes.
//!
//! `cargo bench -p weir-push`; the time is per page or request, throughput in samples. Each is measured in remote write 1.0 and
//! 2.0, and with one, three and six scrapes in a request. What a sample takes on the wire is printed first.

#![allow(missing_docs, reason = "a program, not an interface")]

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_model::{Births, LabelSet, Metadata, MetricKind, Page, Sample};
use weir_push::RemoteWriteVersion;
use weir_push::bench::{encoder, snappy};

/// Series of the page.
const SERIES: u32 = 2_000;

/// When the first page is scraped.
const BEGIN: i64 = 1_700_000_000_000;

const VERSIONS: [RemoteWriteVersion; 2] = [RemoteWriteVersion::One, RemoteWriteVersion::Two];

/// Versions, and scrapes in a request.
const CASES: [(RemoteWriteVersion, u32); 6] = {
    use RemoteWriteVersion::{One, Two};
    [(One, 1), (One, 3), (One, 6), (Two, 1), (Two, 3), (Two, 6)]
};

fn main() {
    for (version, scrapes) in CASES {
        let raw = encoded(version, scrapes);
        let mut packed = vec![0; snap::raw::max_compress_len(raw.len())];
        let (raw, packed) = (raw.len(), snappy(&raw, &mut packed));
        let each = |bytes: usize| bytes as f64 / f64::from(SERIES * scrapes);
        eprintln!("{version:?}, {scrapes} scrapes: {:.1} bytes a sample, {:.1} on the wire", each(raw), each(packed));
    }
    divan::main();
}

/// What so many scrapes become.
fn encoded(version: RemoteWriteVersion, scrapes: u32) -> Vec<u8> {
    let (mut births, _) = page();
    let mut target = encoder(version, usize::MAX);
    for (time, samples) in &scrapes_of(scrapes) {
        target.accept(&Page { time: *time, deaths: &[], births: &births, samples });
        births.clear();
    }
    target.raw()
}

/// The samples of scrapes that are 5 s apart, with their times.
fn scrapes_of(scrapes: u32) -> Vec<(i64, Vec<Sample>)> {
    let mut x = 7u64;
    let scrape = |i| {
        let time = BEGIN + 5_000 * i64::from(i);
        let sample = |slot| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Sample { slot, own_time: false, time, value: (x >> 44) as f64 }
        };
        (time, (0..SERIES).map(sample).collect())
    };
    (0..scrapes).map(scrape).collect()
}

fn labels(i: u32) -> LabelSet {
    let pairs = [
        ("__name__", format!("http_server_request_duration_seconds_bucket_{}", i % 40)),
        ("cluster", "production-eu-1".into()),
        ("container", "checkout-service".into()),
        ("endpoint", "http-metrics".into()),
        ("instance", "10.24.117.203:9100".into()),
        ("job", "kubernetes-pods".into()),
        ("le", format!("{}", f64::from(i % 20) / 4.0)),
        ("namespace", "payments".into()),
        ("pod", format!("checkout-service-6d5f7c9b8-{:05}", i / 40)),
        ("status", format!("{}", 200 + i % 5)),
    ];
    pairs.iter().collect()
}

fn page() -> (Births, Vec<Sample>) {
    let mut births = Births::default();
    let mut x = 7u64;
    let samples = (0..SERIES).map(|slot| {
        let help = format!("What family {} counts, in a sentence of the usual length.", slot % 40);
        let known = Metadata { kind: MetricKind::Counter, help: help.into(), unit: "".into() };
        births.push_described(slot, labels(slot).as_labels(), Some(Arc::new(known)));
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Sample { slot, own_time: false, time: BEGIN, value: (x >> 44) as f64 }
    });
    let samples = samples.collect();
    (births, samples)
}

/// Labels unpacked, messages written; nothing compressed.
#[divan::bench(args = VERSIONS)]
fn encode(bencher: Bencher<'_, '_>, version: RemoteWriteVersion) {
    let (births, samples) = page();
    let mut target = encoder(version, usize::MAX);
    target.accept(&Page { time: 0, deaths: &[], births: &births, samples: &[] });
    let none = Births::default();
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| {
        target.accept(&Page { time: BEGIN, deaths: &[], births: &none, samples: &samples });
        target.forget();
    });
}

/// The same, compressed, with so many scrapes in a request.
#[divan::bench(args = CASES)]
fn encode_and_compress(bencher: Bencher<'_, '_>, (version, scrapes): (RemoteWriteVersion, u32)) {
    let (births, _) = page();
    let pages = scrapes_of(scrapes);
    let mut target = encoder(version, usize::MAX);
    target.accept(&Page { time: 0, deaths: &[], births: &births, samples: &[] });
    let none = Births::default();
    bencher.counter(ItemsCount::new(SERIES * scrapes)).bench_local(|| {
        for (time, samples) in &pages {
            target.accept(&Page { time: *time, deaths: &[], births: &none, samples });
        }
        target.seal();
    });
}

/// Snappy alone over what a page becomes.
#[divan::bench(args = VERSIONS)]
fn compress(bencher: Bencher<'_, '_>, version: RemoteWriteVersion) {
    let raw = encoded(version, 1);
    let mut packed = vec![0; snap::raw::max_compress_len(raw.len())];
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| snappy(&raw, &mut packed));
}
