//! The names that people already alert on.

use super::rig::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_prometheus_shows_of_remote_write_is_there_by_its_names() {
    let rig = Rig::with(
        |p| {
            let mut settings = remote_write(p, "a");
            (settings.sending.min_shards, settings.sending.max_shards) = (2, 5);
            settings.batch.max_records = 123;
            vec![settings]
        },
        |p| vec![loki(p, "l")],
    )
    .await;
    Target::new(&rig.sinks, &["a"], 3).scrape(1_000);
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 3).await;
    rig.sinks.shutdown(BOUND).await;
    let text = rig.metrics.encode().unwrap();
    let labels = format!(r#"{{remote_name="a",url="{}"}}"#, rig.preview.remote_write_url());
    for (name, value) in [
        ("samples_total", "3"),
        ("samples_failed_total", "0"),
        ("samples_retried_total", "0"),
        ("samples_pending", "0"),
        ("enqueue_retries_total", "0"),
        ("sent_batch_duration_seconds_count", "1"),
        ("queue_highest_sent_timestamp_seconds", "1.0"),
        ("shards", "2"),
        ("shards_min", "2"),
        ("shards_max", "5"),
        ("shards_desired", "0.0"),
        ("shard_capacity", "123"),
        ("max_samples_per_send", "123"),
    ] {
        let line = format!("prometheus_remote_storage_{name}{labels} {value}\n");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    for line in [
        "prometheus_remote_storage_highest_timestamp_in_seconds 1.0\n",
        "prometheus_remote_storage_samples_in_total 3\n",
        "# TYPE prometheus_remote_storage_bytes counter\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
