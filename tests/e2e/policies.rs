//! A queue that is full, with each policy (row 8): what is missing at the receiver is what the ledger says was dropped.

use std::collections::HashSet;

use tempfile::TempDir;
use weir_receive::Answer;
use weir_rig::config::file_logs;
use weir_rig::ledger::Ledger;
use weir_rig::lines::{Writer, arrivals, missing};
use weir_rig::random::Random;
use weir_rig::target::{Target, numbered};
use weir_rig::{Receiver, Weir, eventually};

/// Series on a page, with labels that do not compress: the budget is soon used up.
const SERIES: usize = 1500;

async fn full(policy: &str) {
    let mut random = Random::seeded();
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let receiver = Receiver::start().await;
    receiver.faults().always(Answer::status(503));
    let names: Vec<String> = (0..SERIES).map(|_| random.hex(100)).collect();
    let target = Target::start(move |n| numbered(&names, n)).await;
    let (metrics, lines) = (receiver.remote_write_url(), receiver.loki_url());
    let queue = format!("queue = {{ max_bytes = \"1MiB\", when_full = \"{policy}\" }}");
    let config = format!(
        "{}[[scrape_configs]]\njob_name = \"seq\"\nscrape_interval = \"1s\"\nscrape_timeout = \"1s\"\n\
         static_configs = [{{ targets = [\"{}\"] }}]\n\
         [[remote_write]]\nname = \"a\"\nurl = \"{metrics}\"\n\
         queue_config = {{ batch_send_deadline = \"50ms\", max_backoff = \"200ms\" }}\n{queue}\n\
         [[loki]]\nname = \"a\"\nurl = \"{lines}\"\nbatch_wait = \"50ms\"\nbatch_bytes = \"64KiB\"\n{queue}\n",
        file_logs("app", &logs),
        target.address,
    );
    let mut writer = Writer::new(&logs, "a");
    let mut weir = Weir::start_in(dir.path(), &config).await;
    // four budgets' worth of lines, and pages until there is no room for them either
    for _ in 0..16 {
        writer.write_random(1000, &mut random);
        tokio::task::yield_now().await;
    }
    eventually("both queues overflow", async || {
        let (samples, lines) = (weir.books("remote_write.a").await, weir.books("loki.a").await);
        // lines that block are not even read
        let enough = if policy == "block" { lines.held() > 2000 } else { lines.dropped_in_all() > 4000 };
        if samples.dropped_in_all() > 3 * SERIES as u64 && enough { Ok(()) } else { Err((samples, lines)) }
    })
    .await;
    assert_eq!(receiver.judge().sample_count() + receiver.judge().line_count(), 0);
    receiver.faults().heal();
    // the scrape that is going on must not be cut: what it brings belongs to the books
    let last = target.served();
    eventually("pages after the flood", async || if target.served() > last + 2 { Ok(()) } else { Err(()) }).await;
    let settled = eventually("all lines are settled", async || {
        let books = weir.books("loki.a").await;
        let accounted = books.delivered + books.dropped_in_all();
        if books.held() == 0 && accounted >= writer.written() { Ok(books) } else { Err(books) }
    })
    .await;

    let judge = receiver.judge();
    let text = receiver.lines();
    let counts = arrivals(text.iter().map(String::as_str), "a");
    let gap = missing(&counts, writer.written());
    assert_eq!(settled.dropped_in_all(), gap.len() as u64, "lines: dropped by the ledger, missing at the receiver");
    assert_eq!(settled.delivered, text.len() as u64);
    match policy {
        "block" => assert_eq!(gap, [0_u64; 0], "what blocks loses nothing"),
        "drop_oldest" => assert!(counts.contains_key(&(writer.written() - 1)), "the newest is kept"),
        _ => assert!(counts.contains_key(&0), "the oldest is kept"),
    }

    // the books of a moment in which nothing is under way
    let books = eventually("a moment at rest, in which the ledger balances", async || {
        let ledger = Ledger::read(&weir).await?;
        ledger.balances()?;
        let books = ledger.sink("remote_write.a");
        let rests = books.held() == 0 && books.delivered == judge.sample_count() as u64;
        if rests { Ok(books) } else { Err(format!("{books:?}")) }
    })
    .await;
    let values: HashSet<u64> = judge
        .with_samples(|name, points| {
            let seq = name.starts_with("seq{");
            points.iter().filter(|p| seq && !p.value.is_nan()).map(|p| p.value as u64).collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .collect();
    let gone: Vec<u64> = (1..=*values.iter().max().unwrap()).filter(|n| !values.contains(n)).collect();
    // the very first is in flight when the queue overflows: it is not taken back
    assert_eq!(gone.first().is_some_and(|first| *first <= 2), policy == "drop_oldest", "which of them go: {gone:?}");
    assert!(!gone.is_empty());
    assert!(books.dropped_in_all() >= (gone.len() * SERIES) as u64, "{books:?} {gone:?}");
    assert_eq!(weir.program().terminate().await, Some(0));
    println!(
        "{policy}: lines: {} written, {} delivered, {} dropped = missing; samples: {} in, {} delivered = received, {} \
         dropped, of pages {gone:?}; reasons {:?} {:?}",
        writer.written(),
        settled.delivered,
        settled.dropped_in_all(),
        books.read + books.generated + books.recovered,
        books.delivered,
        books.dropped_in_all(),
        books.dropped,
        settled.dropped,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_that_blocks() {
    full("block").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_that_drops_the_oldest() {
    full("drop_oldest").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_that_drops_the_newest() {
    full("drop_newest").await;
}
