//! A node exporter scraped by weir and by Prometheus at once: both must see the same.

use std::collections::BTreeSet;

use tempfile::TempDir;
use weir_rig::node_exporter::NodeExporter;
use weir_rig::prometheus::{Labels, Prometheus, query, samples};
use weir_rig::{Weir, eventually};

const RECEIVER: &str = "global: { scrape_interval: 1h }\n";

fn reference(address: &str) -> String {
    format!(
        "scrape_configs:\n- job_name: node\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  static_configs:\n  \
         - targets: ['{address}']\n    labels: {{ env: test }}\n"
    )
}

fn weir(address: &str, write_url: &str) -> String {
    format!(
        r#"
        [[scrape_configs]]
        job_name = "node"
        scrape_interval = "1s"
        scrape_timeout = "1s"
        static_configs = [{{ targets = ["{address}"], labels = {{ env = "test" }} }}]

        [[remote_write]]
        name = "receiver"
        url = "{write_url}"
        "#
    )
}

async fn series(base: &str) -> Result<BTreeSet<Labels>, String> {
    Ok(query(base, r#"{job="node"}"#, None).await?.into_iter().map(|(labels, _)| labels).collect())
}

async fn value(base: &str, promql: &str) -> Result<f64, String> {
    match query(base, promql, None).await?.as_slice() {
        [(_, value)] => Ok(*value),
        other => Err(format!("{promql}: {} series", other.len())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn weir_and_prometheus_see_the_same_node_exporter() {
    let dir = TempDir::new().unwrap();
    let mut node = NodeExporter::start(dir.path()).await;
    let receiver = Prometheus::start(&dir.path().join("receiver"), RECEIVER).await;
    let reference = Prometheus::start(&dir.path().join("reference"), &reference(&node.address)).await;
    let _weir = Weir::start(&weir(&node.address, &receiver.write_url())).await;
    let (ours, theirs) = (receiver.url(""), reference.url(""));

    // No more, no less. Some of the exporter's own series appear only once it was scraped twice: wait for agreement.
    eventually("the same series in both", async || {
        let (ours, theirs) = (series(&ours).await?, series(&theirs).await?);
        let more: Vec<_> = ours.difference(&theirs).take(3).collect();
        let less: Vec<_> = theirs.difference(&ours).take(3).collect();
        if theirs.len() > 300 && more.is_empty() && less.is_empty() {
            Ok(())
        } else {
            Err(format!("{} and {} series; more {more:?}, less {less:?}", ours.len(), theirs.len()))
        }
    })
    .await;

    for promql in [
        "up{job=\"node\"}",
        "scrape_samples_scraped{job=\"node\"}",
        "scrape_samples_post_metric_relabeling{job=\"node\"}",
    ] {
        eventually("the same report of the scrape", async || {
            let (ours, theirs) = (value(&ours, promql).await?, value(&theirs, promql).await?);
            if ours == theirs { Ok(()) } else { Err(format!("{promql}: {ours} here, {theirs} there")) }
        })
        .await;
    }

    // The target dies: at the very time of the first `up` of 0, nothing of the target is left, here as there.
    node.program.kill().await;
    for base in [&ours, &theirs] {
        let died = eventually("up becomes 0", async || {
            let all = samples(base, r#"up{job="node"}[5m]"#).await?;
            let points = all.first().map(|(_, points)| points.clone()).unwrap_or_default();
            points.iter().find(|(_, up)| *up == 0.0).map(|(time, _)| *time).ok_or("up is still 1".to_owned())
        })
        .await;
        let at = died as f64 / 1000.0;
        let left = query(base, r#"count({job="node", __name__=~"node_.*|go_.*|process_.*"})"#, Some(at)).await.unwrap();
        assert_eq!(left, [], "series that outlive their target");
        let before = query(base, r#"count({job="node", __name__=~"node_.*"})"#, Some(at - 1.0)).await.unwrap();
        assert!(before[0].1 > 100.0, "and the marker is not earlier than the failure");
    }
}
