//! Remote write 2.0: against receivers that know it, and against real programs that do not.
//!
//! What Debian's Prometheus 2.42 and VictoriaMetrics 1.79 do with a 2.0 request: neither looks at the content type; both
//! read the body as a 1.0 `WriteRequest`, find only fields that they do not know, store nothing, and answer 204 without any
//! of the Written headers. `a_real_receiver_of_1_0_takes_2_0_for_nothing` asks them.

use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use weir_receive::{Preview, Recorder, Strict};
use weir_rig::config::{job, remote_write};
use weir_rig::prometheus::{Prometheus, samples};
use weir_rig::target::Target;
use weir_rig::victoria::VictoriaMetrics;
use weir_rig::{Weir, eventually, http, until};

/// The sink with Prometheus' own key for 2.0.
fn version_2(name: &str, url: &str) -> String {
    format!("{}protobuf_message = \"io.prometheus.write.v2.Request\"\n", remote_write(name, url))
}

/// A target that counts its pages in two series.
async fn counting(served: Arc<Mutex<Vec<f64>>>) -> Target {
    Target::start(move |n| {
        served.lock().unwrap().push(n as f64);
        format!("# HELP seq Pages so far.\n# TYPE seq counter\nseq{{part=\"a\"}} {n}\nseq{{part=\"b\"}} {n}\n")
    })
    .await
}

/// A 2.0 request with the series `wrong`.
fn request_2() -> Vec<u8> {
    let mut raw = vec![];
    for symbol in ["", "__name__", "wrong"] {
        raw.extend([0x22, symbol.len() as u8]);
        raw.extend(symbol.as_bytes());
    }
    // one series: the references 1 and 2, a sample of 1 at 1,700,000,000,000
    let mut sample = vec![0x09];
    sample.extend(1f64.to_le_bytes());
    sample.extend([0x10, 0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31]);
    let mut series = vec![0x0a, 2, 1, 2, 0x12, sample.len() as u8];
    series.extend(sample);
    raw.extend([0x2a, series.len() as u8]);
    raw.extend(series);
    // a snappy block of one literal
    let mut block = vec![raw.len() as u8, ((raw.len() - 1) << 2) as u8];
    assert!(raw.len() <= 60, "a literal of one byte's length");
    block.extend(raw);
    block
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_receiver_of_1_0_takes_2_0_for_nothing() {
    let dir = TempDir::new().unwrap();
    let prometheus = Prometheus::start(&dir.path().join("prometheus"), "global: { scrape_interval: 1h }\n").await;
    let victoria = VictoriaMetrics::start(&dir.path().join("victoria")).await;
    for (url, base) in [(prometheus.write_url(), prometheus.url("")), (victoria.write_url(), victoria.base())] {
        let headers = [
            ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
            ("content-encoding", "snappy"),
            ("x-prometheus-remote-write-version", "2.0.0"),
        ];
        let (status, headers) = http::post_for_headers(&url, &headers, request_2()).await.unwrap();
        let written = headers.keys().find(|name| name.as_str().contains("written"));
        assert_eq!((status, written), (204, None), "{url}");
        victoria.flush().await;
        let stored = samples(&base, "wrong[10y]").await.unwrap();
        assert_eq!(stored.len(), 0, "{stored:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_receivers_of_1_0_get_every_sample_once_and_in_order() {
    let dir = TempDir::new().unwrap();
    let prometheus = Prometheus::start(&dir.path().join("prometheus"), "global: { scrape_interval: 1h }\n").await;
    let victoria = VictoriaMetrics::start(&dir.path().join("victoria")).await;
    let served = Arc::new(Mutex::new(vec![]));
    let target = counting(served.clone()).await;
    let weir = Weir::start(
        &[
            job("seq", &target.address, ""),
            version_2("prometheus", &prometheus.write_url()),
            version_2("victoria", &victoria.write_url()),
        ]
        .concat(),
    )
    .await;
    until("some pages", async || target.served() >= 8).await;
    let last = target.served() as f64;
    for base in [prometheus.url(""), victoria.base()] {
        let arrived = async || -> Result<Vec<Vec<(i64, f64)>>, String> {
            victoria.flush().await;
            Ok(samples(&base, "seq[1h]").await?.into_iter().map(|(_, points)| points).collect())
        };
        eventually("the last sample", async || {
            let series = arrived().await?;
            let there = series.len() == 2 && series.iter().all(|points| points.iter().any(|(_, v)| *v == last));
            if there { Ok(()) } else { Err(format!("{last} is not there: {series:?}")) }
        })
        .await;
        for points in arrived().await.unwrap() {
            let values: Vec<f64> = points.iter().map(|(_, v)| *v).filter(|v| *v <= last).collect();
            let want: Vec<f64> = served.lock().unwrap().iter().copied().filter(|v| *v <= last).collect();
            assert_eq!(values, want, "each once, in order, in {base}");
            assert!(points.windows(2).all(|w| w[0].0 < w[1].0), "times go up in {base}");
        }
    }
    let metrics = weir.metrics().await;
    for name in ["prometheus", "victoria"] {
        assert_eq!(metrics.sum("weir_remote_write_fallback", &[("remote_name", name)]), 1.0, "{name}");
        let dropped = metrics.sum("prometheus_remote_storage_samples_dropped_total", &[("remote_name", name)]);
        assert_eq!(dropped, 0.0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_2_0_gets_samples_with_what_the_page_says_of_them() {
    let strict = Arc::new(Strict::default());
    let preview = Preview::local(strict.clone()).await.unwrap();
    let served = Arc::new(Mutex::new(vec![]));
    let target = counting(served.clone()).await;
    let weir =
        Weir::start(&[job("seq", &target.address, ""), version_2("strict", &preview.remote_write_url())].concat())
            .await;
    let series = format!("seq{{instance=\"{}\", job=\"seq\", part=\"a\"}}", target.address);
    let enough = strict.wait_until(|r: &Recorder| r.samples(&series).len() >= 5);
    tokio::time::timeout(std::time::Duration::from_mins(1), enough).await.expect("samples should have arrived");
    let metadata = strict.metadata(&series).unwrap();
    assert_eq!((metadata.kind, metadata.help.as_str(), metadata.unit.as_str()), (1, "Pages so far.", ""));
    let up = format!("up{{instance=\"{}\", job=\"seq\"}}", target.address);
    assert_eq!(strict.metadata(&up).unwrap().kind, 2);
    let values: Vec<f64> = strict.samples(&series).iter().map(|p| p.value).collect();
    assert_eq!(values[..], served.lock().unwrap()[..values.len()]);
    assert!(strict.violations().is_empty(), "{:?}", strict.violations());
    assert!(strict.headers().iter().all(|h| h["x-prometheus-remote-write-version"] == "2.0.0"));
    let fallback = weir.metrics().await.sum("weir_remote_write_fallback", &[("remote_name", "strict")]);
    assert_eq!(fallback, 0.0);
    preview.stop().await;
}
