//! The conservation ledger over everything that happens to a collector, and the receivers' own counts beside it.

#![allow(clippy::print_stdout, reason = "the counts that were reached are shown")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use weir_receive::{Answer, Faults, Limits, Preview, Recorder};
use weir_rig::build::{put, put_mark, shipped};
use weir_rig::config::{file_logs, job, loki, plugin_dir, remote_write};
use weir_rig::ledger::{Account, Ledger, balanced, settled};
use weir_rig::lines::Writer;
use weir_rig::target::Target;
use weir_rig::{Weir, eventually, until};

/// A receiver that can be stopped, and started again where it was.
struct Receiver {
    recorder: Arc<Recorder>,
    preview: Option<Preview>,
    address: SocketAddr,
}

impl Receiver {
    async fn start() -> Self {
        let recorder = Arc::new(Recorder::default());
        let preview = Preview::local(recorder.clone()).await.unwrap();
        Self { recorder, address: preview.address(), preview: Some(preview) }
    }

    fn running(&self) -> &Preview {
        self.preview.as_ref().unwrap()
    }

    async fn stop(&mut self) {
        self.preview.take().unwrap().stop().await;
    }

    async fn again(&mut self) {
        let (address, recorder) = (self.address, self.recorder.clone());
        let preview = Preview::start(address, recorder, Faults::default(), Limits::default()).await.unwrap();
        self.preview = Some(preview);
    }
}

fn write_long(path: &Path, from: u64, lines: u64) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ from;
    for _ in 0..lines {
        // does not compress to less than half
        let mut line = String::with_capacity(64 << 10);
        while line.len() < 64 << 10 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(line, "{:016x}", state ^ (state >> 29)).unwrap();
        }
        writeln!(file, "{line}").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_all_that_can_happen_each_account_and_seam_balances_and_the_receivers_agree() {
    let dir = TempDir::new().unwrap();
    let (plugins, logs_x, logs_y) = (dir.path().join("plugins"), dir.path().join("x"), dir.path().join("y"));
    std::fs::create_dir(&logs_x).unwrap();
    std::fs::create_dir(&logs_y).unwrap();
    put(&shipped("drop"), &plugins, "drop");
    put_mark(&plugins, "one");
    let steady = Receiver::start().await;
    let mut away = Receiver::start().await;
    let tiny = Receiver::start().await;
    tiny.running().faults().always(Answer::status(503));

    // one of these series comes twice, one goes at every other page, one is dropped by the plugin
    let page = |n: u64| {
        let some = if n.is_multiple_of(2) { "comes_and_goes 1\n" } else { "" };
        format!("seq {n}\nseq {n}\n{some}noise_total {n}\nunwanted {n}\n")
    };
    let (x, y) = (Target::start(page).await, Target::start(page).await);
    let relabel =
        "metric_relabel_configs = [{ source_labels = [\"__name__\"], regex = \"unwanted\", action = \"drop\" }]";
    let plugin = "[plugins.drop.config]\nmatchers = ['noise_total']\nlines = { contains = [\"7 the\"] }\n";
    let relabelled =
        "write_relabel_configs = [{ source_labels = [\"__name__\"], regex = \"up\", action = \"drop\" }]\n";
    let away_url = away.running().remote_write_url();
    let config = |jobs: &str| {
        [
            &plugin_dir(&plugins),
            jobs,
            &file_logs("x", &logs_x),
            &file_logs("y", &logs_y),
            &remote_write("steady", &steady.running().remote_write_url()),
            &remote_write("away", &away_url),
            relabelled,
            &loki("main", &steady.running().loki_url()),
            &loki("tiny", &tiny.running().loki_url()),
            "queue = { max_bytes = \"1MiB\", when_full = \"drop_newest\" }\n",
            plugin,
            "[pipelines.metrics]\nfrom = [\"scrape.*\"]\nprocess = [\"drop\", \"mark\"]\nto = [\"remote_write.*\"]\n",
            "[pipelines.logs]\nfrom = [\"file_logs.*\"]\nprocess = [\"drop\", \"mark\"]\nto = [\"loki.*\"]\n",
        ]
        .concat()
    };
    let two = job("x", &x.address, relabel) + &job("y", &y.address, "");
    let mut weir = Weir::start_in(dir.path(), &config(&two)).await;
    let mut writer = Writer::new(&logs_x, "x");
    writer.write(500);
    until("the first samples", async || away.recorder.sample_count() > 10).await;
    balanced(&weir).await;

    away.stop().await;
    let (served, mut looks) = (x.served(), 0);
    until("some scrapes without one backend, with the books looked at all the while", async || {
        writer.write(100);
        balanced(&weir).await;
        looks += 1;
        x.served() > served + 3
    })
    .await;
    assert!(balanced(&weir).await.sink("remote_write.away").queued > 0);

    put_mark(&plugins, "two");
    until("the new version", async || steady.recorder.series().iter().any(|s| s.contains("version=\"two\""))).await;
    Weir::write_config(weir.dir(), &config(&job("x", &x.address, relabel)));
    assert_eq!(weir.reload().await.0, 200);
    let (mut long, mut full) = (0, Account::default());
    until("the tiny queue is full", async || {
        write_long(&logs_y.join("long.log"), long, 10);
        long += 10;
        full = balanced(&weir).await.sink("loki.tiny");
        full.dropped("queue_full_newest") > 0
    })
    .await;
    Weir::write_config(weir.dir(), &config(&two));
    assert_eq!(weir.reload().await.0, 200);
    let last = y.served();
    until("the job that came back", async || y.served() > last + 2).await;

    away.again().await;
    tiny.running().faults().heal();
    let came_up = |ledger: &Ledger| -> Result<(), String> {
        let samples = [("remote_write.steady", &steady), ("remote_write.away", &away)];
        let of = samples.map(|(sink, receiver)| (sink, receiver.recorder.sample_count()));
        let lines = [("loki.main", &steady), ("loki.tiny", &tiny)];
        let of_lines = lines.map(|(sink, receiver)| (sink, receiver.recorder.line_count()));
        for (sink, count) in of.into_iter().chain(of_lines) {
            let delivered = ledger.sink(sink).delivered;
            if delivered != count as u64 {
                return Err(format!("{delivered} were delivered by {sink}, {count} came"));
            }
        }
        Ok(())
    };
    let ledger = eventually("everything delivered, and counted alike by those who got it", async || {
        let ledger = settled(&weir).await;
        came_up(&ledger).map(|()| ledger)
    })
    .await;

    println!("looks while one backend was away: {looks}");
    for (name, account) in ledger.sources.iter().chain(&ledger.pipelines).chain(&ledger.sinks) {
        println!("{name}: {account:?}");
    }
    let (source, pipeline) = (ledger.source("scrape.x"), ledger.pipeline("metrics"));
    assert!(source.dropped("duplicate") > 0 && source.dropped("metric_relabel") > 0 && source.generated > 0);
    assert!(pipeline.dropped("verdict") > 0 && pipeline.generated > 0 && pipeline.copied > 0);
    assert!(ledger.pipeline("logs").dropped("filtered") > 0);
    assert!(ledger.sink("remote_write.away").dropped("write_relabel") > 0);
    assert_eq!(ledger.source("file_logs.x").read, writer.written());
    assert_eq!(ledger.source("file_logs.y").read, long);
    assert_eq!(weir.program().terminate().await, Some(0));
    let output = weir.program().output();
    assert!(!output.contains("does not balance"), "{output}");
}

