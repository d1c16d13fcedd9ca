//! A backend that accepts and hangs, half-closes, resets or drips (row 15): time-outs, an end within bounds, nothing lost.

use std::time::Duration;

use tempfile::TempDir;
use weir_receive::faults::wire::Wire;
use weir_rig::config::{file_logs, job};
use weir_rig::lines::{Writer, complete};
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, eventually};

async fn sick(wire: Wire) {
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    // what is stored while its answer is lost comes again
    let receiver = Receiver::start().await.tolerating_repeats();
    let target = Target::start(|n| format!("seq {n}\n")).await;
    let config = format!(
        "{}{}[[remote_write]]\nname = \"a\"\nurl = \"{}\"\nremote_timeout = \"1s\"\n\
         queue_config = {{ batch_send_deadline = \"50ms\", max_backoff = \"500ms\" }}\n\
         [[loki]]\nname = \"a\"\nurl = \"{}\"\ntimeout = \"1s\"\nbatch_wait = \"50ms\"\n",
        job("seq", &target.address, ""),
        file_logs("app", &logs),
        receiver.remote_write_url(),
        receiver.loki_url(),
    );
    let mut writer = Writer::new(&logs, "a");
    let mut weir = Weir::start_in(dir.path(), &config).await;
    writer.write(100);
    complete(&receiver, [&writer]).await;
    receiver.faults().wire().set(wire);
    writer.write(100);
    let retried = eventually("requests that are tried again", async || {
        let page = weir.metrics().await;
        let retried = page.sum("prometheus_remote_storage_samples_retried_total", &[]);
        let held = weir.books("loki.a").await.held();
        if retried > 2.0 && held >= 100 { Ok(retried) } else { Err((retried, held)) }
    })
    .await;
    // its end is bounded: terminate() has no patience without end
    assert_eq!(weir.program().terminate().await, Some(0), "{wire:?}");
    let served = target.served();
    receiver.faults().heal();
    writer.write(100);
    weir.restart().await;
    complete(&receiver, [&writer]).await;
    let name = format!("seq{{instance=\"{}\", job=\"seq\"}}", target.address);
    let judge = receiver.judge();
    let values = eventually("samples of after the restart", async || {
        let values: Vec<u64> =
            judge.samples(&name).iter().filter(|p| !p.value.is_nan()).map(|p| p.value as u64).collect();
        if values.last() > Some(&served) { Ok(values) } else { Err(values) }
    })
    .await;
    // the page that was being read when weir was told to stop belongs to nobody
    let lost: Vec<u64> = (values[0]..*values.last().unwrap()).filter(|n| !values.contains(n) && *n != served).collect();
    assert_eq!(lost, [0_u64; 0], "{wire:?}: {values:?}");
    assert_eq!(weir.program().terminate().await, Some(0));
    println!(
        "{wire:?}: {retried} samples tried again, {} pages and {} lines, none lost",
        values.len(),
        writer.written()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_accepts_and_hangs() {
    sick(Wire::Deaf).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_half_closes() {
    sick(Wire::HalfClose).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_drips_its_answer() {
    sick(Wire::Drip(Duration::from_millis(400))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_resets_in_the_middle_of_a_request() {
    sick(Wire::ResetRequest(150)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_resets_in_the_middle_of_an_answer() {
    sick(Wire::ResetAnswer(20)).await;
}
