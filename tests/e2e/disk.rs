//! A disk that is full, and one that fails (rows 6 and 7).

use tempfile::TempDir;
use weir_receive::Answer;
use weir_rig::config::{file_logs, job, loki, remote_write};
use weir_rig::disk::{BrokenDisk, SmallDisk};
use weir_rig::ledger::Ledger;
use weir_rig::lines::{Writer, complete};
use weir_rig::random::Random;
use weir_rig::target::{Target, numbered};
use weir_rig::{Receiver, Weir, eventually};

/// Waits until readiness is as it should be; what it says.
async fn ready(weir: &Weir, want: bool) -> String {
    eventually("readiness", async || match weir.ready().await? {
        (is, text) if is == want => Ok(text),
        (_, text) => Err(text),
    })
    .await
}

/// A disk with less than `floor` left, which is `min_free_disk`: lines wait, samples are dropped for this reason.
async fn full(floor: &str, reason: &str) {
    let mut random = Random::seeded();
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let disk = SmallDisk::mount(&dir.path().join("data"), 8);
    let receiver = Receiver::start().await.tolerating_repeats();
    receiver.faults().always(Answer::status(503));
    let names: Vec<String> = (0..1000).map(|_| random.hex(100)).collect();
    let target = Target::start(move |n| numbered(&names, n)).await;
    let config = [
        job("seq", &target.address, ""),
        file_logs("app", &logs),
        remote_write("a", &receiver.remote_write_url()),
        format!("queue = {{ min_free_disk = \"{floor}\" }}\n"),
        loki("a", &receiver.loki_url()),
        format!("queue = {{ min_free_disk = \"{floor}\" }}\n"),
    ]
    .concat();
    let mut weir = Weir::start_in(dir.path(), &config).await;
    ready(&weir, true).await;
    let filler = disk.fill(512 << 10);
    let mut writer = Writer::new(&logs, "a");
    for _ in 0..10 {
        writer.write_random(1000, &mut random);
    }
    let told = ready(&weir, false).await;
    assert!(told.contains("disk"), "{told}");
    eventually("samples are dropped and counted", async || {
        let books = weir.books("remote_write.a").await;
        if books.dropped_in_all() > 1000 { Ok(()) } else { Err(books) }
    })
    .await;
    let lines = weir.books("loki.a").await;
    assert_eq!(lines.dropped_in_all(), 0, "lines wait in their files");
    assert!(lines.read < writer.written(), "and are not even read: {lines:?}");
    weir.program().assert_runs();

    std::fs::remove_file(filler).unwrap();
    receiver.faults().heal();
    ready(&weir, true).await;
    complete(&receiver, [&writer]).await;
    let judge = receiver.judge();
    let books = eventually("a moment at rest, in which the ledger balances", async || {
        let ledger = Ledger::read(&weir).await?;
        ledger.balances()?;
        let books = ledger.sink("remote_write.a");
        let rests = books.held() == 0 && books.delivered == judge.sample_count() as u64;
        if rests { Ok(books) } else { Err(format!("{books:?}")) }
    })
    .await;
    assert!(books.dropped(reason) > 0 && books.dropped(reason) == books.dropped_in_all(), "{books:?}");
    let at = target.served();
    eventually("samples flow again", async || {
        let newest = judge.with_samples(|_, points| points.last().map_or(0, |p| p.value as u64)).into_iter().max();
        if newest > Some(at) { Ok(()) } else { Err(newest) }
    })
    .await;
    assert_eq!(weir.program().terminate().await, Some(0));
    println!(
        "readiness: {}; {} lines, all arrived; {} samples dropped while there was no space: {:?}",
        told.trim(),
        writer.written(),
        books.dropped_in_all(),
        books.dropped,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_holds_lines_back_drops_samples_with_a_count_and_heals() {
    full("0B", "disk_full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_with_less_free_than_is_to_be_kept_free_does_as_a_full_one() {
    full("2MiB", "disk_low").await;
}

/// While `operation` fails nothing is acknowledged: with the queue gone, every line comes again from its file.
async fn failing(operation: &str) {
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let queues = dir.path().join("data/queue");
    let disk = BrokenDisk::build(dir.path(), &queues);
    let receiver = Receiver::start().await.tolerating_repeats();
    let config = [file_logs("app", &logs), loki("a", &receiver.loki_url())].concat();
    let mut writer = Writer::new(&logs, "a");
    let mut weir = Weir::start_with(dir.path(), &config, &disk.environment()).await;
    writer.write(500);
    complete(&receiver, [&writer]).await;

    // 1. it fails for a while, and weir finds its way back alone
    receiver.faults().always(Answer::status(503));
    disk.fail(operation);
    writer.write(500);
    let told = ready(&weir, false).await;
    assert!(told.contains("loki.a"), "{told}");
    let failures = disk.failures();
    assert!(failures > 0);
    disk.heal();
    ready(&weir, true).await;
    receiver.faults().heal();
    complete(&receiver, [&writer]).await;

    // 2. it fails, and weir is killed: what was written meanwhile was never acknowledged
    receiver.faults().always(Answer::status(503));
    disk.fail(operation);
    writer.write(500);
    ready(&weir, false).await;
    weir.program().kill().await;
    std::fs::remove_dir_all(&queues).unwrap();
    receiver.faults().heal();
    weir.restart_with(&[]).await;
    complete(&receiver, [&writer]).await;
    assert_eq!(weir.program().terminate().await, Some(0));
    println!("{operation}: {failures} calls failed, then {}; readiness: {}", disk.failures(), told.trim());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_is_never_acknowledged_and_shows_in_readiness() {
    failing("write").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_fsync_that_fails_is_never_acknowledged_and_shows_in_readiness() {
    failing("fsync").await;
}
