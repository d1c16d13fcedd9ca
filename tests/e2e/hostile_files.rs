//! Row 27 of the faults: whatever happens to log files, each line arrives and the ledger balances. All of it happens while
//! weir runs, and again while it is away: stopped, and killed.

mod faults;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use weir_receive::{Preview, Recorder};
use weir_rig::config::loki;
use weir_rig::{Weir, eventually, ledger};

/// When a fault happens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Running,
    Stopped,
    Killed,
}

/// A folder with one log, `app.log`, whose lines have numbers.
struct Log {
    name: &'static str,
    dir: PathBuf,
    next: u64,
    /// Whether weir is away while the fault happens: what it never saw and is gone cannot be read by anybody.
    away: bool,
}

impl Log {
    fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// The next line, without its end.
    fn line(&mut self) -> String {
        self.next += 1;
        format!("{}-{:06} .", self.name, self.next - 1)
    }

    /// So many lines.
    fn lines(&mut self, count: u64) -> String {
        (0..count).map(|_| self.line() + "\n").collect()
    }

    fn append(&mut self, file: &str, bytes: impl AsRef<[u8]>) {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.path(file)).unwrap();
        file.write_all(bytes.as_ref()).unwrap();
    }

    fn append_lines(&mut self, file: &str, count: u64) {
        let text = self.lines(count);
        self.append(file, text);
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn delete(&self, file: &str) {
        std::fs::remove_file(self.path(file)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_files_while_weir_runs_lose_no_line() {
    faults_of_files(When::Running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_files_while_weir_is_stopped_lose_no_line() {
    faults_of_files(When::Stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_files_while_weir_is_killed_lose_no_line() {
    faults_of_files(When::Killed).await;
}

async fn faults_of_files(when: When) {
    let dir = TempDir::new().unwrap();
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    let logs = dir.path().join("logs");
    let mut all: Vec<_> = faults::ALL
        .iter()
        .map(|(name, before, fault)| {
            let log = Log { name, dir: logs.join(name), next: 0, away: when != When::Running };
            std::fs::create_dir_all(&log.dir).unwrap();
            (log, *before, *fault)
        })
        .collect();
    for (log, before, _) in &mut all {
        before(log);
    }
    let mut weir = Weir::start_in(dir.path(), &config(&logs, &preview.loki_url())).await;
    complete(&recorder, &all).await;
    match when {
        When::Running => {}
        When::Stopped => assert_eq!(weir.program().terminate().await, Some(0)),
        When::Killed => weir.program().kill().await,
    }
    let earlier = recorder.line_count() as u64;
    for (log, _, fault) in &mut all {
        fault(log);
    }
    if when != When::Running {
        weir.restart().await;
    }
    complete(&recorder, &all).await;
    for (log, ..) in &mut all {
        log.append_lines("app.log", 2);
    }
    complete(&recorder, &all).await;
    let ledger = ledger::settled(&weir).await;
    let arrived = recorder.line_count() as u64 - if when == When::Running { 0 } else { earlier };
    let (read, sink) = (ledger.source("file_logs.app"), ledger.sink("loki.preview"));
    assert_eq!((sink.delivered, sink.dropped_in_all()), (arrived, 0), "the receiver counts what the ledger says");
    assert!(when == When::Killed || read.read == arrived, "{} read, {arrived} arrived", read.read);
    let metrics = weir.metrics().await;
    let rotations = metrics.sum("weir_tail_rotations_total", &[]);
    let kinds: &[_] = if when == When::Running { &["rename", "delete", "symlink", "truncate"] } else { &["vanish"] };
    for kind in kinds {
        let counted = metrics.sum("weir_tail_rotations_total", &[("source", "app"), ("kind", kind)]);
        assert!(counted > 0.0, "{kind} is counted");
    }
    let memory = weir.program().memory();
    assert_eq!(weir.program().terminate().await, Some(0));
    let (written, twice) = counted(&recorder, &all);
    println!(
        "{} faults, {written} lines written, {} arrived, {twice} twice, {rotations} rotations counted, {} MiB at the peak",
        all.len(),
        recorder.line_count(),
        memory.peak >> 20
    );
    assert!(when == When::Killed || twice == 0, "{twice} lines came twice");
    assert!(memory.peak < 200 << 20, "a line of 64 MiB is not kept: {} MiB", memory.peak >> 20);
}

fn config(logs: &Path, loki_url: &str) -> String {
    format!(
        "[[file_logs]]\nname = \"app\"\npaths = [\"{}/*/*.log\"]\nlabels = {{ job = \"app\" }}\npoll_interval = \"100ms\"\n",
        logs.display()
    ) + &loki("preview", loki_url)
}

type Cases = [(Log, fn(&mut Log), fn(&mut Log))];

/// How often each line of a log arrived.
fn arrivals(lines: &[String], name: &str) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    let prefix = format!("{name}-");
    for line in lines.iter().filter_map(|l| l.strip_prefix(&prefix)) {
        if let Some(number) = line.get(..6).and_then(|n| n.parse().ok()) {
            *counts.entry(number).or_default() += 1;
        }
    }
    counts
}

fn all_lines(recorder: &Recorder) -> Vec<String> {
    recorder.streams().iter().flat_map(|stream| recorder.lines(stream)).collect()
}

async fn complete(recorder: &Recorder, all: &Cases) {
    eventually("every line", async || {
        let lines = all_lines(recorder);
        let missing: Vec<_> = all
            .iter()
            .map(|(log, ..)| {
                let counts = arrivals(&lines, log.name);
                (log.name, (0..log.next).filter(|n| !counts.contains_key(n)).collect::<Vec<_>>())
            })
            .filter(|(_, missing)| !missing.is_empty())
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    })
    .await;
}

fn counted(recorder: &Recorder, all: &Cases) -> (u64, u64) {
    let lines = all_lines(recorder);
    let twice = all.iter().flat_map(|(log, ..)| arrivals(&lines, log.name).into_values()).filter(|n| *n > 1).count();
    (all.iter().map(|(log, ..)| log.next).sum(), twice as u64)
}
