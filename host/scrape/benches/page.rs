//! What reading a page costs per sample: 2,000 series, lines of some 250 bytes, the mixture of a node, its containers, the
//! cluster's state and an application's histograms.

use std::fmt::Write;

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_model::LabelSet;
use weir_scrape::{JobSettings, PageReader};

/// Shows allocations: in steady state there are none.
#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

const SERIES: u64 = 2000;

/// A page in which some numbers move with `step`, and of every hundred series one has another name for each `churn`.
fn page(step: u64, churn: u64) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, range: std::ops::Range<u64>, line: &dyn Fn(u64) -> String| {
        let _ = writeln!(out, "# HELP {name} What {name} is about.\n# TYPE {name} {kind}");
        for i in range {
            let _ = writeln!(out, "{name}{}", line(i));
        }
    };
    let mix = |i: u64| (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let pod = |i: u64| {
        let generation = if i.is_multiple_of(100) { churn } else { 0 };
        format!("namespace=\"payments\",pod=\"api-gateway-7d9f8b6c54-{:08x}\"", mix(i) as u32 ^ generation as u32)
    };
    family("node_cpu_seconds_total", "counter", 0..300, &|i| {
        let value = 1_234_567 + i * 31 + step;
        format!("{{cpu=\"{}\",mode=\"idle\",numa=\"0\"}} {value}.{:02}", i, step % 100)
    });
    family("node_network_receive_bytes_total", "counter", 300..600, &|i| {
        format!("{{device=\"veth{:08x}\",netns=\"host\",role=\"pod\"}} {}", mix(i) as u32, 12_345_678_901 + step * 977)
    });
    for (name, kind) in
        [("container_cpu_usage_seconds_total", "counter"), ("container_memory_working_set_bytes", "gauge")]
    {
        family(name, kind, 600..1000, &|i| {
            let id = mix(i);
            let value = if kind == "counter" {
                format!("{}.{:06}", 1_000_000 + i + step, id % 1_000_000)
            } else {
                format!("{}.{:07}e+09", 1 + step % 9, (id >> 20) % 10_000_000)
            };
            format!(
                "{{container=\"api\",id=\"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{:08x}_{:04x}.slice/\
                 cri-containerd-{id:016x}.scope\",image=\"registry.example.com/team/api-gateway:v1.{}.{}\",name=\"c{i:06}\",\
                 {},cpu=\"total\"}} {value}",
                id as u32,
                i,
                i % 17,
                i % 7,
                pod(i)
            )
        });
    }
    family("kube_pod_status_phase", "gauge", 1400..1700, &|i| {
        format!("{{{},uid=\"{i:08x}-0000-4b5c-8d9e-{:012x}\",phase=\"Running\"}} {}", pod(i), i * 977, i % 2)
    });
    family("http_request_duration_seconds_bucket", "histogram", 1700..SERIES, &|i| {
        let labels =
            "code=\"200\",handler=\"/api/v1/orders/{id}\",method=\"GET\",service=\"recommendation-84f8dcd7b5\"";
        format!("{{{labels},version=\"v2.1\",shard=\"{:04}\",le=\"0.{}\"}} {}", i / 10, i % 10, 10_000_000 + step * i)
    });
    out
}

fn reader() -> PageReader {
    let target: LabelSet = [("instance", "10.0.12.7:9100"), ("job", "node")].iter().collect();
    PageReader::new(&JobSettings::default(), target)
}

fn run(bencher: Bencher<'_, '_>, pages: &[String]) {
    let (mut reader, mut n) = (reader(), 0);
    for page in pages {
        assert!(reader.read(page.as_bytes(), 0).is_ok_and(|p| p.samples.len() as u64 == SERIES + 5));
    }
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| {
        n += 1;
        let page = &pages[n % pages.len()];
        reader.read(page.as_bytes(), n as i64).map_or(0, |p| p.samples.len())
    });
}

#[divan::bench]
fn steady(bencher: Bencher<'_, '_>) {
    run(bencher, &(0..4).map(|step| page(step, 0)).collect::<Vec<_>>());
}

#[divan::bench]
fn one_percent_churn(bencher: Bencher<'_, '_>) {
    run(bencher, &(0..16).map(|step| page(step, step)).collect::<Vec<_>>());
}

/// Every line elsewhere than on the page before.
#[divan::bench]
fn shuffled(bencher: Bencher<'_, '_>) {
    let pages = (0..4u64).map(|step| {
        let page = page(step, 0);
        let mut lines: Vec<_> = page.lines().filter(|l| !l.starts_with('#')).collect();
        lines.sort_by_key(|l| l.bytes().fold(step, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)));
        lines.join("\n")
    });
    run(bencher, &pages.collect::<Vec<_>>());
}

#[divan::bench]
fn first_page(bencher: Bencher<'_, '_>) {
    let page = page(0, 0);
    bencher
        .counter(ItemsCount::new(SERIES))
        .with_inputs(reader)
        .bench_local_values(|mut reader| reader.read(page.as_bytes(), 0).map_or(0, |p| p.samples.len()));
}
