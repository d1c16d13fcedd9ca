//! Log files to a Loki push receiver.

use std::path::Path;

use tempfile::TempDir;
use weir_rig::config::{file_logs, loki};
use weir_rig::lines::{Writer, arrivals, complete};
use weir_rig::random::Random;
use weir_rig::{Receiver, Weir, until};

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
    until("weir follows its files", async || weir.ready().await.is_ok_and(|(ready, _)| ready)).await;
    let mut random = Random::seeded();
    for round in 0..6 {
        for writer in &mut writers {
            writer.write(500);
        }
        // whether or not weir has seen any of them under the name that its glob knows
        for _ in 0..=random.below(4) {
            writers[0].rotate();
            writers[0].write(random.below(300));
            if random.below(2) == 0 {
                tokio::task::yield_now().await;
            }
        }
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
        // somewhere in the middle of it: as soon as something of every file as it is named now has arrived, or before
        let arrived = |line: u64| {
            let lines = preview.lines();
            let has = |w: &Writer| arrivals(lines.iter().map(String::as_str), w.name()).keys().any(|n| *n >= line);
            writers.iter().all(has)
        };
        if round % 2 == 0 {
            until("something of every file", async || arrived(round * 2100)).await;
        }
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
