//! Row 24 of the faults: targets that do not end, do not begin, or lie about what they send. Each is down by the time-out,
//! none costs memory beyond its limit, and the target beside them misses no scrape.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use weir_receive::{Preview, Recorder};
use weir_rig::config::{job, remote_write};
use weir_rig::raw::Raw;
use weir_rig::target::Target;
use weir_rig::{Weir, eventually};

type Answer = fn(TcpStream) -> BoxFuture<'static, std::io::Result<()>>;

/// How often each is scraped before the test looks.
const SCRAPES: usize = 4;

/// The limit of every hostile job, in MiB.
const BODY_LIMIT: usize = 8;

/// What is done, and what the failure is counted under; on a busy machine a flood may not reach the limit in time.
const HOSTILE: [(&str, &str, Answer); 27] = [
    ("silent", "timeout", |s| wait(s).boxed()),
    ("closes_at_once", "connection", |s| text(s, "").boxed()),
    ("half_a_head", "connection", |s| text(s, "HTTP/1.1 200 OK\r\nContent-Le").boxed()),
    ("drips_its_head", "timeout", |s| drip(s, "", "HTTP/1.1 200 OK\r\nX-Long: ").boxed()),
    ("drips_its_body", "timeout", |s| drip(s, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "a 1\n").boxed()),
    ("endless_body", "body_size_limit or timeout", |s| flood(s, "HTTP/1.1 200 OK\r\n\r\n", b"a 1\n").boxed()),
    ("endless_chunks", "body_size_limit or timeout", |s| {
        flood(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"8\r\naaaaaa 1\r\n").boxed()
    }),
    ("endless_blanks", "body_size_limit or timeout", |s| flood(s, "HTTP/1.1 200 OK\r\n\r\n", b"    ").boxed()),
    ("endless_line", "body_size_limit or timeout", |s| flood(s, "HTTP/1.1 200 OK\r\n\r\na{x=\"", b"yyyy").boxed()),
    ("endless_head", "connection", |s| flood(s, "HTTP/1.1 200 OK\r\nX-Long: ", b"yyyy").boxed()),
    ("endless_headers", "connection", |s| flood(s, "HTTP/1.1 200 OK\r\n", b"X-Long: y\r\n").boxed()),
    ("endless_continue", "timeout", |s| flood(s, "", b"HTTP/1.1 100 Continue\r\n\r\n").boxed()),
    ("endless_error", "status", |s| flood(s, "HTTP/1.1 500 Oh\r\n\r\n", b"why ").boxed()),
    ("stops_half_way", "body", |s| text(s, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\nb").boxed()),
    ("stops_half_way_and_stays", "timeout", |s| {
        stay(s, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\nb").boxed()
    }),
    ("stops_within_a_chunk", "body", |s| {
        text(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\na 1\n").boxed()
    }),
    ("garbage_for_a_chunk", "body", |s| {
        text(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\na 1\n\r\n0\r\n\r\n").boxed()
    }),
    ("a_chunk_of_all_there_is", "timeout", |s| {
        stay(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\na 1\n").boxed()
    }),
    ("two_lengths", "connection", |s| {
        text(s, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\na 1\n").boxed()
    }),
    ("no_http", "connection", |s| text(s, "a 1\nb 2\n").boxed()),
    ("leads_in_a_circle", "connection", |s| {
        text(s, "HTTP/1.1 302 Found\r\nLocation: /metrics\r\nContent-Length: 0\r\n\r\n").boxed()
    }),
    ("gzip_that_is_none", "gzip", |s| gzip(s, b"a 1\n".to_vec()).boxed()),
    ("gzip_that_stops", "gzip", |s| gzip(s, zipped(b"a 1\n")[..12].to_vec()).boxed()),
    ("gzip_bomb", "body_size_limit or timeout", |s| gzip(s, bomb(400)).boxed()),
    ("gzip_bomb_of_many_members", "body_size_limit or timeout", |s| gzip(s, bomb(1).repeat(400)).boxed()),
    ("gzip_within_gzip", "syntax", |s| gzip(s, zipped(&bomb(1))).boxed()),
    ("another_encoding", "gzip", |s| {
        text(s, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\na 1\n").boxed()
    }),
];

/// Odd, and yet good answers.
const ODD: [(&str, Answer); 4] = [
    ("continues_first", |s| {
        text(s, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n")
            .boxed()
    }),
    ("says_more_than_it_should", |s| {
        text(s, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nb 1\n")
            .boxed()
    }),
    ("old_http", |s| text(s, "HTTP/1.0 200 OK\r\n\r\na 1\n").boxed()),
    ("gzip_in_two_members", |s| gzip(s, [zipped(b"a 1"), zipped(b"\n")].concat()).boxed()),
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_targets_are_down_by_the_time_out_and_harm_nobody() {
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    let good = Target::start(|n| format!("good {n}\n")).await;
    let mut config = job("good", &good.address, "");
    let (mut bad, mut odd) = (vec![], vec![]);
    for (name, reason, answer) in HOSTILE {
        let target = Raw::start(answer).await;
        config += &job(name, &target.address, &format!("body_size_limit = \"{BODY_LIMIT}MB\""));
        bad.push((name, reason, target));
    }
    for (name, answer) in ODD {
        let target = Raw::start(answer).await;
        config += &job(name, &target.address, "");
        odd.push((name, target));
    }
    config += &remote_write("preview", &preview.remote_write_url());
    let mut weir = Weir::start(&config).await;
    let before = weir.program().memory();
    let series = |metric: &str, job: &str, address: &str| {
        recorder.samples(&format!("{metric}{{instance=\"{address}\", job=\"{job}\"}}"))
    };
    eventually("every target was scraped often enough", async || {
        let few = |(name, address): &(&str, &str)| series("up", name, address).len() < SCRAPES;
        let all = bad.iter().map(|(n, _, t)| (*n, t.address.as_str()));
        let few: Vec<_> = all.chain(odd.iter().map(|(n, t)| (*n, t.address.as_str()))).filter(few).collect();
        if few.is_empty() { Ok(()) } else { Err(format!("{few:?}")) }
    })
    .await;
    let metrics = weir.metrics().await;
    for (name, reason, target) in &bad {
        let up: Vec<f64> = series("up", name, &target.address).iter().map(|p| p.value).collect();
        assert!(up.iter().all(|v| *v == 0.0), "{name} is down: {up:?}");
        let of_job = [("scrape_job", *name)];
        let failed = metrics.matching("weir_scrape_failures_total", &of_job);
        let told: Vec<_> = failed.map(|s| (s.labels["reason"].clone(), s.value)).collect();
        let meant = told.iter().all(|(r, _)| reason.split(" or ").any(|meant| meant == r));
        assert!(meant && !told.is_empty(), "{name} fails by {reason}: {told:?}");
        let others = recorder.series().into_iter().filter(|s| s.contains(&format!("job=\"{name}\"")));
        let own: Vec<_> = others.filter(|s| !s.starts_with("up{") && !s.starts_with("scrape_")).collect();
        assert_eq!(own, [""; 0], "nothing of a page that failed is kept");
        assert!(target.asked() >= SCRAPES as u64);
    }
    for (name, target) in &odd {
        let up = series("up", name, &target.address);
        assert!(up.iter().all(|p| p.value == 1.0), "{name} is up: {up:?}");
        assert_eq!(series("a", name, &target.address).len().min(SCRAPES), SCRAPES, "{name} has its sample");
    }
    let peak = weir.program().memory().peak;
    weir.program().assert_runs();
    assert_eq!(weir.program().terminate().await, Some(0));
    let values: Vec<f64> = series("good", "good", &good.address).iter().map(|p| p.value).collect();
    assert!(values.windows(2).all(|w| w[1] == w[0] + 1.0), "the good target misses no scrape: {values:?}");
    println!(
        "{} hostile and {} odd targets, {} scrapes beside them without a gap, memory {} to {} MiB",
        bad.len(),
        odd.len(),
        values.len(),
        before.resident >> 20,
        peak >> 20
    );
    // Six reach the limit at once, each in a buffer that may be twice as large; the rest is for what hyper holds.
    let most = before.resident + ((6 * 2 * BODY_LIMIT as u64 + 100) << 20);
    assert!(peak < most, "{} MiB at most, {} before", peak >> 20, before.resident >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_body_without_a_limit_ends_at_weirs_own() {
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    let endless = Raw::start(|s| gzip(s, bomb(400)).boxed()).await;
    // the first scrape is within an interval, and what is looked at below is over long before the second
    let config = format!(
        "[[scrape_configs]]\njob_name = \"endless\"\nscrape_interval = \"40s\"\nscrape_timeout = \"40s\"\n\
         static_configs = [{{ targets = [\"{}\"] }}]\n",
        endless.address
    );
    let mut weir = Weir::start(&(config + &remote_write("preview", &preview.remote_write_url()))).await;
    let reason = [("scrape_job", "endless"), ("reason", "body_size_limit")];
    eventually("weir's own limit", async || {
        let metrics = weir.metrics().await;
        let all = metrics.sum("weir_scrape_failures_total", &[("scrape_job", "endless")]);
        let tripped = metrics.sum("weir_scrape_failures_total", &reason);
        if tripped > 0.0 && all == tripped { Ok(()) } else { Err((all, tripped)) }
    })
    .await;
    let memory = eventually("the body is given back", async || {
        let memory = weir.program().memory();
        if memory.resident < 200 << 20 { Ok(memory) } else { Err(format!("{} MiB", memory.resident >> 20)) }
    })
    .await;
    println!("{} MiB at the peak, {} after it", memory.peak >> 20, memory.resident >> 20);
    // The limit is 256 MiB, and a buffer that grows is copied.
    assert!(memory.peak < 640 << 20, "{} MiB", memory.peak >> 20);
    assert_eq!(weir.program().terminate().await, Some(0));
}

async fn text(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

async fn stay(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    wait(stream).await
}

/// Until the other side has had enough.
async fn wait(stream: TcpStream) -> std::io::Result<()> {
    let mut rest = [0; 64];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut rest) {
            Ok(0) => return Ok(()),
            Err(e) if e.kind() != std::io::ErrorKind::WouldBlock => return Err(e),
            _ => {}
        }
    }
}

async fn drip(mut stream: TcpStream, head: &str, drop: &str) -> std::io::Result<()> {
    stream.write_all(head.as_bytes()).await?;
    for byte in drop.bytes().chain(std::iter::repeat(b'y')) {
        stream.write_all(&[byte]).await?;
        // the pace is the fault: a byte now and then, never so late that a time-out between reads would notice
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn flood(mut stream: TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    stream.write_all(head.as_bytes()).await?;
    let block = body.repeat(16_384 / body.len());
    loop {
        stream.write_all(&block).await?;
    }
}

async fn gzip(mut stream: TcpStream, body: Vec<u8>) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A gzip member of so many MiB of line ends; one is made once.
fn bomb(mebibytes: usize) -> Vec<u8> {
    static ONE: LazyLock<Vec<u8>> = LazyLock::new(|| zipped(&[b'\n'; 1 << 20]));
    static FOUR_HUNDRED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
        (0..400).for_each(|_| gzip.write_all(&[b'\n'; 1 << 20]).unwrap());
        gzip.finish().unwrap()
    });
    if mebibytes == 1 { ONE.clone() } else { FOUR_HUNDRED.clone() }
}
