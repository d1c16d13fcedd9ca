//! kill -9, hundreds of times (rows 1, 2 and 5 of what weir survives).
//!
//! The judges: every line that was written arrives. Every sample and line that lay in a queue's files at a kill arrives, by
//! a reader that is not weir's. Strict receivers: order per series, nothing repeated that a crash does not explain.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use weir_receive::strict::REPEATED;
use weir_rig::kills::{Kills, how_many};
use weir_rig::ledger::balanced;
use weir_rig::lines::{Writer, arrivals, complete};
use weir_rig::queue_files::QueueFiles;
use weir_rig::random::Random;
use weir_rig::receiver::unsteady;
use weir_rig::target::{Target, numbered};
use weir_rig::{Receiver, Weir, eventually};

/// What one target serves: each series has the page's number for its value.
fn page(number: u64) -> String {
    numbered(0..20, number)
}

/// Log files, those that were rotated away included: one may have been renamed while nobody ran.
fn file_logs(logs: &std::path::Path) -> String {
    let dir = logs.display();
    format!(
        "[[file_logs]]\nname = \"app\"\npaths = [\"{dir}/*.log\", \"{dir}/*.log.*\"]\nlabels = {{ job = \"app\" }}\n"
    )
}

fn remote_write(name: &str, receiver: &Receiver) -> String {
    format!(
        "[[remote_write]]\nname = \"{name}\"\nurl = \"{}\"\nremote_timeout = \"5s\"\n\
         queue_config = {{ batch_send_deadline = \"50ms\", max_backoff = \"200ms\" }}\nqueue = {{ max_bytes = \"16MiB\", sync_interval = \"100ms\" }}\n",
        receiver.remote_write_url()
    )
}

fn loki(name: &str, receiver: &Receiver, more: &str) -> String {
    let url = receiver.loki_url();
    format!("[[loki]]\nname = \"{name}\"\nurl = \"{url}\"\nbatch_wait = \"50ms\"\ntimeout = \"5s\"\n{more}\n")
}

