//! `weir queue`: on disk, beside a running weir, and to empty the queues.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use weir_receive::{Preview, Recorder};
use weir_rig::config::{job, remote_write};
use weir_rig::target::Target;
use weir_rig::{Weir, build, eventually, http, until};

async fn queue(args: &[&str], dir: &Path) -> Output {
    let place = ["--data-dir", dir.to_str().unwrap()];
    Command::new(build::weir()).arg("queue").args(args).args(place).output().await.unwrap()
}

async fn drain(config: &Path, timeout: &str) -> Output {
    let config = config.to_str().unwrap();
    Command::new(build::weir())
        .args(["queue", "drain", "--config", config, "--timeout", timeout])
        .output()
        .await
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    let parsed = serde_json::from_str(&out(output));
    assert!(parsed.is_ok(), "{parsed:?}: {}\n{}", out(output), err(output));
    parsed.unwrap()
}

/// The address of a port where nobody listens.
async fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

/// A weir whose backend is away, with samples in its queue.
async fn backlog(target: &Target) -> Weir {
    let url = format!("http://{}/api/v1/write", nobody().await);
    let weir = Weir::start(&format!("{}{}", job("a", &target.address, ""), remote_write("away", &url))).await;
    let queued = async || weir.metrics().await.sum("weir_records_held", &[("sink", "remote_write.away")]);
    until("samples in the queue", async || queued().await > 30.0).await;
    weir
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(segments(&path));
        } else if path.extension().is_some_and(|e| e == "seg") && path.metadata().unwrap().len() > 0 {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_shown_online_and_offline_and_drained() {
    let target = Target::start(|n| format!("a {n}\nb {n}\nc {n}\n")).await;
    let mut weir = backlog(&target).await;
    let data = weir.dir().join("data");

    // beside the running weir, by the command and by its server, in one shape
    let listed = json(&queue(&["ls", "--json"], &data).await);
    let (status, text) = http::get(&weir.url("/api/v1/queues")).await.unwrap();
    assert_eq!(status, 200);
    let served: Value = serde_json::from_str(&text).unwrap();
    let (listed, served) = (&listed["queues"][0], &served["data"]["queues"][0]);
    let keys = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(listed), keys(served));
    for row in [listed, served] {
        assert_eq!((&row["sink"], &row["in_use"]), (&"remote_write.away".into(), &true.into()));
        assert!(row["entries"].as_u64().unwrap() > 0 && row["oldest_ms"].as_i64().unwrap() > 0, "{row}");
    }
    assert_eq!((&listed["health"], &served["health"]), (&Value::Null, &"ok".into()));
    let verified = queue(&["verify"], &data).await;
    assert_eq!(verified.status.code(), Some(0), "a record being written is no damage: {}", out(&verified));
    let refused = drain(&weir.dir().join("weir.toml"), "1s").await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("a weir runs on this data directory"), "{}", err(&refused));

    assert_eq!(weir.program().terminate().await, Some(0));
    let text = out(&queue(&["ls"], &data).await);
    assert!(text.contains("remote_write.away") && text.lines().all(|l| l.chars().count() <= 80), "{text}");
    let inspected = json(&queue(&["inspect", "remote_write.away", "--records", "--json"], &data).await);
    let entries = inspected["entries"].as_u64().unwrap();
    let headers = inspected["lanes"].as_array().unwrap().iter().flat_map(|lane| lane["headers"].as_array().unwrap());
    let waiting = headers.filter(|h| h["state"] != "sent").map(|h| h["entries"].as_u64().unwrap()).sum::<u64>();
    assert!(entries > 30 && waiting == entries, "{waiting} of {entries}");
    let unknown = queue(&["inspect", "loki.other"], &data).await;
    assert!(err(&unknown).contains("there are: remote_write.away"), "{}", err(&unknown));

    // nobody takes it: what is left is said
    let failed = drain(&weir.dir().join("weir.toml"), "300ms").await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        err(&failed).contains("remote_write.away:") && err(&failed).contains("the time is over"),
        "{}",
        err(&failed)
    );

    // the backend is back
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    Weir::write_config(
        weir.dir(),
        &format!("{}{}", job("a", &target.address, ""), remote_write("away", &preview.remote_write_url())),
    );
    let served = target.served();
    let drained = drain(&weir.dir().join("weir.toml"), "60s").await;
    assert_eq!(drained.status.code(), Some(0), "{}", err(&drained));
    assert_eq!(recorder.sample_count() as u64, entries, "everything that was queued, once");
    assert_eq!(target.served(), served, "no source runs");
    let empty = json(&queue(&["ls", "--json"], &data).await);
    assert_eq!((&empty["queues"][0]["records"], &empty["queues"][0]["in_use"]), (&0.into(), &false.into()));

    // a queue whose sink is not configured is not forgotten
    Weir::write_config(
        weir.dir(),
        &format!("{}{}", job("a", &target.address, ""), remote_write("other", &preview.remote_write_url())),
    );
    assert_eq!(drain(&weir.dir().join("weir.toml"), "60s").await.status.code(), Some(0), "an empty one is not left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_queue_is_reported_exactly_and_the_rest_is_delivered() {
    let target = Target::start(|n| format!("a {n}\nb {n}\nc {n}\n")).await;
    let mut weir = backlog(&target).await;
    let data = weir.dir().join("data");
    assert_eq!(weir.program().terminate().await, Some(0));
    let before = json(&queue(&["inspect", "remote_write.away", "--records", "--json"], &data).await);
    let good = queue(&["verify"], &data).await;
    assert_eq!(good.status.code(), Some(0), "{}", out(&good));

    // the length in a header
    let path = segments(&data.join("queue")).into_iter().next().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5] ^= 0x40;
    std::fs::write(&path, bytes).unwrap();
    let all: Vec<_> = before["lanes"].as_array().unwrap().iter().collect();
    let of_path = |lane: &&&Value| {
        lane["segments"].as_array().unwrap().iter().any(|s| Path::new(s["path"].as_str().unwrap()) == path)
    };
    let hit = &all.iter().find(of_path).unwrap()["headers"][0];

    let damaged = queue(&["verify", "--json"], &data).await;
    assert_eq!(damaged.status.code(), Some(1));
    let found = json(&damaged);
    let damage = found["queues"][0]["damage"].as_array().unwrap();
    assert_eq!(damage.len(), 1, "{found}");
    assert_eq!((&damage[0]["kind"], &damage[0]["offset"]), (&"header".into(), &0.into()));
    assert_eq!((&damage[0]["lost_records"], &damage[0]["lost_entries"]), (&1.into(), &hit["entries"]));
    let text = queue(&["verify"], &data).await;
    assert!(out(&text).contains("no good header: costs 1 record"), "{}", out(&text));
    assert!(err(&text).contains("1 damaged place"), "{}", err(&text));

    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    Weir::write_config(
        weir.dir(),
        &format!("{}{}", job("a", &target.address, ""), remote_write("away", &preview.remote_write_url())),
    );
    let drained = drain(&weir.dir().join("weir.toml"), "60s").await;
    assert_eq!(drained.status.code(), Some(0), "{}", err(&drained));
    let rest = before["entries"].as_u64().unwrap() - hit["entries"].as_u64().unwrap();
    assert_eq!(recorder.sample_count() as u64, rest, "the hit record alone is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_free_disk_floor_the_queue_is_full_and_says_so() {
    let target = Target::start(|n| format!("a {n}\n")).await;
    let url = format!("http://{}/api/v1/write", nobody().await);
    // no disk has so much
    let floor = "queue = { min_free_disk = \"1000TiB\", when_full = \"drop_newest\" }\n";
    let mut weir = Weir::start(&format!("{}{}{floor}", job("a", &target.address, ""), remote_write("low", &url))).await;
    eventually("drops with a reason", async || {
        let dropped = weir
            .metrics()
            .await
            .sum("weir_records_total", &[("sink", "remote_write.low"), ("stage", "dropped"), ("reason", "disk_low")]);
        if dropped > 0.0 { Ok(()) } else { Err("none yet") }
    })
    .await;
    let (status, text) = http::get(&weir.url("/-/ready")).await.unwrap();
    assert_eq!(status, 503);
    assert!(text.contains("min_free_disk") && text.contains("remote_write.low"), "{text}");
    assert_eq!(weir.program().terminate().await, Some(0));
}

#[tokio::test]
async fn a_place_that_is_none_is_an_error() {
    let dir = TempDir::new().unwrap();
    let output = queue(&["ls"], &dir.path().join("nowhere")).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("nowhere"), "{}", err(&output));
    let output = queue(&["ls"], dir.path()).await;
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), "no queues\n"));
}
