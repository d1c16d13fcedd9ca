//! Two backends at once, one of them away for a while.

use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use weir_rig::config::{job, remote_write};
use weir_rig::ledger::balanced;
use weir_rig::prometheus::{Prometheus, samples};
use weir_rig::target::Target;
use weir_rig::victoria::VictoriaMetrics;
use weir_rig::{Weir, eventually, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_was_away_gets_every_sample_in_order() {
    let dir = TempDir::new().unwrap();
    let mut prometheus = Prometheus::start(&dir.path().join("prometheus"), "global: { scrape_interval: 1h }\n").await;
    let victoria = VictoriaMetrics::start(&dir.path().join("victoria")).await;
    let served = Arc::new(Mutex::new(vec![]));
    let record = served.clone();
    let target = Target::start(move |n| {
        record.lock().unwrap().push(n as f64);
        format!("# TYPE seq counter\nseq{{part=\"a\"}} {n}\nseq{{part=\"b\"}} {n}\n")
    })
    .await;
    let weir = Weir::start(
        &[
            job("seq", &target.address, ""),
            remote_write("prometheus", &prometheus.write_url()),
            remote_write("victoria", &victoria.write_url()),
        ]
        .concat(),
    )
    .await;

    let arrived = async |base: &str| -> Result<Vec<Vec<(i64, f64)>>, String> {
        victoria.flush().await;
        let mut all = samples(base, "seq[1h]").await?;
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all.into_iter().map(|(_, points)| points).collect())
    };
    let has = async |base: &str, value: f64| -> Result<(), String> {
        let series = arrived(base).await?;
        let there = series.len() == 2 && series.iter().all(|points| points.iter().any(|(_, v)| *v == value));
        if there { Ok(()) } else { Err(format!("{value} is not there: {series:?}")) }
    };
    eventually("the first samples in Prometheus", async || has(&prometheus.url(""), 2.0).await).await;

    assert_eq!(prometheus.program.terminate().await, Some(0));
    let away = target.served();
    until("samples while one backend is away", async || target.served() >= away + 8).await;
    let last = target.served() as f64;
    eventually("the other backend is not held up", async || has(&victoria.base(), last).await).await;
    let queued = balanced(&weir).await.sink("remote_write.prometheus").queued;
    assert!(queued > 0, "what cannot be delivered is queued");

    prometheus.restart().await;
    let back = target.served() as f64;
    for base in [prometheus.url(""), victoria.base()] {
        eventually("everything in both", async || has(&base, back).await).await;
        for points in arrived(&base).await.unwrap() {
            let values: Vec<f64> = points.iter().map(|(_, v)| *v).filter(|v| *v <= back).collect();
            let want: Vec<f64> = served.lock().unwrap().iter().copied().filter(|v| *v <= back).collect();
            assert_eq!(values, want, "each once, in order, in {base}");
            assert!(points.windows(2).all(|w| w[0].0 < w[1].0), "times go up in {base}");
        }
    }
}