/// Writes numbered lines and rotates until it is told to stop.
fn keep_writing(
    writers: Arc<Mutex<Vec<Writer>>>,
    stop: Arc<AtomicBool>,
    mut random: Random,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            for writer in writers.lock().unwrap().iter_mut() {
                writer.write(random.below(8));
                if random.below(150) == 0 {
                    writer.rotate();
                }
            }
            tokio::time::sleep(Duration::from_millis(10 + random.below(20))).await;
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_at_random_moments_under_load_loses_nothing() {
    let mut random = Random::seeded();
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let receivers = [Receiver::start().await.tolerating_repeats(), Receiver::start().await.tolerating_repeats()];
    for receiver in &receivers {
        unsteady(receiver.faults(), random.fork(), 100);
    }
    let targets = [Target::start(page).await, Target::start(page).await, Target::start(page).await];
    let addresses: Vec<_> = targets.iter().map(|t| format!("\"{}\"", t.address)).collect();
    let config = [
        format!(
            "[[scrape_configs]]\njob_name = \"seq\"\nscrape_interval = \"200ms\"\nscrape_timeout = \"200ms\"\n\
             static_configs = [{{ targets = [{}] }}]\n",
            addresses.join(", ")
        ),
        file_logs(&logs),
        remote_write("a", &receivers[0]),
        remote_write("b", &receivers[1]),
        loki("a", &receivers[0], "queue = { max_bytes = \"16MiB\", sync_interval = \"100ms\" }"),
        loki("b", &receivers[1], "queue = { max_bytes = \"16MiB\", sync_interval = \"100ms\" }"),
    ]
    .concat();
    let files = ["a", "b", "c"].map(|name| Writer::new(&logs, name)).into();
    let (writers, stop) = (Arc::new(Mutex::new(files)), Arc::new(AtomicBool::new(false)));
    let mut weir = Weir::start_in(dir.path(), &config).await;
    let writing = keep_writing(writers.clone(), stop.clone(), random.fork());
    let components = [("remote_write.a", 0), ("remote_write.b", 1), ("loki.a", 0), ("loki.b", 1)];
    let mut kills = Kills::watching(&weir, &components);
    for _ in 0..how_many(200) {
        // the moment is what the test is about: any is good, in a start as well
        if random.below(5) == 0 {
            tokio::time::sleep(Duration::from_millis(random.below(400))).await;
            kills.kill(&mut weir).await;
            weir.start_again();
            tokio::time::sleep(Duration::from_millis(random.below(150))).await;
        } else {
            // one life in eight is long enough for a checkpoint: in a second nothing of a file is settled
            let longest = if random.below(8) == 0 { 3000 } else { 600 };
            tokio::time::sleep(Duration::from_millis(random.below(longest))).await;
        }
        kills.kill(&mut weir).await;
        kills.restart(&mut weir).await;
    }
    stop.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    let mut writers = Arc::into_inner(writers).unwrap().into_inner().unwrap();
    for receiver in &receivers {
        receiver.faults().heal();
    }
    let last: Vec<u64> = writers.iter().map(Writer::written).collect();
    for writer in &mut writers {
        writer.write(100);
    }
    for receiver in &receivers {
        complete(receiver, &writers).await;
    }
    kills.all_arrived(&receivers).await;
    // the scrapes go on; what is under way is in the books as well
    let ledger = balanced(&weir).await;
    for (component, _) in components {
        assert!(ledger.sink(component).delivered > 0, "{component}: {ledger:?}");
    }
    assert_eq!(weir.program().terminate().await, Some(0));

    let (records, samples, lines) = kills.seen();
    println!("{} kills; the longest start took {:?}", kills.count, kills.longest_start);
    println!("on disk at the kills: {records} records with {samples} samples and {lines} lines, all arrived");
    for (n, receiver) in receivers.iter().enumerate() {
        let text = receiver.lines();
        let mut twice = 0;
        for (writer, last) in writers.iter().zip(&last) {
            let counts = arrivals(text.iter().map(String::as_str), writer.name());
            twice += counts.values().map(|times| times - 1).sum::<u64>();
            assert!(counts.range(last..).all(|(_, times)| *times == 1), "twice, though nothing crashed since");
        }
        let judge = receiver.judge();
        let repeated = judge.violations().iter().filter(|v| v.rule == REPEATED).count();
        println!(
            "receiver {n}: {} lines, {twice} of them again; {} samples, {} again and swallowed, {repeated} again and refused",
            text.len(),
            judge.sample_count(),
            judge.duplicates().len(),
        );
    }
    let served: u64 = targets.iter().map(Target::served).sum();
    println!("pages served: {served}; those that had not reached a queue died with their process");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_segments_begin_and_go_loses_nothing() {
    let mut random = Random::seeded();
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let receivers = [Receiver::start().await.tolerating_repeats()];
    // one lane of 1 MiB has segments of 128 KiB: some 500 of these lines
    let sink = loki(
        "a",
        &receivers[0],
        "batch_bytes = \"32KiB\"\nqueue = { max_bytes = \"1MiB\", lanes = 1, sync_interval = \"100ms\" }",
    );
    let mut weir = Weir::start_in(dir.path(), &[file_logs(&logs), sink].concat()).await;
    let writer = Arc::new(Mutex::new(Writer::new(&logs, "a")));
    let (stop, mut noise) = (Arc::new(AtomicBool::new(false)), random.fork());
    let writing = tokio::task::spawn_blocking({
        let (writer, stop) = (writer.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                writer.lock().unwrap().write_random(40, &mut noise);
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    let mut kills = Kills::watching(&weir, &[("loki.a", 0)]);
    let data = dir.path().join("data");
    let (mut begun, mut gone) = (0, 0);
    for round in 0..how_many(60) {
        let (wait, beginning) = (random.below(3000), round % 2 == 0);
        let data = data.clone();
        // as soon as a segment begins or goes, by turns, and up to some milliseconds later
        let (more, less) = tokio::task::spawn_blocking(move || {
            let queue = QueueFiles::of(&data, "loki.a");
            let mut before = queue.segments();
            loop {
                let now = queue.segments();
                let more = now.iter().any(|s| !before.contains(s));
                let less = before.iter().any(|s| !now.contains(s));
                if if beginning { more } else { less } {
                    std::thread::sleep(Duration::from_micros(wait));
                    return (more, less);
                }
                before = now;
                std::thread::sleep(Duration::from_micros(100));
            }
        })
        .await
        .unwrap();
        begun += u32::from(more);
        gone += u32::from(less);
        kills.kill(&mut weir).await;
        kills.restart(&mut weir).await;
    }
    stop.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    let writer = Arc::into_inner(writer).unwrap().into_inner().unwrap();
    complete(&receivers[0], [&writer]).await;
    kills.all_arrived(&receivers).await;
    assert_eq!(weir.program().terminate().await, Some(0));
    let counts = arrivals(receivers[0].lines().iter().map(String::as_str), "a").values().sum::<u64>();
    println!(
        "{} kills, {begun} at the beginning of a segment, {gone} at the end of one; the longest start took {:?}; {} lines, \
         {} of them again",
        kills.count,
        kills.longest_start,
        writer.written(),
        counts - writer.written(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_the_oldest_make_room_is_no_damage() {
    let mut random = Random::seeded();
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let receivers = [Receiver::start().await.tolerating_repeats()];
    let config = |lanes: u64| {
        let queue = "max_bytes = \"1MiB\", when_full = \"drop_oldest\", sync_interval = \"100ms\"";
        let sink = format!("batch_bytes = \"16KiB\"\nqueue = {{ {queue}, lanes = {lanes} }}");
        [file_logs(&logs), loki("a", &receivers[0], &sink)].concat()
    };
    let mut weir = Weir::start_in(dir.path(), &config(2)).await;
    let mut kills = Kills::watching(&weir, &[]);
    let mut writer = Writer::new(&logs, "a");
    let (mut made_room, mut lanes) = (0, 2);
    for round in 0..how_many(25) {
        receivers[0].faults().always(weir_receive::Answer::status(503));
        // more than the budget holds
        for _ in 0..8 {
            writer.write_random(1000, &mut random);
            tokio::task::yield_now().await;
        }
        let books = eventually("the oldest make room", async || {
            let books = weir.books("loki.a").await;
            if books.dropped("queue_full") > 0 { Ok(books) } else { Err(books) }
        })
        .await;
        made_room += books.dropped("queue_full");
        tokio::time::sleep(Duration::from_millis(random.below(100))).await;
        kills.kill(&mut weir).await;
        if round % 3 == 2 {
            // another number of lanes: what is left is sent before anything new
            lanes = 1 + random.below(4);
            Weir::write_config(dir.path(), &config(lanes));
        }
        if round % 5 == 4 {
            receivers[0].faults().heal();
        }
        kills.restart(&mut weir).await;
        let books = balanced(&weir).await.sink("loki.a");
        assert_eq!(books.dropped("queue_corrupt"), 0, "what was dropped is no damage: {books:?}");
    }
    receivers[0].faults().heal();
    eventually("everything that is left is sent", async || {
        let books = weir.books("loki.a").await;
        if books.held() == 0 { Ok(()) } else { Err(books) }
    })
    .await;
    let from = writer.written();
    writer.write_random(50, &mut random);
    eventually("the newest lines", async || {
        let arrived = receivers[0].lines();
        let counts = arrivals(arrived.iter().map(String::as_str), "a");
        let missing: Vec<_> = (from..writer.written()).filter(|n| !counts.contains_key(n)).collect();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    })
    .await;
    let books = balanced(&weir).await.sink("loki.a");
    assert_eq!(books.dropped("queue_corrupt"), 0, "{books:?}");
    assert_eq!(weir.program().terminate().await, Some(0));
    println!(
        "{} kills, {made_room} lines made room before them, none counted as damaged; the longest start took {:?}; {lanes} \
         lanes at the end",
        kills.count, kills.longest_start
    );
}

/// What may become of a cursor file.
fn damage(random: &mut Random, path: &std::path::Path) {
    let size = std::fs::metadata(path).unwrap().len() as usize;
    match random.below(5) {
        0 => std::fs::remove_file(path).unwrap(),
        1 => std::fs::write(path, []).unwrap(),
        2 => std::fs::write(path, vec![0; size]).unwrap(),
        3 => std::fs::write(path, (0..size).map(|_| random.bits() as u8).collect::<Vec<_>>()).unwrap(),
        _ => {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..random.below(bytes.len() as u64) as usize]).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_that_are_missing_or_garbage_lose_nothing() {
    let mut random = Random::seeded();
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let receivers = [Receiver::start().await.tolerating_repeats()];
    let target = Target::start(page).await;
    let config = [
        weir_rig::config::job("seq", &target.address, "").replace("\"1s\"", "\"200ms\""),
        file_logs(&logs),
        remote_write("a", &receivers[0]),
        loki("a", &receivers[0], ""),
    ]
    .concat();
    let mut weir = Weir::start_in(dir.path(), &config).await;
    let mut kills = Kills::watching(&weir, &[("remote_write.a", 0), ("loki.a", 0)]);
    let mut writer = Writer::new(&logs, "a");
    let mut damaged = 0;
    for round in 0..how_many(12) {
        writer.write(200);
        complete(&receivers[0], [&writer]).await;
        // and some that are read, but not delivered
        receivers[0].faults().always(weir_receive::Answer::status(503));
        writer.write(200);
        eventually("a backlog", async || {
            let (samples, lines) = (weir.books("remote_write.a").await, weir.books("loki.a").await);
            if samples.held() > 20 && lines.held() >= 200 { Ok(()) } else { Err((samples, lines)) }
        })
        .await;
        if round % 2 == 0 {
            kills.kill(&mut weir).await;
        } else {
            assert_eq!(weir.program().terminate().await, Some(0));
        }
        for component in ["remote_write.a", "loki.a"] {
            for cursor in QueueFiles::of(&dir.path().join("data"), component).cursors() {
                damage(&mut random, &cursor);
                damaged += 1;
            }
        }
        receivers[0].faults().heal();
        kills.restart(&mut weir).await;
    }
    complete(&receivers[0], [&writer]).await;
    kills.all_arrived(&receivers).await;
    assert_eq!(weir.program().terminate().await, Some(0));
    assert!(damaged > 0);
    let judge = receivers[0].judge();
    let repeated = judge.violations().len();
    println!(
        "{damaged} cursors damaged over {} restarts; {} samples and {} lines arrived, {} again and swallowed, {repeated} \
         samples again and refused",
        how_many(12),
        judge.sample_count(),
        judge.line_count(),
        judge.duplicates().len(),
    );
}