/// What the last words on a sink say that it holds.
fn left(output: &str, sink: &str) -> i64 {
    let is = |l: &serde_json::Value| {
        l["message"].as_str().is_some_and(|m| m.starts_with("sink is closed")) && l["sink"] == sink
    };
    let mut lines = output.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let last = lines.rfind(is);
    assert!(last.is_some(), "no last words on {sink} in\n{output}");
    let last = last.unwrap();
    last["queued"].as_i64().unwrap() + last["in_flight"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_weir_left_is_what_the_next_one_recovers() {
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let receiver = Receiver::start().await;
    receiver.running().faults().always(Answer::status(503));
    let target = Target::start(|n| format!("a {n}\nb {n}\n")).await;
    let config = [
        job("a", &target.address, ""),
        file_logs("app", &logs),
        remote_write("later", &receiver.running().remote_write_url()),
        loki("later", &receiver.running().loki_url()),
    ]
    .concat();
    let mut writer = Writer::new(&logs, "app");
    writer.write(1000);
    let mut weir = Weir::start_in(dir.path(), &config).await;
    let sinks = ["remote_write.later", "loki.later"];
    for round in 1..=2 {
        writer.write(10);
        eventually("something in both queues", async || {
            let ledger = balanced(&weir).await;
            let held = sinks.map(|s| ledger.sink(s)).map(|a| a.queued + a.in_flight);
            if held[0] >= round * 14 && held[1] == 1000 + round * 10 { Ok(()) } else { Err(format!("{held:?}")) }
        })
        .await;
        assert_eq!(weir.program().terminate().await, Some(0));
        let left = sinks.map(|sink| left(&weir.program().output(), sink));
        weir.restart().await;
        let ledger = balanced(&weir).await;
        let recovered = sinks.map(|sink| ledger.sink(sink).recovered as i64);
        println!("round {round}: left {left:?}, recovered {recovered:?}");
        assert_eq!(recovered, left);
    }
    receiver.running().faults().heal();
    let ledger = eventually("all of it delivered", async || {
        let ledger = settled(&weir).await;
        let (samples, lines) = (receiver.recorder.sample_count() as u64, receiver.recorder.line_count() as u64);
        let delivered = sinks.map(|s| ledger.sink(s).delivered);
        if delivered == [samples, lines] {
            Ok(ledger)
        } else {
            Err(format!("{delivered:?}, {samples} and {lines} came"))
        }
    })
    .await;
    assert_eq!(ledger.sink("loki.later").delivered, writer.written());
    assert!(ledger.sinks.values().all(|s| s.dropped_in_all() == 0), "{ledger:?}");
}
