//! Row 28 of the faults: ten thousand log files, and far fewer descriptors.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use weir_receive::{Preview, Recorder};
use weir_rig::config::loki;
use weir_rig::{Weir, eventually, ledger};

const FILES: usize = 10_000;

/// What the process may have open in all.
const DESCRIPTORS: u64 = 256;

/// How long it is watched at rest.
const REST: Duration = Duration::from_secs(5);

fn append(logs: &Path, files: impl Iterator<Item = usize>, round: usize) {
    use std::io::Write as _;
    for i in files {
        let path = logs.join(format!("{}/{i}.log", i % 10));
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        let mut text = String::new();
        writeln!(text, "{i} in round {round}").unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

/// Waits for so many lines, and looks at the descriptors meanwhile; the most that there were.
async fn read(weir: &mut Weir, recorder: &Recorder, lines: usize) -> usize {
    let mut most = 0;
    eventually("all lines", async || {
        most = most.max(weir.program().descriptors());
        let count = recorder.line_count();
        if count >= lines { Ok(()) } else { Err(format!("{count} of {lines}")) }
    })
    .await;
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn more_files_than_descriptors_are_all_read() {
    let dir = TempDir::new().unwrap();
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    let logs = dir.path().join("logs");
    (0..10).for_each(|i| std::fs::create_dir_all(logs.join(i.to_string())).unwrap());
    append(&logs, 0..FILES, 0);
    let config = format!(
        "[[file_logs]]\nname = \"app\"\npaths = [\"{}/*/*.log\"]\nfilename_label = false\nlabels = {{ job = \"app\" }}\n",
        logs.display()
    ) + &loki("preview", &preview.loki_url());
    let mut weir = Weir::start_limited(dir.path(), &config, DESCRIPTORS).await;
    let mut most = read(&mut weir, &recorder, FILES).await;
    // every third grows, of those long closed too, and some are rotated while they are closed
    append(&logs, (0..FILES).step_by(3), 1);
    for i in (0..FILES).step_by(100) {
        let path = logs.join(format!("{}/{i}.log", i % 10));
        std::fs::rename(&path, path.with_extension("log.1")).unwrap();
    }
    append(&logs, (0..FILES).step_by(100), 2);
    let lines = FILES + FILES.div_ceil(3) + FILES / 100;
    most = most.max(read(&mut weir, &recorder, lines).await);
    let ledger = ledger::settled(&weir).await;

    let before = weir.program().processor_time();
    // it is the doing of nothing that is measured
    tokio::time::sleep(REST).await;
    let used = weir.program().processor_time().saturating_sub(before);
    most = most.max(weir.program().descriptors());
    let open = weir.metrics().await.sum("weir_tail_files_open", &[]);
    let memory = weir.program().memory();
    assert_eq!(weir.program().terminate().await, Some(0));
    println!(
        "{FILES} files, {lines} lines, at most {most} of {DESCRIPTORS} descriptors ({open} for logs at rest); at rest \
         {used:?} of a processor in {REST:?}; {} MiB at the peak",
        memory.peak >> 20
    );
    let all: Vec<String> = recorder.streams().iter().flat_map(|s| recorder.lines(s)).collect();
    let once: BTreeSet<&String> = all.iter().collect();
    assert_eq!((once.len(), all.len()), (lines, lines), "every line, each once");
    assert_eq!(ledger.sink("loki.preview").delivered, lines as u64);
    assert!(most as u64 <= DESCRIPTORS / 2, "{most} descriptors: half are for others");
    assert!(open > 0.0 && open <= DESCRIPTORS as f64 / 4.0);
    assert!(used < REST / 2, "{used:?} of a processor for ten thousand files at rest");
}
