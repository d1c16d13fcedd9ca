//! Row 25 of the faults: a target that serves a thousand series, then ten million, then a thousand again.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures::stream;
use weir_receive::{Preview, Recorder};
use weir_rig::config::remote_write;
use weir_rig::target::Target;
use weir_rig::{Weir, eventually, ledger};

/// On the giant page.
const GIANT: u64 = 10_000_000;

/// On the others.
const SMALL: u64 = 1000;

/// Series that are made for one piece of the giant page.
const PIECE: u64 = 10_000;

/// By job: its limit, the text of a series, what the failure is counted under, how many samples that scrape had.
const JOBS: [(&str, &str, &str, &str, f64); 3] = [
    ("few_samples", "sample_limit = 2000", "s", "sample_limit", GIANT as f64),
    ("few_bytes", "body_size_limit = \"50MB\"", "s", "body_size_limit", 0.0),
    // 390 MiB, so that weir's own limit is what it meets
    ("no_limit", "", "a_metric_with_quite_a_long_name", "body_size_limit", 0.0),
];

fn page(name: &'static str, n: u64) -> Response {
    if n == 2 {
        let pieces = (0..GIANT / PIECE).map(move |piece| Ok::<_, String>(lines(name, piece * PIECE, PIECE, n)));
        Body::from_stream(stream::iter(pieces)).into_response()
    } else {
        lines(name, 0, SMALL, n).into_response()
    }
}

fn lines(name: &str, from: u64, count: u64, value: u64) -> Bytes {
    let mut text = String::new();
    (from..from + count).for_each(|i| writeln!(text, "{name}{{i=\"{i}\"}} {value}").unwrap());
    text.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_of_ten_million_series_trips_a_limit_in_bounded_memory() {
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    let mut config = remote_write("preview", &preview.remote_write_url());
    let mut targets = vec![];
    for (job, limit, name, ..) in JOBS {
        let target = Target::answering(move |n| page(name, n)).await;
        write!(
            config,
            "[[scrape_configs]]\njob_name = \"{job}\"\nscrape_interval = \"10s\"\nscrape_timeout = \"10s\"\n\
             enable_compression = false\n{limit}\nstatic_configs = [{{ targets = [\"{}\"] }}]\n",
            target.address
        )
        .unwrap();
        targets.push(target);
    }
    let mut weir = Weir::start(&config).await;
    let before = weir.program().memory();
    let samples = |metric: &str, labels: &str, job: usize| {
        let (job, address) = (JOBS[job].0, &targets[job].address);
        recorder.samples(&format!("{metric}{{{labels}instance=\"{address}\", job=\"{job}\"}}"))
    };
    eventually("every target is back", async || {
        let up: Vec<Vec<f64>> = (0..3).map(|j| samples("up", "", j).iter().map(|p| p.value).collect()).collect();
        if up.iter().all(|up| up.starts_with(&[1.0, 0.0, 1.0])) { Ok(()) } else { Err(up) }
    })
    .await;
    ledger::settled(&weir).await;
    let memory = weir.program().memory();
    let metrics = weir.metrics().await;
    for (j, (job, _, name, reason, scraped)) in JOBS.into_iter().enumerate() {
        let failed = metrics.sum("weir_scrape_failures_total", &[("scrape_job", job), ("reason", reason)]);
        assert_eq!(failed, 1.0, "{job} trips {reason}");
        assert_eq!(samples("scrape_samples_scraped", "", j)[1].value, scraped, "{job}");
        assert_eq!(samples("scrape_samples_post_metric_relabeling", "", j)[1].value, scraped, "{job}");
        let up = samples("up", "", j);
        for i in 0..SMALL {
            let points = samples(name, &format!("i=\"{i}\", "), j);
            let values: Vec<f64> = points.iter().map(|p| p.value).collect();
            assert!(values[0] == 1.0 && values[2] == 3.0, "{job}, series {i}: {values:?}");
            assert_eq!(values[1].to_bits(), 0x7ff0_0000_0000_0002, "one marker when the limit tripped");
            assert_eq!(points[1].time, up[1].time);
            assert!(values[2..].iter().all(|v| v.is_finite()), "and no other: {values:?}");
        }
    }
    let series = recorder.series().len();
    assert_eq!(series, 3 * (SMALL as usize + 5), "of the giant pages nothing is kept");
    println!(
        "3 targets of {GIANT} series: memory {} MiB before, {} at the peak, {} after; {series} series stored",
        before.resident >> 20,
        memory.peak >> 20,
        memory.resident >> 20
    );
    // Bodies of 180, 48 and 256 MiB at once, in buffers that are copied when they grow.
    assert!(memory.peak < 900 << 20, "{} MiB", memory.peak >> 20);
    assert!(memory.resident < 300 << 20, "given back: {} MiB", memory.resident >> 20);
    assert_eq!(weir.program().terminate().await, Some(0));
}
