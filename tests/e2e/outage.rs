//! Real backends that go away under load (row 9): all is delivered, in order, and compared sample by sample.

use std::collections::BTreeMap;

use tempfile::TempDir;
use weir_rig::config::job;
use weir_rig::prometheus::{Prometheus, samples};
use weir_rig::target::{Target, numbered};
use weir_rig::victoria::VictoriaMetrics;
use weir_rig::{Weir, eventually, until};

const SERIES: u64 = 50;

/// Series number to its samples by time, as a backend shows them.
async fn arrived(base: &str) -> Result<BTreeMap<String, Vec<(i64, f64)>>, String> {
    let all = samples(base, "seq[1h]").await?;
    Ok(all.into_iter().map(|(labels, points)| (labels.get("i").cloned().unwrap_or_default(), points)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_that_stop_hang_and_come_back_get_every_sample() {
    let dir = TempDir::new().unwrap();
    let mut prometheus = Prometheus::start(&dir.path().join("prometheus"), "global: { scrape_interval: 1h }\n").await;
    let mut victoria = VictoriaMetrics::start(&dir.path().join("victoria")).await;
    let target = Target::start(|n| numbered(0..SERIES, n)).await;
    let sink = |name: &str, url: &str| {
        format!(
            "[[remote_write]]\nname = \"{name}\"\nurl = \"{url}\"\nremote_timeout = \"2s\"\n\
             queue_config = {{ batch_send_deadline = \"50ms\", max_backoff = \"500ms\" }}\n"
        )
    };
    let config = [
        job("seq", &target.address, ""),
        sink("prometheus", &prometheus.write_url()),
        sink("victoria", &victoria.write_url()),
    ]
    .concat();
    let mut weir = Weir::start_in(dir.path(), &config).await;
    let pages = async |n: u64| {
        let from = target.served();
        until("pages", async || target.served() >= from + n).await;
    };
    let queued = async |weir: &Weir, component: &str| {
        eventually("a backlog", async || {
            let books = weir.books(component).await;
            if books.held() > 3 * SERIES as i64 { Ok(()) } else { Err(books) }
        })
        .await;
    };
    let drained = async |weir: &Weir| {
        eventually("the backlog is sent", async || {
            let books = [weir.books("remote_write.prometheus").await, weir.books("remote_write.victoria").await];
            if books.iter().all(|b| b.delivered > 0 && b.held() <= 2 * SERIES as i64) { Ok(()) } else { Err(books) }
        })
        .await;
    };
    // pages that were being read when weir was told to stop
    let mut cut = vec![];
    pages(3).await;

    // 1. Prometheus stops; weir is restarted meanwhile; it comes back
    assert_eq!(prometheus.program.terminate().await, Some(0));
    queued(&weir, "remote_write.prometheus").await;
    cut.push(target.served());
    assert_eq!(weir.program().terminate().await, Some(0));
    cut.extend([target.served(), target.served() + 1]);
    weir.restart().await;
    pages(3).await;
    prometheus.restart().await;
    drained(&weir).await;

    // 2. VictoriaMetrics stops, the other one hangs: it accepts and says nothing
    assert_eq!(victoria.program.terminate().await, Some(0));
    prometheus.program.signal(libc::SIGSTOP);
    queued(&weir, "remote_write.prometheus").await;
    queued(&weir, "remote_write.victoria").await;
    prometheus.program.signal(libc::SIGCONT);
    victoria.restart().await;
    drained(&weir).await;

    // 3. both hang, and weir ends all the same
    prometheus.program.signal(libc::SIGSTOP);
    victoria.program.signal(libc::SIGSTOP);
    queued(&weir, "remote_write.victoria").await;
    cut.push(target.served());
    assert_eq!(weir.program().terminate().await, Some(0), "it ends though nobody answers");
    cut.extend([target.served(), target.served() + 1]);
    prometheus.program.signal(libc::SIGCONT);
    victoria.program.signal(libc::SIGCONT);
    weir.restart().await;
    pages(3).await;
    drained(&weir).await;

    let newest = target.served();
    for base in [prometheus.url(""), victoria.base()] {
        let all = eventually("everything", async || {
            victoria.flush().await;
            let all = arrived(&base).await?;
            let there = all.len() as u64 == SERIES
                && all.values().all(|points| points.last().is_some_and(|(_, v)| *v >= newest as f64));
            if there { Ok(all) } else { Err(format!("{} series", all.len())) }
        })
        .await;
        // VictoriaMetrics keeps what it had taken when it was stopped and what was sent again as no answer came
        let mut twice = 0;
        for (i, mut points) in all {
            let arrived = points.len();
            points.dedup();
            twice += arrived - points.len();
            assert!(points.windows(2).all(|w| w[0].0 < w[1].0), "times go up in {base}");
            let values: Vec<u64> = points.iter().map(|(_, v)| *v as u64).filter(|v| *v <= newest).collect();
            let lost: Vec<u64> = (1..=newest).filter(|n| !values.contains(n) && !cut.contains(n)).collect();
            assert_eq!(lost, [0_u64; 0], "series {i} in {base}");
            assert!(values.windows(2).all(|w| w[0] < w[1]), "each once, in order: {values:?}");
        }
        println!(
            "{base}: {newest} pages of {SERIES} series, every one as it was served (cut by a stop: {cut:?}); {twice} twice"
        );
    }
    assert_eq!(weir.program().terminate().await, Some(0));
}
