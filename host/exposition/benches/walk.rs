//! What a sample costs when nothing about the page is known: 2,000 series of about 250 bytes a line.

use std::fmt::Write;

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_exposition::{Line, Series, float, lines};

fn main() {
    divan::main();
}

const SERIES: usize = 2000;

fn page() -> Vec<u8> {
    let mut page = String::from("# HELP container_cpu_usage_seconds_total Cumulative cpu time.\n");
    page.push_str("# TYPE container_cpu_usage_seconds_total counter\n");
    for i in 0..SERIES as u64 {
        let id = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let _ = writeln!(
            page,
            "container_cpu_usage_seconds_total{{container=\"api\",id=\"/kubepods.slice/kubepods-burstable.slice/pod{id:016x}\
             .slice/cri-containerd-{id:016x}.scope\",image=\"registry.example.com/team/api:v1.2.3\",name=\"c{i:06}\",\
             namespace=\"payments\",pod=\"api-7d9f-{:08x}\",cpu=\"total\"}} {}.{:06}",
            id as u32,
            1_000_000 + i,
            id % 1_000_000
        );
    }
    page.into_bytes()
}

#[divan::bench]
fn find_values(bencher: Bencher<'_, '_>) {
    let page = page();
    bencher.counter(ItemsCount::new(SERIES)).bench(|| {
        lines(&page)
            .flatten()
            .filter_map(|l| if let Line::Sample(_, tail) = l { Some(tail.value) } else { None })
            .sum::<f64>()
    });
}

#[divan::bench]
fn take_series_apart(bencher: Bencher<'_, '_>) {
    let page = page();
    let mut series = Series::default();
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| {
        let mut labels = 0;
        for line in lines(&page).flatten() {
            if let Line::Sample(text, _) = line {
                labels += series.parse(text).map_or(0, |()| series.labels().len());
            }
        }
        labels
    });
}

#[divan::bench(args = ["1", "1234567.89", "1.2345678e+09", "0.30000000000000004"])]
fn number(bencher: Bencher<'_, '_>, text: &str) {
    bencher.counter(ItemsCount::new(1usize)).bench(|| float::parse(divan::black_box(text.as_bytes())));
}
