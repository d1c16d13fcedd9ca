//! What a backlog costs from the page cache to the outlet: 200,000 lines of 226 bytes in two files.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use divan::counter::ItemsCount;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::sync::Notify;
use weir_model::LogBatch;
use weir_tail::{BoxFuture, FileLogsSettings, LogOutlet, Tail, TailMetrics};
use weir_telemetry::{Ledger, Metrics};

const LINES: usize = 200_000;

fn main() {
    divan::main();
}

#[derive(Default)]
struct Count {
    lines: AtomicUsize,
    all: Notify,
}

impl LogOutlet for Count {
    fn accept(&self, mut batch: LogBatch) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(ack) = batch.ack.take() {
                ack.done();
            }
            if self.lines.fetch_add(batch.len(), Ordering::AcqRel) + batch.len() == LINES {
                self.all.notify_one();
            }
        })
    }
}

fn backlog() -> std::io::Result<TempDir> {
    let logs = tempfile::tempdir()?;
    for name in ["a.log", "b.log"] {
        let mut file = std::io::BufWriter::new(std::fs::File::create(logs.path().join(name))?);
        for i in 0..LINES / 2 {
            writeln!(file, "{i:0>225}")?;
        }
        file.flush()?;
    }
    Ok(logs)
}

#[divan::bench(sample_count = 20)]
fn two_files(bencher: divan::Bencher<'_, '_>) {
    let (Ok(logs), Ok(runtime)) = (backlog(), Builder::new_multi_thread().worker_threads(1).enable_all().build())
    else {
        return;
    };
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        runtime.block_on(async {
            let Ok(checkpoints) = tempfile::tempdir() else { return };
            let metrics = Metrics::new();
            let settings = FileLogsSettings::new("bench", [format!("{}/*.log", logs.path().display())]);
            let outlet = Arc::new(Count::default());
            let (tails, ledger) = (TailMetrics::new(&metrics), Ledger::new(&metrics));
            if let Ok(tail) = Tail::start(settings, outlet.clone(), checkpoints.path(), &tails, &ledger) {
                outlet.all.notified().await;
                tail.stop(Duration::from_secs(10)).await;
            }
        });
    });
}
