//! What a sample costs on its way from a page into a queue's hands: 2,000 series of about 242 label bytes.
//!
//! `cargo bench -p weir-push`; the time is per page, throughput in samples.

#![allow(missing_docs, reason = "a program, not an interface")]

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_model::{Births, LabelSet, Page, Sample};
use weir_push::RemoteWriteVersion;
use weir_push::bench::{encoder, snappy};

/// Series of the page.
const SERIES: u32 = 2_000;

fn main() {
    divan::main();
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
        births.push(slot, labels(slot).as_labels());
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Sample { slot, own_time: false, time: 1_700_000_000_000, value: (x >> 44) as f64 }
    });
    let samples = samples.collect();
    (births, samples)
}

/// Labels unpacked, messages written; nothing compressed.
#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let (births, samples) = page();
    let mut target = encoder(RemoteWriteVersion::One, usize::MAX);
    target.accept(&Page { time: 0, deaths: &[], births: &births, samples: &[] });
    let none = Births::default();
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| {
        target.accept(&Page { time: 1_700_000_000_000, deaths: &[], births: &none, samples: &samples });
        target.forget();
    });
}

/// The same, compressed at the default limit of a request.
#[divan::bench]
fn encode_and_compress(bencher: Bencher<'_, '_>) {
    let (births, samples) = page();
    let mut target = encoder(RemoteWriteVersion::One, 1 << 20);
    target.accept(&Page { time: 0, deaths: &[], births: &births, samples: &[] });
    let none = Births::default();
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| {
        target.accept(&Page { time: 1_700_000_000_000, deaths: &[], births: &none, samples: &samples });
    });
}

/// Snappy alone over what a page becomes.
#[divan::bench]
fn compress(bencher: Bencher<'_, '_>) {
    let (births, samples) = page();
    let mut target = encoder(RemoteWriteVersion::One, usize::MAX);
    target.accept(&Page { time: 0, deaths: &[], births: &births, samples: &samples });
    let raw = target.raw();
    let mut packed = vec![0; snap::raw::max_compress_len(raw.len())];
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| snappy(&raw, &mut packed));
}
