//! Log files to a Loki push receiver.

use std::path::Path;

use tempfile::TempDir;
use weir_rig::config::{file_logs, loki};
use weir_rig::lines::{Writer, arrivals, complete};
use weir_rig::{Receiver, Weir, eventually};

fn config(logs: &Path, loki_url: &str) -> String {
    file_logs("app", logs) + &loki("preview", loki_url)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_rotated_truncated_and_growing_files_arrives_once() {
    let dir = TempDir::new().unwrap();
    let preview = Receiver::start().await;
    let recorder = preview.judge();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let mut writers =
        vec![Writer::new(&logs, "rotated"), Writer::new(&logs, "truncated"), Writer::new(&logs, "growing")];
    writers[2].write(5000); // a backlog
    let mut weir = Weir::start(&config(&logs, &preview.loki_url())).await;
    for round in 0..6 {
        let from = writers[0].written();
        for writer in &mut writers {
            writer.write(500);
        }
        // a file that is renamed before weir ever saw it is beyond what a tail can promise: see weir-tail's known limits
        eventually("the new file is followed", async || {
            let newest = arrivals(preview.lines().iter().map(String::as_str), "rotated").into_keys().max();
            if newest.is_some_and(|n| n >= from) { Ok(()) } else { Err(newest) }
        })
        .await;
        writers[0].write(500);
        writers[0].rotate();
        let (halved, whole) = writers.split_last_mut().unwrap();
        halved.write_halves(async || complete(&preview, &*whole).await).await;
        if round % 2 == 1 {
            // whatever is not read at that moment is lost with every reader: truncate when all of it has been
            complete(&preview, &writers).await;
            writers[1].truncate();
        }
    }
    complete(&preview, &writers).await;
    assert_eq!(weir.program().terminate().await, Some(0));
    let lines = preview.lines();
    for writer in &writers {
        let counts = arrivals(lines.iter().map(String::as_str), writer.name());
        assert_eq!(counts.len() as u64, writer.written());
        assert!(counts.values().all(|n| *n == 1), "{} has lines that came twice", writer.name());
    }
    for stream in recorder.streams() {
        let times: Vec<_> =
            recorder.entries(&stream).iter().map(|e| e.timestamp.map(|t| (t.seconds, t.nanos))).collect();
        assert!(times.windows(2).all(|w| w[0] < w[1]), "times go up in {stream}");
        assert!(stream.contains("filename="), "{stream}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_weir_is_killed() {
    let dir = TempDir::new().unwrap();
    let preview = Receiver::start().await.tolerating_repeats();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let mut writers = vec![Writer::new(&logs, "a"), Writer::new(&logs, "b"), Writer::new(&logs, "c")];
    let mut weir = Weir::start_in(dir.path(), &config(&logs, &preview.loki_url())).await;
    for round in 0..5u64 {
        for _ in 0..20 {
            for writer in &mut writers {
                writer.write(100);
            }
            tokio::task::yield_now().await;
        }
        // Somewhere in the middle of it: as soon as something of every file as it is named now has arrived. (A file that is
        // made and renamed before weir sees it has a name that no glob finds.)
        eventually("something of every file", async || {
            let lines = preview.lines();
            let arrived = |w: &Writer| {
                let counts = arrivals(lines.iter().map(String::as_str), w.name());
                counts.keys().any(|n| *n >= round * 2100)
            };
            if writers.iter().all(arrived) { Ok(()) } else { Err("not yet") }
        })
        .await;
        weir.program().kill().await;
        for writer in &mut writers {
            writer.write(50);
            if round % 2 == 0 {
                writer.rotate();
            }
            writer.write(50);
        }
        weir.restart().await;
    }
    complete(&preview, &writers).await;
    assert_eq!(weir.program().terminate().await, Some(0));
}
